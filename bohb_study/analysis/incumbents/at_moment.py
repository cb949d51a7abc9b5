"""What each cell had found by a given moment, and methods compared seed by seed."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from bohb_study.analysis.incumbents.rules import Rule
from bohb_study.analysis.incumbents.step_functions import StepFunction
from bohb_study.analysis.incumbents.traces import traces
from bohb_study.analysis.statistics.aggregate import Estimate, estimate
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from bohb_study.schema import CELL, CellKey

Count = Literal["full_evals", "reports"]
"""What moments are counted in: cost, or evaluations of any fidelity (as DEHB's tables do)."""


def incumbent_at(
    frame: pd.DataFrame,
    rule: Rule,
    tops: Mapping[str, int],
    at: Sequence[float],
    budget: float,
    count: Count = "full_evals",
    *,
    noise_free: bool = False,
) -> pd.DataFrame:
    """The incumbent's value of every cell at each of several moments.

    Args:
        frame: the tidy frame of a study.
        rule: how the incumbent is chosen; its plotted value is read.
        tops: units of one full evaluation, by task.
        at: moments, ascending; in full evaluations, or in reports.
        budget: full evaluations that each cell was allowed. What is left of it after the last
            report was too little for another step: until there the last value holds.
        count: what ``at`` counts.
        noise_free: read the incumbent's ``true_loss`` whatever the rule plots.

    Returns:
        One row a cell and moment: ``task, method, seed, at, value``; NaN before a cell's first
        incumbent.

    Raises:
        StudyError: a cell had ended before one of the moments.
    """
    grid = np.asarray(at, dtype=np.float64)
    cells: list[CellKey] = []
    values: list[Floats] = []
    for (task, method, seed), found in traces(frame, tops, rule):
        x = found.full_evals if count == "full_evals" else found.report_counts
        end = max(x[-1], budget) if count == "full_evals" else x[-1]
        if grid[-1] > end:
            raise StudyError(
                f"cell {task}/{method}/{seed}: ended at {end:g} {count}, before {grid[-1]:g}"
            )
        y = found.of_incumbent("true_loss") if noise_free else found.value
        cells.append((task, method, seed))
        values.append(StepFunction(x, y).at(np.minimum(grid, x[-1])))
    # one frame at the end: one a cell took most of the time
    keys = pd.DataFrame(cells, columns=[*CELL])
    readings = keys.loc[keys.index.repeat(len(grid))].reset_index(drop=True)
    at_each, value = np.tile(grid, len(cells)), np.concatenate([*values, np.empty(0)])
    return readings.assign(at=at_each, value=value)


def values_of(readings: pd.DataFrame, task: str, method: str, at: float) -> "pd.Series[float]":
    """The values of one method on one task at one moment, by seed.

    Raises:
        StudyError: there are none.
    """
    mine = (readings["task"] == task) & (readings["method"] == method) & (readings["at"] == at)
    if not mine.any():
        raise StudyError(f"{task}/{method}: nothing was read at {at:g}")
    return readings[mine].set_index("seed")["value"].sort_index()


def paired_gain(
    readings: pd.DataFrame, task: str, method: str, other: str, at: float, seed: int
) -> tuple[Estimate, float]:
    """How much lower ``method`` is than ``other``, seed by seed.

    Args:
        readings: from ``incumbent_at``.
        task: the task.
        method: whose gain it is.
        other: what it is compared with.
        at: the moment.
        seed: of the bootstrap.

    Returns:
        The differences other - method over the seeds (positive: ``method`` is lower, so better),
        NaN where an incumbent is undefined; and the share of seeds in which ``method`` is better,
        ties counting one half: an undefined incumbent is worse than any defined one, two are a tie.

    Raises:
        StudyError: the methods do not have the same seeds.
    """
    mine, others = (values_of(readings, task, name, at) for name in (method, other))
    if not mine.index.equals(others.index):
        raise StudyError(f"{task}: {method} and {other} have different seeds")
    x, y = (values.to_numpy(dtype=np.float64) for values in (mine, others))
    worst_x, worst_y = (np.where(np.isnan(values), np.inf, values) for values in (x, y))
    wins = float(np.mean((worst_x < worst_y) + 0.5 * (worst_x == worst_y)))
    return estimate(y - x, seed), wins
