"""Frames of results: made of rows, typed, and as parquet stores them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bohb_study.schema.columns import EXTRA, HP, Column, Kind, columns_for

_PANDAS = {"int": "int64", "float": "float64", "str": "str", "bool": "bool"}
_PANDAS_NULLABLE = {"int": "Int64", "float": "float64", "str": "str", "bool": "boolean"}
_ARROW = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bool": pa.bool_()}
_TYPE_NAMES = {"double": "float64", "string": "str"}
"""What Arrow calls otherwise than pandas."""
_KIND_NAMES: dict[Kind, str] = {"int": "int64", "float": "float64", "str": "str", "bool": "bool"}


def build_frame(
    rows: Sequence[Mapping[str, Any]],
    hyperparameters: Mapping[str, Kind],
    extra: Sequence[str] = (),
) -> pd.DataFrame:
    """Rows (one mapping a report, keys as column names) as a typed frame; missing values are NA."""
    return pd.DataFrame(
        {
            column.name: typed([row.get(column.name) for row in rows], column)
            for column in columns_for(hyperparameters, extra)
        }
    )


def typed(values: Sequence[Any] | np.ndarray, column: Column) -> Any:
    """The values of one column as a pandas array of its type; None becomes NA."""
    if not isinstance(values, np.ndarray):
        missing = float("nan") if column.kind == "float" else pd.NA
        values = [missing if v is None else v for v in values]
    return pd.array(values, dtype=pandas_dtype(column))


def pandas_dtype(column: Column) -> Any:  # to pandas' stubs only literal names are types
    """The pandas type of a column; nullable where the column may hold NA."""
    return (_PANDAS_NULLABLE if column.nullable else _PANDAS)[column.kind]


def kinds_of(frame: pd.DataFrame) -> tuple[dict[str, Kind], list[str]]:
    """The hyperparameters (with their kinds) and the extra measurements that a frame holds."""
    hps: dict[str, Kind] = {}
    for name in frame.columns:
        if str(name).startswith(HP):
            dtype = frame[name].dtype
            kind: Kind = (
                "bool"
                if pd.api.types.is_bool_dtype(dtype)
                else "int"
                if pd.api.types.is_integer_dtype(dtype)
                else "float"
                if pd.api.types.is_float_dtype(dtype)
                else "str"
            )
            hps[str(name).removeprefix(HP)] = kind
    extra = [str(n).removeprefix(EXTRA) for n in frame.columns if str(n).startswith(EXTRA)]
    return hps, extra


def arrow_schema(
    hyperparameters: Mapping[str, Kind],
    extra: Sequence[str] = (),
    fixed: Sequence[Column] | None = None,
) -> pa.Schema:
    """The explicit schema in which frames are stored; arguments as of ``columns_for``."""
    return pa.schema(
        [
            pa.field(c.name, _ARROW[c.kind], nullable=c.nullable)
            for c in columns_for(hyperparameters, extra, fixed)
        ]
    )


def stored_types(schema: pa.Schema) -> dict[str, str]:
    """Names and types of stored columns, in their order and in pandas' words (``float64``).

    Whether a text is ``large_string`` only says who wrote the file, and is left out.
    """
    return {
        field.name: _TYPE_NAMES.get(name, name)
        for field in schema
        for name in [str(field.type).removeprefix("large_")]
    }


def stored_kinds(schema: pa.Schema) -> tuple[dict[str, Kind], list[str]]:
    """As ``kinds_of``, of a stored table; a type that no column has counts as text."""
    kinds = {kind: name for name, kind in _KIND_NAMES.items()}
    types = stored_types(schema)
    hps = {n.removeprefix(HP): kinds.get(t, "str") for n, t in types.items() if n.startswith(HP)}
    return hps, [name.removeprefix(EXTRA) for name in types if name.startswith(EXTRA)]
