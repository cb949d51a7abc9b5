"""Every column of the result frame: name, type, unit, meaning. One place.

One row is one report: a trial reached a level and told its losses.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from bohb_study.losses import LOSS_LIMIT

if TYPE_CHECKING:
    import pandera.pandas as pandera

SCHEMA_VERSION = 2
"""Version of the stored form; raised when a column changes its meaning."""
LOSSES_MISSING_SINCE = 2
"""Version from which a training without a result has no loss. Before, a number of the task's stood
for it."""
Kind = Literal["int", "float", "str", "bool"]
"""Type of a column; "int" and "bool" are nullable pandas types where the column may be NA."""

DECISIONS = ("continue", "promote", "pause", "stop", "end")
STATUSES = ("ok", "diverged", "failed")
HP = "hp."
"""Prefix of the columns that hold hyperparameters."""
EXTRA = "extra."
"""Prefix of the columns that hold a task's further measurements."""


@dataclass(frozen=True)
class Column:
    """One column of the result frame."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    nullable: bool = False
    """May hold NA (for floats: NaN)."""
    measured: bool = False
    """Differs from run to run on the same machine; not part of the reproducibility hash."""
    values: tuple[str, ...] = ()
    """The only values allowed, where they are few."""


COLUMNS: tuple[Column, ...] = (
    Column("task", "str", "", "the cell's task"),
    Column("method", "str", "", "the cell's method"),
    Column("seed", "int", "", "the cell's study seed; a study of n seeds has 0..n-1"),
    Column("seq", "int", "", "order of arrival within the cell, from 0"),
    Column("trial", "int", "", "trial in order of suggestion, from 0; never Ray's id"),
    Column("config_id", "str", "", "hash of the canonical configuration"),
    Column("level", "int", "units", "fidelity reached: the cost of the rung, or the epoch"),
    Column("units", "int", "units", "charged for this step"),
    Column("units_restart", "int", "units", "what the step would cost if rungs could not resume"),
    Column("units_total", "int", "units", "charged for this and all rows before it"),
    Column("full_evals", "float", "full evaluations", "units_total / cost of one full evaluation"),
    Column("bracket", "int", "", "running number of the bracket in the cell", nullable=True),
    Column(
        "rung", "int", "", "index of the rung where halving was due; NA elsewhere", nullable=True
    ),
    Column("decision", "str", "", "what the scheduler decided on this report", values=DECISIONS),
    Column("model_based", "bool", "", "was the configuration a model's pick", nullable=True),
    Column(
        "val_loss",
        "float",
        "task",
        "validation loss; lower is better; NaN where there is no result",
        nullable=True,
    ),
    Column(
        "test_loss",
        "float",
        "task",
        "test loss; only for configurations that were chosen; NaN where it is not defined",
        nullable=True,
    ),
    Column(
        "true_loss", "float", "task", "noise-free loss at full fidelity, where known", nullable=True
    ),
    Column("status", "str", "", "ok, or why there is no result", values=STATUSES),
    Column("train_seconds", "float", "s", "measured time of the step", measured=True),
    Column(
        "search_seconds",
        "float",
        "s",
        "measured time of the searcher since the row before",
        measured=True,
    ),
    Column("virtual_seconds", "float", "s", "modelled time of arrival", nullable=True),
)

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
CELL = ("task", "method", "seed")

_PANDAS = {"int": "int64", "float": "float64", "str": "str", "bool": "bool"}
_PANDAS_NULLABLE = {"int": "Int64", "float": "float64", "str": "str", "bool": "boolean"}
_ARROW = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bool": pa.bool_()}


def columns_for(hyperparameters: Mapping[str, Kind], extra: Sequence[str] = ()) -> list[Column]:
    """All columns of a frame with these hyperparameters (without prefix) and extra measurements."""
    extras = [Column(EXTRA + n, "float", "task", "decides nothing", nullable=True) for n in extra]
    hps = [
        Column(HP + name, kind, "task", "hyperparameter; NA where inactive", nullable=True)
        for name, kind in hyperparameters.items()
    ]
    return [*COLUMNS, *extras, *hps]


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
    return pd.array(values, dtype=_dtype(column))


def _dtype(column: Column) -> Any:  # to pandas' stubs only literal names are types
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


def arrow_schema(hyperparameters: Mapping[str, Kind], extra: Sequence[str] = ()) -> pa.Schema:
    """The explicit schema in which frames are stored."""
    return pa.schema(
        [
            pa.field(c.name, _ARROW[c.kind], nullable=c.nullable)
            for c in columns_for(hyperparameters, extra)
        ]
    )


@cache
def _pandera_columns() -> "dict[str, pandera.Column]":
    return {c.name: _pandera_column(c) for c in COLUMNS}


def _pandera_column(column: Column) -> "pandera.Column":
    import pandera.pandas as pandera

    checks = []
    if column.values:  # noqa: PD011 (of a Column, not of a frame)
        checks.append(pandera.Check.isin(column.values))
    if column.kind == "int" and not column.nullable:
        checks.append(pandera.Check.ge(1 if column.name == "level" else 0))
    return pandera.Column(_dtype(column), checks=checks, nullable=column.nullable)


def frame_schema(
    hyperparameters: Mapping[str, Kind], extra: Sequence[str] = ()
) -> "pandera.DataFrameSchema":
    """What is checked when a frame is written and when it is read."""
    import pandera.pandas as pandera

    fixed = _pandera_columns()
    return pandera.DataFrameSchema(
        {
            c.name: fixed.get(c.name) or _pandera_column(c)
            for c in columns_for(hyperparameters, extra)
        },
        checks=[
            pandera.Check(
                lambda frame: pd.Series(~misfitting_losses(frame), index=frame.index),
                error="val_loss must be a finite number where status is ok and NaN elsewhere, "
                "test_loss finite or NaN, NaN where status is not ok",
            )
        ],
        strict=True,
        ordered=True,
    )


def validate(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame itself, checked against the schema of its own columns.

    Raises:
        pandera.errors.SchemaError: a value or a type is not allowed.
        pandera.errors.SchemaErrors: a column is missing, unknown or out of order.
    """
    hps, extra = kinds_of(frame)
    checked: pd.DataFrame = frame_schema(hps, extra).validate(frame)
    return checked


