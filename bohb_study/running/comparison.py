"""Two frames of one cell, row by row: equal, or where they first differ."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.schema import COLUMNS, SCHEMA_VERSION, added_since, rows_hash
from bohb_study.store import LoadedStudy
from bohb_study.study import Cell


@dataclass(frozen=True)
class Difference:
    """The first place in which two frames of one cell differ."""

    row: int
    """``seq`` of the row; the number of rows of the shorter frame where one has more."""
    column: str
    stored: Any
    rerun: Any


@dataclass(frozen=True)
class Comparison:
    """One cell that was run again, and whether it came out the same."""

    cell: Cell
    rows: int
    """Rows stored."""
    difference: Difference | None
    """None: every row and column is equal, the measured seconds aside."""


def compare_frames(
    stored: pd.DataFrame, rerun: pd.DataFrame, schema: int = SCHEMA_VERSION
) -> Difference | None:
    """The first difference between two frames of one cell, by row and then by column.

    Equal means identical: floats bit for bit (NaN equals NaN), types included. Measured columns
    are left out, and so are those that were not stored, but filled when they were read.

    Args:
        stored: as it was read.
        rerun: as it is computed now.
        schema: the version under which ``stored`` was stored.
    """
    measured = {column.name for column in COLUMNS if column.measured} | added_since(schema)
    for name in [*stored.columns, *rerun.columns]:
        for frame, other in ((stored, rerun), (rerun, stored)):
            if name in frame and (name not in other or frame[name].dtype != other[name].dtype):
                return Difference(0, str(name), _dtype(stored, name), _dtype(rerun, name))
    names = [name for name in stored.columns if name not in measured]
    rows = min(len(stored), len(rerun))
    a, b = stored.iloc[:rows].reset_index(drop=True), rerun.iloc[:rows].reset_index(drop=True)
    unequal = pd.DataFrame({name: _unequal(a[name], b[name]) for name in names})
    if unequal.to_numpy().any():
        row = int(np.argmax(unequal.any(axis=1).to_numpy()))
        column = names[int(np.argmax(unequal.iloc[row].to_numpy()))]
        stored_value, rerun_value = (_plain(f[column].iloc[row]) for f in (a, b))
        return Difference(int(a["seq"].iloc[row]), column, stored_value, rerun_value)
    if len(stored) != len(rerun):
        return Difference(rows, "(number of rows)", len(stored), len(rerun))
    return None


def difference_of(study: LoadedStudy, cell: Cell, rerun: pd.DataFrame) -> Difference | None:
    """How a cell that was run again differs from what is stored of it.

    Row by row; where rows were left out when it was packed, by the hash of all rows.
    """
    key = (cell.task, cell.method, cell.seed)
    record = study.cells[key]
    if not study.is_compact:
        return compare_frames(study.rows(key), rerun, record.schema)
    here = rows_hash(rerun, record.schema)
    if record.rows_hash == here:
        return None
    return Difference(0, "(hash of all rows)", record.rows_hash[:8], here[:8])


def _plain(value: Any) -> Any:
    """A value as people write it, not as numpy does."""
    return value.item() if isinstance(value, np.generic) else value


def _dtype(frame: pd.DataFrame, name: str) -> str:
    return str(frame[name].dtype) if name in frame else "no such column"


def _unequal(a: pd.Series, b: pd.Series) -> np.ndarray:
    both_missing = a.isna().to_numpy() & b.isna().to_numpy()
    same = (a == b).fillna(False).to_numpy(dtype=bool)
    if a.dtype == np.float64:
        same = same & (np.signbit(a.to_numpy()) == np.signbit(b.to_numpy()))  # 0.0 == -0.0
    return ~(same | both_missing)
