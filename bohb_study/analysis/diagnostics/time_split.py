"""Where a cell's time goes: training, the searcher, the scheduler, and what runs them."""

from collections.abc import Mapping

import pandas as pd

from bohb_study.schema import CELL, CellKey

PARTS = ("training", "searching", "scheduling", "engine")
"""What a cell's wall-clock time is split into; ``engine`` is the remainder."""
COLUMNS = (*CELL, "wall", *PARTS)
"""Of ``time_split``; seconds."""


def time_split(seconds: Mapping[CellKey, Mapping[str, float]]) -> pd.DataFrame:
    """The measured seconds of each cell.

    Args:
        seconds: what was measured of each cell, by name.

    Returns:
        One row a cell, sorted, ``COLUMNS``; NaN where a part was not measured. An engine that did
        not measure ``scheduling`` has it in ``engine``.
    """
    rows = [
        [
            *key,
            *(own.get(name, float("nan")) for name in COLUMNS[len(CELL) :]),
        ]
        for key, own in sorted(seconds.items())
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    floats = dict.fromkeys(COLUMNS[len(CELL) :], "float64")
    return frame.astype({"task": "str", "method": "str", "seed": "int64", **floats})


def mean_time(seconds: pd.DataFrame) -> pd.DataFrame:
    """The mean over a method's cells on a task: means, unlike medians, add up to the whole.

    Args:
        seconds: from ``time_split``.

    Returns:
        One row per task and method, sorted: ``cells`` that were measured, then the mean of
        ``wall`` and of each of ``PARTS``; where no cell measured ``scheduling``, it is 0.
    """
    measured = seconds[seconds["wall"].notna()].fillna(dict.fromkeys(PARTS, 0.0))
    groups = measured.groupby(["task", "method"], sort=True)
    means = groups[["wall", *PARTS]].mean()
    means.insert(0, "cells", groups.size())
    return means.reset_index()
