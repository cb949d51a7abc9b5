"""references.json: what the losses of a study's tasks are normalised with, beside its cells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bohb_study.columns import SCHEMA_VERSION
from bohb_study.errors import StudyError
from bohb_study.store.files import json_bytes, read_json, replace_files

REFERENCES_FILE = "references.json"


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
    replace_files({path: json_bytes(said)})
    return path


def read_references(folder: Path, study_id: str) -> dict[str, dict[str, Any]]:
    """What references.json says: task -> the fields of its reference; empty where there is none.

    Raises:
        StudyError: it is damaged, of a newer version, or of another study.
    """
    path = folder / REFERENCES_FILE
    try:
        stored = read_json(path)
        if stored["study"] != study_id:
            raise ValueError(f"belongs to study {stored['study']}, not {study_id}")
        return {task: dict(fields) for task, fields in stored["references"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as why:
        raise StudyError(
            f"{path}: damaged: {why}; restore it from git, or pack the study again"
        ) from None
