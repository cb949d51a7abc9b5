"""One cell on disk: its rows as parquet, and beside it the JSON that vouches for them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bohb_study.columns import (
    CELL,
    SCHEMA_VERSION,
    arrow_schema,
    frame_schema,
    kinds_of,
    rows_hash,
    upgraded,
)
from bohb_study.errors import StudyError
from bohb_study.store.files import json_bytes, read_json, replace_files
from bohb_study.study import Cell

CellState = Literal["done", "missing", "failed", "damaged"]

_ADVICE: dict[CellState, str] = {
    "missing": "run the same command to run it",
    "failed": "run the same command to run it again",
    "damaged": "run the same command: a damaged cell is run again",
}


class NotDoneError(Exception):
    """Why a cell cannot be used as it is."""

    def __init__(self, state: CellState, path: Path, detail: str = "") -> None:
        """Name the file, its state and, where there is more to say, the detail; one line."""
        self.state = state
        self.why = f"{path}: {state}{f': {detail}' if detail else ''}"
        super().__init__(self.why)


def cell_paths(folder: Path, cell: Cell) -> tuple[Path, Path]:
    """The cell's parquet and JSON."""
    stem = folder / "cells" / cell.task / cell.method / str(cell.seed)
    return stem.with_suffix(".parquet"), stem.with_suffix(".json")


def write_cell(
    folder: Path, cell: Cell, frame: pd.DataFrame | None, record: Mapping[str, Any]
) -> None:
    """Store a cell: its rows, then the JSON with ``record`` and the hashes that vouch for them.

    Without a frame the cell has failed, and ``record["error"]`` says why; a cell that is already
    done then stays as it is.

    Raises:
        StudyError: the rows are not such as columns.py describes or not of this cell, the disk is
            full, or a file cannot be written. Nothing that existed is lost.
    """
    parquet, json = cell_paths(folder, cell)
    if frame is None:
        if cell_state(folder, cell)[0] != "done":
            failed = {**_head(cell, "failed"), "error": record.get("error", "no reason was given")}
            replace_files({json: json_bytes({**failed, **_rest(record, failed)})})
        return
    check_rows(frame, cell)
    hyperparameters, extra = kinds_of(frame)
    data = parquet_bytes(frame)
    done = {
        **_head(cell, "done"),
        "rows": len(frame),
        "sha256": hashlib.sha256(data).hexdigest(),
        "rows_hash": rows_hash(frame),
        "hyperparameters": hyperparameters,
        "extra": extra,
    }
    replace_files({parquet: data, json: json_bytes({**done, **_rest(record, done)})})


