"""What a thinned pack keeps of the rows that it leaves out, as small frames beside it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from bohb_study.errors import StudyError
from bohb_study.schema import SCHEMA_VERSION, upgraded
from bohb_study.store import shapes
from bohb_study.store.cells import (
    check_frame,
    opened_parquet,
    parquet_bytes,
    parquet_frame,
    table_bytes,
)
from bohb_study.store.checksums import write_packed
from bohb_study.store.files import read_file
from bohb_study.store.loading import pack_origin
from bohb_study.store.sealed import SEALED_SINCE, read_beside, sealed_json
from bohb_study.store.study_folders import PACK_AGAIN

DERIVED_FILE = "derived.json"
WHOLE = "whole"
"""All rows of some cells; the only frame with the columns of columns.py."""
NAMES = (WHOLE, "correlations", "picks", "brackets")
"""The frames that there may be, each in ``<name>.parquet``."""
DERIVED_FILES = (DERIVED_FILE, *(f"{name}.parquet" for name in NAMES))

_FRAME = shapes.fields({"rows": shapes.whole(0), "sha256": shapes.sha256})
_DERIVED = shapes.fields({"frames": shapes.table(_FRAME, shapes.one_of(NAMES))})


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
    data = {name: _bytes(name, frames[name], study_id) for name in NAMES if name in frames}
    says = {
        "schema": SCHEMA_VERSION,
        "study": study_id,
        "frames": {
            name: {"rows": len(frames[name]), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in data.items()
        },
    }
    files = {_path(folder, name).name: content for name, content in data.items()}
    files[DERIVED_FILE] = sealed_json(says)
    gone = dict.fromkeys(_path(folder, name).name for name in NAMES if name not in data)
    write_packed(folder, {**files, **gone})
    return [folder / name for name in files]


def read_derived(folder: Path, study_id: str) -> dict[str, pd.DataFrame]:
    """The frames beside a pack, by name; none where there is no derived.json.

    Raises:
        StudyError: a file is damaged or missing, of a newer version, or of another study.
    """
    path = folder / DERIVED_FILE
    try:
        stored = read_beside(path, study_id, _DERIVED)
    except FileNotFoundError:
        return {}
    except ValueError as why:
        raise _unusable(path, f"damaged: {why}") from None
    sealed = stored["schema"] >= SEALED_SINCE
    return {
        name: _read(
            _path(folder, name),
            stored["frames"][name],
            pack_origin(study_id, name) if sealed else None,
            schema=stored["schema"],
            whole=name == WHOLE,
        )
        for name in NAMES
        if name in stored["frames"]
    }


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"


def _bytes(name: str, frame: pd.DataFrame, study_id: str) -> bytes:
    origin = pack_origin(study_id, name)
    if name == WHOLE:
        return parquet_bytes(frame, origin)
    return table_bytes(pa.Table.from_pandas(frame, preserve_index=False), origin)


def _read(
    path: Path,
    says: Mapping[str, Any],
    origin: Mapping[str, Any] | None,
    *,
    schema: int,
    whole: bool,
) -> pd.DataFrame:
    try:
        data = read_file(path)
        if hashlib.sha256(data).hexdigest() != says["sha256"]:
            raise ValueError("is not the file that was packed (sha256)")
        opened_parquet(data, origin)
        frame = upgraded(parquet_frame(data), schema)
        if len(frame) != says["rows"]:
            raise ValueError(f"has {len(frame)} rows, not {says['rows']}")
        if whole:
            check_frame(frame)
    except FileNotFoundError:
        raise _unusable(path, "is not there") from None
    except (ValueError, StudyError, pa.ArrowException) as why:
        raise _unusable(path, " ".join(str(why).split())) from None
    return frame


def _unusable(path: Path, why: str) -> StudyError:
    return StudyError(f"{path}: {why}; {PACK_AGAIN}")
