"""What a thinned pack keeps of the rows that it leaves out, as small frames beside it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bohb_study.columns import SCHEMA_VERSION, upgraded
from bohb_study.errors import StudyError
from bohb_study.store.cells import parquet_bytes, parquet_frame
from bohb_study.store.files import json_bytes, read_json, replace_files

DERIVED_FILE = "derived.json"
WHOLE = "whole"
"""All rows of some cells; the only frame with the columns of columns.py."""
NAMES = (WHOLE, "correlations", "picks", "brackets")
"""The frames that there may be, each in ``<name>.parquet``."""
DERIVED_FILES = (DERIVED_FILE, *(f"{name}.parquet" for name in NAMES))


def write_derived(folder: Path, study_id: str, frames: Mapping[str, pd.DataFrame]) -> list[Path]:
    """Write frames beside a pack, and derived.json, which vouches for them; the same, same bytes.

    Frames of earlier that are not among them are removed.

    Args:
        folder: of the pack.
        study_id: of the study.
        frames: by name, one of ``NAMES``.

    Returns:
        The files, derived.json last.

    Raises:
        StudyError: the disk is full or a file cannot be written.
        ValueError: a name is none of ``NAMES``.
    """
    if unknown := sorted(set(frames) - set(NAMES)):
        raise ValueError(f"{unknown[0]}: no derived frame; there are {', '.join(NAMES)}")
    data = {name: _bytes(name, frames[name]) for name in NAMES if name in frames}
    says = {
        "schema": SCHEMA_VERSION,
        "study": study_id,
        "frames": {
            name: {"rows": len(frames[name]), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in data.items()
        },
    }
    files = {_path(folder, name): content for name, content in data.items()}
    files[folder / DERIVED_FILE] = json_bytes(says)
    replace_files(files)
    for name in NAMES:
        if name not in data:
            _path(folder, name).unlink(missing_ok=True)
    return list(files)


def read_derived(folder: Path, study_id: str) -> dict[str, pd.DataFrame]:
    """The frames beside a pack, by name; none where there is no derived.json.

    Raises:
        StudyError: a file is damaged or missing, of a newer version, or of another study.
    """
    path = folder / DERIVED_FILE
    try:
        stored = read_json(path)
        if stored["study"] != study_id:
            raise ValueError(f"belongs to study {stored['study']}, not {study_id}")
        says = {
            name: stored["frames"][name]["sha256"] for name in NAMES if name in stored["frames"]
        }
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as why:
        raise _unusable(path, f"damaged: {why}") from None
    return {
        name: upgraded(_read(_path(folder, name), sha256), stored["schema"])
        for name, sha256 in says.items()
    }


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"


def _bytes(name: str, frame: pd.DataFrame) -> bytes:
    if name == WHOLE:
        return parquet_bytes(frame)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _read(path: Path, sha256: str) -> pd.DataFrame:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _unusable(path, "is not the file that was packed (sha256)")
    return parquet_frame(data)


def _unusable(path: Path, why: str) -> StudyError:
    return StudyError(f"{path}: {why}; restore the packed study from git, or pack it again")
