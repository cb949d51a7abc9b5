"""references.json: what the losses of a study's tasks are normalised with, beside its cells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bohb_study.store import shapes
from bohb_study.store.sidecars.sidecar import Sidecar

REFERENCES_FILE = "references.json"

_REFERENCE = shapes.fields(
    {
        "best": shapes.number,
        "median": shapes.number,
        "source": shapes.text,
        "count": shapes.nullable(shapes.whole(0)),
    }
)
_REFERENCES_JSON = Sidecar(
    REFERENCES_FILE, shapes.fields({"references": shapes.table(_REFERENCE, shapes.name)})
)


def write_references(
    folder: Path, study_id: str, references: Mapping[str, Mapping[str, Any]]
) -> Path:
    """Write references.json of the study in ``folder``; returns its path.

    Args:
        folder: where the study is, as it was run or packed.
        study_id: its id.
        references: task -> the fields of its reference.

    Raises:
        StudyError: the disk is full or the file cannot be written; what existed is untouched.
    """
    return _REFERENCES_JSON.write(folder, study_id, {"references": references})


def read_references(folder: Path, study_id: str) -> dict[str, dict[str, Any]]:
    """What references.json says: task -> the fields of its reference; empty where there is none.

    Raises:
        StudyError: it is damaged, of a newer version, or of another study.
    """
    return _REFERENCES_JSON.read(folder, study_id, _references) or {}


def _references(stored: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {task: dict(fields) for task, fields in stored["references"].items()}
