"""Parquet files of strangers, read with care: numbers and text alone, and no more than fits.

A few kilobytes of parquet can ask for all memory, and a column can hold anything; what is opened
here is checked by what the file says of itself before a row of it is read.
"""

import json
from collections.abc import Mapping
from textwrap import shorten
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ORIGIN = b"bohb_study"
"""Key of a parquet's own metadata: of what cell and study it is, or what it is a table of."""
MALFORMED = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)
"""What pyarrow and pandas raise, beside Arrow's own errors, for a file that is made up."""
MOST_VALUES = 200_000_000
"""Of rows times columns in one file: 1.6 GB in memory."""
MOST_BYTES = 8 * MOST_VALUES
"""Of text in one file, counted for each row."""


def table_bytes(table: pa.Table, origin: Mapping[str, Any] | None = None) -> bytes:
    """A table as parquet, which says where it is from."""
    if origin is not None:
        known = table.schema.metadata or {}
        table = table.replace_schema_metadata({**known, ORIGIN: canonical(origin)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def plain_table(data: bytes) -> pa.Table:
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
    if origin is not None and known.get(ORIGIN) != canonical(origin):
        raise ValueError("is of another cell or study, by what it says itself")
    return file


def unreadable(why: BaseException) -> str:
    """What Arrow or pandas says of a file that cannot be read, on one short line."""
    said = " ".join(str(why).split())
    return shorten("".join(letter for letter in said if letter.isprintable()), 120)


def canonical(origin: Mapping[str, Any]) -> bytes:
    """The one text of where a file is from: JSON with sorted keys."""
    return json.dumps(origin, sort_keys=True, allow_nan=False).encode()
