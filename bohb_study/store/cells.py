"""One cell on disk: its rows as parquet, and beside it the JSON that vouches for them.

Both say of which cell and study they are, so that a file in another's place is seen.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bohb_study.errors import StudyError
from bohb_study.files import replace_files
from bohb_study.schema import CELL, SCHEMA_VERSION, kinds_of, rows_hash, upgraded
from bohb_study.store.cell_record import CellRecord
from bohb_study.store.parquet import check_frame, parquet_bytes, parquet_frame
from bohb_study.store.sealed import sealed_json
from bohb_study.store.verified_cells import (
    CellState,
    NotDoneError,
    Origin,
    cell_origin,
    cell_paths,
    verified,
)
from bohb_study.study import Cell

__all__ = [
    "CellState",
    "NotDoneError",
    "Origin",
    "cell_paths",
    "cell_record",
    "cell_state",
    "check_rows",
    "read_cell",
    "write_cell",
]

_ADVICE: dict[CellState, str] = {
    "missing": "run the same command to run it",
    "failed": "run the same command to run it again",
    "damaged": "run the same command: a damaged cell is run again",
    "mismatch": "a program with other columns wrote it; use that one, or fresh=True",
}


def write_cell(
    folder: Path, cell: Cell, frame: pd.DataFrame | None, record: Mapping[str, Any]
) -> None:
    """Store a cell: its rows, then the JSON with ``record`` and the hashes that vouch for them.

    Without a frame the cell has failed, and ``record["error"]`` says why; a cell that is already
    done then stays as it is.

    Args:
        folder: of the study.
        cell: which.
        frame: its rows.
        record: what else is known; ``study``, ``identity`` and ``config`` say of which study it is,
            and go into the parquet too.

    Raises:
        StudyError: the rows do not fit the schema or are not of this cell, the disk is full, or a
            file cannot be written. Nothing that existed is lost.
    """
    parquet, json_path = cell_paths(folder, cell)
    if frame is None:
        if cell_state(folder, cell)[0] != "done":
            failed = {**_head(cell, "failed"), "error": record.get("error", "no reason was given")}
            content = sealed_json({**failed, **_rest(record, failed)})
            replace_files({json_path: content}, folder)
        return
    check_rows(frame, cell)
    hyperparameters, extra = kinds_of(frame)
    data = parquet_bytes(frame, cell_origin(cell, record, SCHEMA_VERSION))
    done = {
        **_head(cell, "done"),
        "rows": len(frame),
        "sha256": hashlib.sha256(data).hexdigest(),
        "rows_hash": rows_hash(frame),
        "hyperparameters": hyperparameters,
        "extra": extra,
    }
    content = sealed_json({**done, **_rest(record, done)})
    replace_files({parquet: data, json_path: content}, folder)


def read_cell(
    folder: Path, cell: Cell, origin: Origin | None = None
) -> tuple[pd.DataFrame, CellRecord]:
    """The rows of a cell that is done, verified, and its record.

    Args:
        folder: of the study.
        cell: which.
        origin: the study that it must be of, where that is known.

    Raises:
        StudyError: it is not done, damaged, or of a newer version; says what to do.
    """
    record, data = _done(folder, cell, origin)
    try:
        frame = upgraded(parquet_frame(data), record.schema)
        check_rows(frame, cell)
    except (StudyError, ValueError) as why:
        # The file is as it was written, so running the cell again would not be offered.
        raise StudyError(f"{cell_paths(folder, cell)[0]}: {why}; use fresh=True") from None
    return frame, record


def cell_record(folder: Path, cell: Cell, origin: Origin | None = None) -> CellRecord:
    """The record of a cell that is done; cheaper than ``read_cell``, as no row is read.

    Raises:
        StudyError: as ``read_cell``.
    """
    return _done(folder, cell, origin)[0]


def cell_state(folder: Path, cell: Cell, origin: Origin | None = None) -> tuple[CellState, str]:
    """Whether the cell is done, else why not, as one line that names the file.

    Checks the JSON, the hashes, the types of the columns, and of which cell and study the rows
    are, but not the rows one by one.

    Raises:
        StudyError: a newer version of this program wrote the cell.
    """
    try:
        verified(folder, cell, origin)
    except NotDoneError as found:
        return found.state, found.why
    return "done", ""


def check_rows(frame: pd.DataFrame, cell: Cell) -> None:
    """Raise StudyError, in one line, for rows that do not fit the schema or are not this cell's."""
    check_frame(frame)
    for name in CELL:
        if frame[name].unique().tolist() != [getattr(cell, name)]:
            raise StudyError(f"{cell}: has no rows, or rows of another cell (column {name})")


def _done(folder: Path, cell: Cell, origin: Origin | None) -> tuple[CellRecord, bytes]:
    """As ``verified``, for the person at the terminal."""
    try:
        return verified(folder, cell, origin)
    except NotDoneError as found:
        raise StudyError(f"{found.why}; {_ADVICE[found.state]}") from None


def _head(cell: Cell, state: CellState) -> dict[str, Any]:
    return {
        "schema": SCHEMA_VERSION,
        "task": cell.task,
        "method": cell.method,
        "seed": cell.seed,
        "status": state,
    }


def _rest(record: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What a record adds; it cannot speak for the file's own keys."""
    return {key: value for key, value in record.items() if key not in own}
