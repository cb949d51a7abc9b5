"""One cell on disk: its rows as parquet, and beside it the JSON that vouches for them.

Both say of which cell and study they are, so that a file in another's place is seen.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bohb_study.errors import StudyError
from bohb_study.schema import (
    CELL,
    SCHEMA_VERSION,
    arrow_schema,
    frame_schema,
    kinds_of,
    rows_hash,
    upgraded,
)
from bohb_study.store.compressed_records import check_record
from bohb_study.store.files import read_file, replace_files
from bohb_study.store.sealed import SEALED_SINCE, read_json, sealed_json
from bohb_study.store.shapes import Told
from bohb_study.study import Cell, StudyConfig, identity_id

CellState = Literal["done", "missing", "failed", "damaged"]

ORIGIN = b"bohb_study"
"""Key of a parquet's own metadata: of what cell and study it is."""
MOST_VALUES = 200_000_000
"""Of rows times columns in one file: 1.6 GB in memory."""
_COMPARED = ("budget", "workers", "engine", "eta")
"""What cells of schema 1 tell of their study."""

_ADVICE: dict[CellState, str] = {
    "missing": "run the same command to run it",
    "failed": "run the same command to run it again",
    "damaged": "run the same command: a damaged cell is run again",
}


@dataclass(frozen=True)
class Origin:
    """The study that cells must be of."""

    study_id: str
    config: Mapping[str, Any]
    """As ``StudyConfig.to_json`` gives it; cells of schema 1 are compared with it."""

    @classmethod
    def of(cls, config: StudyConfig) -> "Origin":
        """That of a study that is run."""
        return cls(config.id, config.to_json())

    def refuses(self, record: Mapping[str, Any]) -> str:
        """Why the cell of this record is of another study; empty where it is of this one."""
        if record["schema"] >= SEALED_SINCE:
            own = record.get("study")
            return "" if own == self.study_id else f"is of study {own}, not {self.study_id}"
        then = record.get("config", {})
        for key in _COMPARED:
            if key in then and key in self.config and then[key] != self.config[key]:
                return f"is of a study of {key} {then[key]}, not {self.config[key]}"
        return ""


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

    Args:
        folder: of the study.
        cell: which.
        frame: its rows.
        record: what else is known; ``study``, ``identity`` and ``config`` say of which study it is,
            and go into the parquet too.

    Raises:
        StudyError: the rows are not such as columns.py describes or not of this cell, the disk is
            full, or a file cannot be written. Nothing that existed is lost.
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
    data = parquet_bytes(frame, _origin(cell, record))
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
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows of a cell that is done, verified, and its record.

    Args:
        folder: of the study.
        cell: which.
        origin: the study that it must be of, where that is known.

    Raises:
        StudyError: it is not done, damaged, or of a newer version; says what to do.
    """
    record, data = _done(folder, cell, origin)
    frame = upgraded(parquet_frame(data), record["schema"])
    try:
        check_rows(frame, cell)
    except StudyError as why:
        # The file is as it was written, so running the cell again would not be offered.
        raise StudyError(f"{cell_paths(folder, cell)[0]}: {why}; use fresh=True") from None
    return frame, record


def cell_record(folder: Path, cell: Cell, origin: Origin | None = None) -> dict[str, Any]:
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


def parquet_bytes(frame: pd.DataFrame, origin: Mapping[str, Any] | None = None) -> bytes:
    """A frame of results as parquet, under the explicit schema; the same frame, the same bytes.

    The pandas metadata stay in, so that ``pandas.read_parquet`` restores the nullable types.

    Args:
        frame: of results.
        origin: what the file is to say of where it is from, as JSON values.
    """
    table = pa.Table.from_pandas(frame, schema=arrow_schema(*kinds_of(frame)), preserve_index=False)
    return table_bytes(table, origin)


def table_bytes(table: pa.Table, origin: Mapping[str, Any] | None = None) -> bytes:
    """A table as parquet, which says where it is from."""
    if origin is not None:
        known = table.schema.metadata or {}
        table = table.replace_schema_metadata({**known, ORIGIN: _canonical(origin)})
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


def opened_parquet(data: bytes, origin: Mapping[str, Any] | None = None) -> pq.ParquetFile:
    """A parquet of which no row is read yet.

    Args:
        data: the file.
        origin: what it must say of where it is from; nothing is asked of a file of schema 1.

    Raises:
        ValueError: it is no parquet, too large to be read, or from elsewhere; says which.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        known = file.schema_arrow.metadata or {}
    except (pa.ArrowException, OSError, ValueError):
        raise ValueError("is no parquet") from None
    found = file.metadata
    groups = [found.row_group(i) for i in range(found.num_row_groups)]
    rows, unpacked = found.num_rows, sum(group.total_byte_size for group in groups)
    if not 0 <= rows * max(1, found.num_columns) <= MOST_VALUES or unpacked > 8 * MOST_VALUES:
        raise ValueError(
            f"says that it holds {rows:,} rows of {found.num_columns} columns; no more than "
            f"{MOST_VALUES:,} values are read"
        )
    if origin is not None and known.get(ORIGIN) != _canonical(origin):
        raise ValueError("is of another cell or study, by what it says itself")
    return file


