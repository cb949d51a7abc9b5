"""What is checked of a frame when it is written and when it is read."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bohb_study.losses import LOSS_LIMIT
from bohb_study.schema.columns import COLUMNS, Column, Kind, columns_for
from bohb_study.schema.typed_frames import kinds_of, pandas_dtype

if TYPE_CHECKING:
    import pandera.pandas as pandera


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
    return pandera.Column(pandas_dtype(column), checks=checks, nullable=column.nullable)


def mismatch(found: Mapping[str, str], expected: Mapping[str, str]) -> str:
    """In what the columns of a frame are not those expected, in a line; empty where they are.

    Args:
        found: type by name, in the order of the columns.
        expected: the same of the columns that there must be.
    """
    for name in [*expected, *found]:
        is_, must = found.get(name), expected.get(name)
        if is_ != must:
            return (
                f"schema mismatch: column {name} is {is_ or 'not there'}, "
                f"expected {must or 'no such column'}"
            )
    for name, must in zip(found, expected, strict=True):
        if name != must:
            return f"schema mismatch: column {name} stands where {must} is expected"
    return ""


def frame_mismatch(frame: pd.DataFrame) -> str:
    """``mismatch`` of a frame in memory and the present columns."""
    expected = {c.name: str(pandas_dtype(c)) for c in columns_for(*kinds_of(frame))}
    return mismatch({str(name): str(own) for name, own in frame.dtypes.items()}, expected)


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
