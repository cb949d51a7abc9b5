"""references.json: what the losses of a study's tasks are normalised with, beside its cells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store import shapes
from bohb_study.store.checksums import write_packed
from bohb_study.store.sealed import read_beside, sealed_json
from bohb_study.store.study_folders import PACK_AGAIN

REFERENCES_FILE = "references.json"

_REFERENCE = shapes.fields(
    {
        "best": shapes.number,
        "median": shapes.number,
        "source": shapes.text,
        "count": shapes.nullable(shapes.whole(0)),
    }
)
_REFERENCES = shapes.fields({"references": shapes.table(_REFERENCE, shapes.name)})


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
    path = folder / REFERENCES_FILE
    said = {"schema": SCHEMA_VERSION, "study": study_id, "references": references}
    write_packed(folder, {REFERENCES_FILE: sealed_json(said)})
    return path


def read_references(folder: Path, study_id: str) -> dict[str, dict[str, Any]]:
    """What references.json says: task -> the fields of its reference; empty where there is none.

    Raises:
        StudyError: it is damaged, of a newer version, or of another study.
    """
    path = folder / REFERENCES_FILE
    try:
        stored = read_beside(path, study_id, _REFERENCES)
        return {task: dict(fields) for task, fields in stored["references"].items()}
    except FileNotFoundError:
        return {}
    except ValueError as why:
        raise StudyError(f"{path}: damaged: {why}; {PACK_AGAIN}") from None