def read_cell(folder: Path, cell: Cell) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows of a cell that is done, verified, and its record.

    Raises:
        StudyError: it is not done, damaged, or of a newer version; says what to do.
    """
    record, data = _done(folder, cell)
    frame = upgraded(parquet_frame(data), record["schema"])
    try:
        check_rows(frame, cell)
    except StudyError as why:
        # The file is as it was written, so running the cell again would not be offered.
        raise StudyError(f"{cell_paths(folder, cell)[0]}: {why}; use --fresh") from None
    return frame, record


def cell_record(folder: Path, cell: Cell) -> dict[str, Any]:
    """The record of a cell that is done; cheaper than ``read_cell``, as no row is read.

    Raises:
        StudyError: as ``read_cell``.
    """
    return _done(folder, cell)[0]


def cell_state(folder: Path, cell: Cell) -> tuple[CellState, str]:
    """Whether the cell is done, else why not, as one line that names the file.

    Checks the JSON, the hash and the types of the columns, but not the rows one by one.

    Raises:
        StudyError: a newer version of this program wrote the cell.
    """
    try:
        verified(folder, cell)
    except NotDoneError as found:
        return found.state, found.why
    return "done", ""


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """A frame of results as parquet, under the explicit schema; the same frame, the same bytes.

    The pandas metadata stay in, so that ``pandas.read_parquet`` restores the nullable types.
    """
    table = pa.Table.from_pandas(frame, schema=arrow_schema(*kinds_of(frame)), preserve_index=False)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def parquet_frame(data: bytes) -> pd.DataFrame:
    """The frame that ``parquet_bytes`` wrote, types included."""
    table = pq.read_table(pa.BufferReader(data))
    # each column is freed as it is converted: a large study is in memory once, not twice
    frame: pd.DataFrame = table.to_pandas(self_destruct=True)
    return frame


def check_frame(frame: pd.DataFrame) -> None:
    """Raise StudyError, in one line, for rows that are not such as columns.py describes."""
    from pandera.errors import SchemaError, SchemaErrors  # slow to import

    try:
        # in place: the check itself changes nothing, and a copy would double a large study
        frame_schema(*kinds_of(frame)).validate(frame, inplace=True)
    except (SchemaError, SchemaErrors) as error:
        # Columns that are too many or out of order come as a collection, whatever was asked for.
        first = error.schema_errors[0] if isinstance(error, SchemaErrors) else error
        why = shorten(str(first), width=200, placeholder=" ...")
        raise StudyError(f"rows do not fit columns.py: {why}") from error


def check_rows(frame: pd.DataFrame, cell: Cell) -> None:
    """Raise StudyError, in one line, for rows that do not fit columns.py or are not this cell's."""
    check_frame(frame)
    for name in CELL:
        if frame[name].unique().tolist() != [getattr(cell, name)]:
            raise StudyError(f"{cell}: has no rows, or rows of another cell (column {name})")


def verified(folder: Path, cell: Cell) -> tuple[dict[str, Any], bytes]:
    """The record of a cell that is done and the parquet's bytes, which are those it vouches for.

    Raises:
        NotDoneError: the cell is missing, failed or damaged.
        StudyError: a newer version of this program wrote it.
    """
    parquet, json = cell_paths(folder, cell)
    record = _read_record(json, cell)
    try:
        data = parquet.read_bytes()
    except OSError as error:
        raise NotDoneError("damaged", parquet, f"cannot be read: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != record.get("sha256"):
        raise NotDoneError("damaged", parquet, "is not the file that was written (sha256)")
    try:
        stored = pq.read_schema(pa.BufferReader(data)).remove_metadata()
        expected = arrow_schema(record["hyperparameters"], record["extra"])
    except (pa.ArrowException, KeyError, TypeError, AttributeError):
        raise NotDoneError("damaged", parquet, "is not a cell's parquet") from None
    if _types(stored) != _types(expected):
        wrong = sorted({name for name, _ in {*_types(stored)} ^ {*_types(expected)}})
        raise NotDoneError("damaged", parquet, f"wrong columns: {', '.join(wrong) or 'order'}")
    return record, data


def _done(folder: Path, cell: Cell) -> tuple[dict[str, Any], bytes]:
    """As ``verified``, for the person at the terminal."""
    try:
        return verified(folder, cell)
    except NotDoneError as found:
        raise StudyError(f"{found.why}; {_ADVICE[found.state]}") from None


def _types(schema: pa.Schema) -> list[tuple[str, str]]:
    """Names and types of columns; what only tells who wrote the file is left out."""
    return [(field.name, str(field.type).removeprefix("large_")) for field in schema]


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


def _read_record(path: Path, cell: Cell) -> dict[str, Any]:
    try:
        record = read_json(path)
    except FileNotFoundError:
        raise NotDoneError("missing", path) from None
    except ValueError as why:
        raise NotDoneError("damaged", path, str(why)) from None
    if [record.get(name) for name in CELL] != [getattr(cell, name) for name in CELL]:
        raise NotDoneError("damaged", path, "describes another cell")
    if record.get("status") == "failed":
        # Of a traceback the last line says what happened.
        lines = str(record.get("error")).strip().splitlines()
        raise NotDoneError("failed", path, lines[-1] if lines else "")
    if record.get("status") != "done":
        raise NotDoneError("damaged", path, "says neither done nor failed")
    return record
