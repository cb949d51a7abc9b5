"""code.json: what decided a study's rows, part by part, so that a difference can be named."""

from collections.abc import Mapping
from pathlib import Path

from bohb_study.errors import StudyError
from bohb_study.files import read_file, replace_files
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store import shapes
from bohb_study.store.sealed import MOST_JSON_BYTES, SELF, parsed, read_json, sealed_json

CODE_FILE = "code.json"

_PARTS = shapes.table(shapes.line, shapes.line)


def write_code(folder: Path, parts: Mapping[str, str]) -> Path:
    """Write code.json of the study in ``folder``; returns its path.

    Args:
        folder: of the study.
        parts: of ``provenance.code_parts``: file -> hash, package -> version.

    Raises:
        StudyError: the disk is full or the file cannot be written; what existed is untouched.
    """
    path = folder / CODE_FILE
    content = sealed_json({"schema": SCHEMA_VERSION, **parts})
    replace_files({path: content}, folder)
    return path


def read_code(folder: Path) -> dict[str, str] | None:
    """What decided the rows of the study in ``folder``; None where that was not stored.

    Raises:
        StudyError: code.json is damaged or of a newer version.
    """
    path = folder / CODE_FILE
    try:
        parts = parsed(read_file(path, MOST_JSON_BYTES))
        if "schema" in parts or SELF in parts:  # of schema 1 there are the parts alone
            parts = read_json(path)
            del parts["schema"]
        _PARTS(parts, "")
        if not parts:
            raise ValueError("names no part")
    except FileNotFoundError:
        return None
    except ValueError as why:
        raise StudyError(
            f"{path}: damaged: {why}; remove it: it only names what a difference of code is"
        ) from None
    return parts