def misfitting_losses(frame: pd.DataFrame) -> np.ndarray:
    """Which rows have a loss without a result, a result without one, or one that is no number.

    Returns:
        Booleans, shape (n,).
    """
    ok = (frame["status"] == "ok").to_numpy(dtype=bool)
    val, test = (frame[name].to_numpy(dtype=np.float64) for name in ("val_loss", "test_loss"))
    usable, tested = np.abs(val) < LOSS_LIMIT, np.abs(test) < LOSS_LIMIT
    result = np.where(ok, usable, np.isnan(val))
    misfits: np.ndarray = np.logical_not(result & (np.isnan(test) | (tested & ok)))
    return misfits


def upgraded(frame: pd.DataFrame, schema: int) -> pd.DataFrame:
    """A frame that was stored under version ``schema``, as the present version has it.

    Before version 2 the losses of a training that diverged or failed were a number of the task's
    that stood for it; they are NaN.
    """
    if schema >= LOSSES_MISSING_SINCE or "status" not in frame:
        return frame
    without = frame["status"] != "ok"
    losses = {n: frame[n].mask(without) for n in ("val_loss", "test_loss") if n in frame}
    return frame.assign(**losses) if without.any() else frame


def rows_hash(frame: pd.DataFrame) -> str:
    """sha256 of the rows without what was measured: equal for runs that are reproductions."""
    measured = {column.name for column in COLUMNS if column.measured}
    kept = frame[[name for name in frame.columns if name not in measured]]
    return hashlib.sha256(kept.to_csv(index=False).encode()).hexdigest()
