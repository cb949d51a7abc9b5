"""audit.json: what came of the audit of a study, beside its cells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store import shapes
from bohb_study.store.checksums import write_packed
from bohb_study.store.sealed import read_beside, sealed_json
from bohb_study.store.study_folders import PACK_AGAIN, is_packed

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

_WHEN = ("audited", "git")
"""Says when and by what code; an audit that comes out the same keeps what it said first."""


def write_audit(folder: Path, study_id: str, audit: Mapping[str, Any]) -> Path:
    """Write audit.json of the study in ``folder``; one that says the same stays as it is.

    Raises:
        StudyError: the disk is full or the file cannot be written; what existed is untouched.
    """
    path = folder / AUDIT_FILE
    try:
        before = read_audit(folder, study_id)
    except StudyError:
        before = None  # damaged: made again
    if before is None or _said(before) != _said(audit):
        write_packed(folder, {AUDIT_FILE: audit_bytes(study_id, audit)})
    return path


def audit_bytes(study_id: str, audit: Mapping[str, Any]) -> bytes:
    """audit.json as it is stored."""
    return sealed_json({"schema": SCHEMA_VERSION, "study": study_id, **audit})


def read_audit(folder: Path, study_id: str) -> dict[str, Any] | None:
    """What audit.json says; None where there is none.

    Raises:
        StudyError: it is damaged, of a newer version, or of another study.
    """
    path = folder / AUDIT_FILE
    try:
        stored = read_beside(path, study_id, _AUDIT)
    except FileNotFoundError:
        return None
    except ValueError as why:
        advice = PACK_AGAIN if is_packed(folder) else "run the same command: it is made again"
        raise StudyError(f"{path}: damaged: {why}; {advice}") from None
    return {key: value for key, value in stored.items() if key not in ("schema", "study")}


def _said(audit: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in audit.items() if key not in _WHEN}
