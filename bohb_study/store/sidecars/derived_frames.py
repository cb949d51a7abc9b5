"""What a compact pack keeps of the rows that it leaves out, as small frames beside it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from bohb_study.errors import StudyError
from bohb_study.schema import SCHEMA_VERSION, with_present_methods
from bohb_study.store import shapes
from bohb_study.store.checksums import write_packed
from bohb_study.store.packed_cells import (
    opened_frame,
    pack_origin,
    read_rows,
    read_vouched,
    unusable,
)
from bohb_study.store.parquet import check_frame, parquet_bytes, table_bytes
from bohb_study.store.sidecars.sidecar import Sidecar

DERIVED_FILE = "derived.json"
WHOLE = "whole"
"""All rows of some cells; the only frame with the columns of ``schema.COLUMNS``."""
STORED: Mapping[str, str] = {
    WHOLE: WHOLE,
    "correlations": "correlations",
    "suggestions": "picks",
    "brackets": "brackets",
}
"""The frames that there may be -> what each is called on disk, in ``<name>.parquet``."""
NAMES = tuple(STORED)
DERIVED_FILES = (DERIVED_FILE, *(f"{name}.parquet" for name in STORED.values()))

_FRAME = shapes.fields({"rows": shapes.whole(0), "sha256": shapes.sha256})
_DERIVED_JSON = Sidecar(
    DERIVED_FILE,
    shapes.fields({"frames": shapes.table(_FRAME, shapes.one_of(tuple(STORED.values())))}),
)


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
    given = {STORED[name]: frames[name] for name in NAMES if name in frames}
    data = {name: _bytes(name, frame, study_id) for name, frame in given.items()}
    says = {
        name: {"rows": len(frame), "sha256": hashlib.sha256(data[name]).hexdigest()}
        for name, frame in given.items()
    }
    files = {f"{name}.parquet": content for name, content in data.items()}
    files[DERIVED_FILE] = _DERIVED_JSON.content(study_id, {"frames": says})
    gone = dict.fromkeys(f"{name}.parquet" for name in STORED.values() if name not in data)
    write_packed(folder, {**files, **gone})
    return [folder / name for name in files]


def read_derived(folder: Path, study_id: str) -> dict[str, pd.DataFrame]:
    """The frames beside a pack, by name; none where there is no derived.json.

    Raises:
        StudyError: a file is damaged or missing, of a newer version, or of another study.
    """
    stored = _DERIVED_JSON.read(folder, study_id, dict)
    if stored is None:
        return {}
    return {
        name: _read(folder / f"{file}.parquet", stored["frames"][file], stored["schema"], study_id)
        for name, file in STORED.items()
        if file in stored["frames"]
    }


def _bytes(name: str, frame: pd.DataFrame, study_id: str) -> bytes:
    origin = pack_origin(study_id, name, SCHEMA_VERSION)
    if name == WHOLE:
        return parquet_bytes(frame, origin)
    return table_bytes(pa.Table.from_pandas(frame, preserve_index=False), origin)


def _read(path: Path, says: Mapping[str, Any], schema: int, study_id: str) -> pd.DataFrame:
    try:
        if path.stem == WHOLE:
            frame = read_rows(path, says["sha256"], schema, study_id, WHOLE)
            check_frame(frame)
        else:
            data = read_vouched(path, says["sha256"], schema, study_id, path.stem)
            frame = with_present_methods(opened_frame(data), schema)
        if len(frame) != says["rows"]:
            raise ValueError(f"has {len(frame)} rows, not {says['rows']}")
    except (ValueError, StudyError) as why:
        raise unusable(path, str(why)) from None
    return frame
