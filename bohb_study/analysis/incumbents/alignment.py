"""Step functions of several cells on one grid, so that they can be aggregated.

A cell's incumbent changes only when a report arrives. Between reports the previous value holds;
before the first report and after the cell's last one there is no value, and none is made up.
"""

from collections.abc import Hashable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Axis = Literal["full_evals", "virtual_seconds"]
"""What a cell's reports are laid out along: its cost so far, or the modelled time of arrival."""


def step(grid: Floats, x: Floats, y: Floats) -> Floats:
    """The step function through (x, y), read off at ``grid``.

    Args:
        grid: where to read, shape (g,).
        x: where the function changes, ascending, shape (n,); of equal x the last counts.
        y: its value from there on, shape (n,).

    Returns:
        Values of shape (g,): the last y whose x is at or before the grid point; NaN before the
        first x and after the last.
    """
    if not len(x):
        return np.full(len(grid), np.nan)
    # side="right" - 1 is the last x <= grid; side="left" would hand out a value not yet seen.
    last = np.searchsorted(x, grid, side="right") - 1
    known = (last >= 0) & (grid <= x[-1])
    return np.where(known, y[np.maximum(last, 0)], np.nan)


def align(incumbents: Mapping[Hashable, pd.DataFrame], axis: Axis = "full_evals") -> pd.DataFrame:
    """The incumbents of several cells on the union of their reports' places on the axis.

    Args:
        incumbents: per cell (any key, usually the seed) a frame from ``incumbent``; only the
            axis, which never falls from row to row, and ``value`` are read.
        axis: the column to lay the reports out along, in full evaluations or in seconds.

    Returns:
        g rows, indexed by ``axis`` (ascending, each once), and one column of values a cell.
    """
    curves = {
        key: (frame[axis].to_numpy(dtype="float64"), frame["value"].to_numpy(dtype="float64"))
        for key, frame in incumbents.items()
    }
    grid = np.unique(np.concatenate([np.empty(0), *(x for x, _ in curves.values())]))
    return pd.DataFrame(
        {key: step(grid, x, y) for key, (x, y) in curves.items()},
        index=pd.Index(grid, name=axis),
    )
