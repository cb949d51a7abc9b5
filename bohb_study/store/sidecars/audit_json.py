"""audit.json: the result of the audit of a study, beside its cells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError
from bohb_study.store import shapes
from bohb_study.store.sidecars.sidecar import Sidecar

AUDIT_FILE = "audit.json"

_FINDING = shapes.fields(
    {"where": shapes.text, "what": shapes.text}, {"known": shapes.nullable(shapes.text)}
)
_CHECK = shapes.fields(
    {"state": shapes.line, "places": shapes.whole(0)},
    {
        "findings": shapes.array(_FINDING),
        "notes": shapes.array(shapes.text),
        "table": shapes.array(shapes.table(shapes.anything)),
    },
)
_AUDIT = shapes.fields(
    {
        "holds": shapes.flag,
        "cells": shapes.whole(0),
        "rows": shapes.whole(0),
        "checks": shapes.table(_CHECK, shapes.line),
    },
    {"audited": shapes.line, "git": shapes.table(shapes.anything)},
)

_AUDIT_JSON = Sidecar(AUDIT_FILE, _AUDIT, "run the same command: it is made again")

_WHEN = ("audited", "git")
"""When and by what code; an audit of the same result keeps what it said first."""


def write_audit(folder: Path, study_id: str, audit: Mapping[str, Any]) -> Path:
    """Write audit.json of the study in ``folder``; one that says the same stays as it is.

    Raises:
        StudyError: the disk is full or the file cannot be written; what existed is untouched.
    """
    try:
        before = read_audit(folder, study_id)
    except StudyError:
        before = None  # damaged: made again
    if before is None or _result(before) != _result(audit):
        _AUDIT_JSON.write(folder, study_id, audit)
    return folder / AUDIT_FILE


def audit_bytes(study_id: str, audit: Mapping[str, Any]) -> bytes:
    """audit.json as it is stored."""
    return _AUDIT_JSON.content(study_id, audit)


def read_audit(folder: Path, study_id: str) -> dict[str, Any] | None:
    """What audit.json says; None where there is none.

    Raises:
        StudyError: it is damaged, of a newer version, or of another study.
    """
    return _AUDIT_JSON.read(folder, study_id, _without_head)


def _without_head(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stored.items() if key not in ("schema", "study")}


def _result(audit: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in audit.items() if key not in _WHEN}