def _canonical(origin: Mapping[str, Any]) -> bytes:
    return json.dumps(origin, sort_keys=True, allow_nan=False).encode()


def _origin(cell: Cell, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the parquet of a cell says of where it is from."""
    return {
        "schema": SCHEMA_VERSION,
        **{name: getattr(cell, name) for name in CELL},
        "study": record.get("study"),
        "identity": record.get("identity"),
        "budget": record.get("config", {}).get("budget"),
    }


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


def verified(
    folder: Path, cell: Cell, origin: Origin | None = None
) -> tuple[dict[str, Any], bytes]:
    """The record of a cell that is done and the parquet's bytes, which are those it vouches for.

    Raises:
        NotDoneError: the cell is missing, failed or damaged, or is not of ``origin``.
        StudyError: a newer version of this program wrote it.
    """
    parquet, json_path = cell_paths(folder, cell)
    record = _read_record(json_path, cell)
    if why := origin.refuses(record) if origin else "":
        raise NotDoneError("damaged", json_path, why)
    try:
        data = read_file(parquet)
    except FileNotFoundError:
        raise NotDoneError("damaged", parquet, "is not there") from None
    except ValueError as why:
        raise NotDoneError("damaged", parquet, str(why)) from None
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise NotDoneError("damaged", parquet, "is not the file that was written (sha256)")
    try:
        _check_parquet(data, cell, record)
    except ValueError as why:
        raise NotDoneError("damaged", parquet, str(why)) from None
    return record, data


def _check_parquet(data: bytes, cell: Cell, record: Mapping[str, Any]) -> None:
    """Raise ValueError for a parquet that is not of this cell, or not such as its record says."""
    origin = {**_origin(cell, record), "schema": record["schema"]}
    file = opened_parquet(data, origin if record["schema"] >= SEALED_SINCE else None)
    stored = _types(file.schema_arrow)
    expected = _types(arrow_schema(record["hyperparameters"], record["extra"]))
    if stored != expected:
        wrong = sorted({name for name, _ in {*stored} ^ {*expected}})
        raise ValueError(f"wrong columns: {', '.join(wrong) or 'order'}")
    if file.metadata.num_rows != record["rows"]:
        raise ValueError(f"has {file.metadata.num_rows} rows, not {record['rows']}")
    for number, name in enumerate(CELL):
        if _range(file.metadata, number) not in (None, (getattr(cell, name),) * 2):
            raise ValueError(f"holds rows of another cell (column {name})")


def _range(metadata: pq.FileMetaData, column: int) -> tuple[Any, Any] | None:
    """The lowest and the highest value of a column, as the file tells; None where it does not."""
    told = [
        metadata.row_group(group).column(column).statistics
        for group in range(metadata.num_row_groups)
    ]
    if not told or not all(one is not None and one.has_min_max for one in told):
        return None
    return min(one.min for one in told), max(one.max for one in told)


def _done(folder: Path, cell: Cell, origin: Origin | None) -> tuple[dict[str, Any], bytes]:
    """As ``verified``, for the person at the terminal."""
    try:
        return verified(folder, cell, origin)
    except NotDoneError as found:
        raise StudyError(f"{found.why}; {_ADVICE[found.state]}") from None


def told_record(record: Mapping[str, Any], where: str, advice: str) -> dict[str, Any]:
    """The record of a cell, where a key that is not there is an error that names ``where``."""
    told = Told(record, where, advice)
    if "seconds" in told:
        told["seconds"] = Told(told["seconds"], f"{where}: seconds", advice)
    return told


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
    try:
        check_record(record)
        identity = record.get("identity")
        if identity is not None and identity_id(identity) != record.get("study"):
            raise ValueError("its identity is not that of its study")
    except ValueError as why:
        raise NotDoneError("damaged", path, str(why)) from None
    if record["status"] == "failed":
        # Of a traceback the last line says what happened.
        lines = record["error"].strip().splitlines()
        raise NotDoneError("failed", path, " ".join(lines[-1].split()) if lines else "")
    return told_record(
        record, str(path), "remove it and run the same command: the cell is run again"
    )
