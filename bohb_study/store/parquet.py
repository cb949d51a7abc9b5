"""Frames as parquet files that say of which cell or study they are, and are opened with care."""

from collections.abc import Mapping
from textwrap import shorten
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bohb_study.errors import StudyError
from bohb_study.plain_parquet import (
    MALFORMED,
    ORIGIN,
    opened_parquet,
    plain_table,
    table_bytes,
    unreadable,
)
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

__all__ = [
    "ORIGIN",
    "check_frame",
    "opened_parquet",
    "parquet_bytes",
    "parquet_frame",
    "stored_mismatch",
    "table_bytes",
]


def parquet_bytes(frame: pd.DataFrame, origin: Mapping[str, Any] | None = None) -> bytes:
    """A frame of results as parquet, under the explicit schema; the same frame, the same bytes.

    The pandas metadata stay in, so that ``pandas.read_parquet`` restores the nullable types.

    Args:
        frame: of results.
        origin: what the file is to say of where it is from, as JSON values.
    """
    table = pa.Table.from_pandas(frame, schema=arrow_schema(*kinds_of(frame)), preserve_index=False)
    return table_bytes(table, origin)


def parquet_frame(data: bytes) -> pd.DataFrame:
    """The frame that ``parquet_bytes`` wrote, types included.

    Raises:
        ValueError: it cannot be read, whatever its hash says; why, in one line.
    """
    try:
        table = plain_table(data)
        # each column is freed as it is converted: a large study is in memory once, not twice
        frame: pd.DataFrame = table.to_pandas(self_destruct=True)
    except (pa.ArrowException, *MALFORMED) as why:
        raise ValueError(f"its rows cannot be read: {unreadable(why)}") from None
    return frame


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
