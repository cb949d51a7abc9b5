"""Frames as parquet files that say of which cell or study they are, and are opened with care."""

import json
from collections.abc import Mapping
from textwrap import shorten
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bohb_study.errors import StudyError
from bohb_study.schema import (
    arrow_schema,
    columns_of,
    frame_mismatch,
    frame_schema,
    kinds_of,
    mismatch,
    stored_kinds,
    stored_types,
)

ORIGIN = b"bohb_study"
"""Key of a parquet's own metadata: of what cell and study it is."""
MALFORMED = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)
"""What pyarrow and pandas raise, beside Arrow's own errors, for a file that is made up."""
MOST_VALUES = 200_000_000
"""Of rows times columns in one file: 1.6 GB in memory."""
MOST_BYTES = 8 * MOST_VALUES
"""Of text in one file, counted for each row."""


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
    """The frame that ``parquet_bytes`` wrote, types included.

    Raises:
        ValueError: it cannot be read, whatever its hash says; why, in one line.
    """
    try:
        table = _table(data)
        # each column is freed as it is converted: a large study is in memory once, not twice
        frame: pd.DataFrame = table.to_pandas(self_destruct=True)
    except (pa.ArrowException, *MALFORMED) as why:
        said = " ".join(str(why).split())
        said = "".join(letter for letter in said if letter.isprintable())
        raise ValueError(f"its rows cannot be read: {shorten(said, 120)}") from None
    return frame


def _table(data: bytes) -> pa.Table:
    """All rows; text that stands once in the file, for very many rows, is counted for each first.

    Raises:
        ValueError: it would take too much memory, or has a column of neither numbers nor text.
        pa.ArrowException and others: it is malformed.
    """
    schema = pq.read_schema(pa.BufferReader(data))
    texts = [field.name for field in schema if field.type in (pa.string(), pa.large_string())]
    for field in schema:
        if field.name not in texts and not _is_plain(field.type):
            raise ValueError(f"column {shorten(field.name, 40)} is of type {field.type}")
    table = pq.read_table(pa.BufferReader(data), read_dictionary=texts)
    letters = 0
    for name in texts:
        for chunk in table.column(name).chunks:
            lengths = pc.binary_length(chunk.dictionary)
            letters += pc.sum(lengths.take(chunk.indices)).as_py() or 0
    if letters > MOST_BYTES:
        raise ValueError(f"holds {letters:,} bytes of text; no more than {MOST_BYTES:,} are read")
    return table.cast(schema)


def _is_plain(kind: pa.DataType) -> bool:
    """Whether a value is a number of a fixed width, a flag, or nothing."""
    checks = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
    return any(check(kind) for check in checks)


def opened_parquet(data: bytes, origin: Mapping[str, Any] | None = None) -> pq.ParquetFile:
    """A parquet of which no row is read yet.

    Args:
        data: the file.
        origin: what it must say of where it is from; nothing is asked of a file of schema 1.

    Raises:
        ValueError: it is no parquet, too large, malformed, or from elsewhere; says which.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        known = file.schema_arrow.metadata or {}
    except (pa.ArrowException, OSError, ValueError):
        raise ValueError("is no parquet") from None
    found = file.metadata
    groups = [found.row_group(i) for i in range(found.num_row_groups)]
    rows, unpacked = found.num_rows, sum(group.total_byte_size for group in groups)
    if not 0 <= rows * max(1, found.num_columns) <= MOST_VALUES or unpacked > MOST_BYTES:
        raise ValueError(
            f"says that it holds {rows:,} rows of {found.num_columns} columns; no more than "
            f"{MOST_VALUES:,} values are read"
        )
    if len(set(file.schema_arrow.names)) < found.num_columns:
        raise ValueError("has two columns of one name, or columns within columns")
    if origin is not None and known.get(ORIGIN) != _canonical(origin):
        raise ValueError("is of another cell or study, by what it says itself")
    return file


def stored_mismatch(file: pq.ParquetFile, schema: int) -> str:
    """In what the columns of a parquet are not those of version ``schema``; empty where they are.

    Hyperparameters and extra measurements are those that the file itself has.
    """
    stored = file.schema_arrow
    expected = arrow_schema(*stored_kinds(stored), columns_of(schema))
    return mismatch(stored_types(stored), stored_types(expected))


def check_frame(frame: pd.DataFrame) -> None:
    """Raise StudyError, in one line, for a frame of results that does not fit the schema."""
    if why := frame_mismatch(frame):
        raise StudyError(why)
    from pandera.errors import SchemaError, SchemaErrors  # slow to import

    try:
        # in place: the check itself changes nothing, and a copy would double a large study
        frame_schema(*kinds_of(frame)).validate(frame, inplace=True)
    except (SchemaError, SchemaErrors) as error:
        # Columns that are too many or out of order come as a collection, whatever was asked for.
        first = error.schema_errors[0] if isinstance(error, SchemaErrors) else error
        why = shorten(str(first), width=200, placeholder=" ...")
        raise StudyError(f"rows do not fit the schema: {why}") from error


def _canonical(origin: Mapping[str, Any]) -> bytes:
    return json.dumps(origin, sort_keys=True, allow_nan=False).encode()
