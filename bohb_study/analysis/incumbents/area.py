"""One number a cell: the area under its normalised curve, over the logarithm of the cost.

From 1 full evaluation to the budget, divided by the length of that stretch: the mean over log cost.
A method that held the median random configuration throughout has area 1; one that held the best
known throughout has 0. While a cell has no incumbent it counts as 1, and as no better than its
first; one that never has any is infinite. Nothing is clipped: a clipped curve would hide how bad,
or how much better than the reference, a method was.
"""

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from bohb_study.analysis.frame_cells import require_complete
from bohb_study.analysis.incumbents.rules import Rule
from bohb_study.analysis.incumbents.step_functions import CellSteps, cell_steps
from bohb_study.analysis.statistics.normalisation import Reference, normalised
from bohb_study.errors import StudyError

Floats = npt.NDArray[np.float64]

FIRST = 1.0
"""Full evaluation at which the curve begins to count."""


def areas(
    frame: pd.DataFrame,
    tops: Mapping[str, int],
    budgets: Mapping[str, float],
    references: Mapping[str, Reference],
    rule: Rule | None = None,
    *,
    larger_budgets: Collection[str] = (),
    allow_missing: bool = False,
) -> pd.DataFrame:
    """The area of every cell of the tasks that have a reference.

    Args:
        frame: the tidy frame of a study, rows in any order, whole or thinned.
        tops: units of one full evaluation, by task.
        budgets: full evaluations that each cell was allowed, by task. After a cell's last report
            its last value holds until there; nothing counts beyond.
        references: what losses are normalised with, by task.
        rule: how incumbents are chosen; each task's main rule where not given.
        larger_budgets: methods with another budget, which are left out.
        allow_missing: go on where methods have unequal seeds.

    Returns:
        One row a cell, sorted: ``task, method, seed, area``; lower is better.

    Raises:
        StudyError: methods of a task have unequal seeds, no task has a reference, or a budget is
            not above 1 full evaluation.
    """
    known = frame[
        frame["task"].isin(list(references)) & ~frame["method"].isin(list(larger_budgets))
    ]
    if known.empty:
        raise StudyError("no task has a reference: its losses cannot be normalised")
    require_complete(known, allow_missing)
    rows = []
    for own in cell_steps(known, tops, rule):
        end = budgets[own.task]
        if end <= FIRST:
            raise StudyError(
                f"task {own.task}: a budget of {end:g} leaves no curve beyond {FIRST:g}"
            )
        rows.append((own.task, own.method, own.seed, _area(own, references[own.task], end)))
    return pd.DataFrame(rows, columns=["task", "method", "seed", "area"])


def _area(own: CellSteps, reference: Reference, end: float) -> float:
    defined = np.flatnonzero(~np.isnan(own.y))
    if not len(defined):
        return float("inf")
    y = normalised(own.y, reference)
    y[: defined[0]] = before = max(1.0, float(y[defined[0]]))
    return log_mean(own.full_evals, y, FIRST, end, before)


def log_mean(x: Floats, y: Floats, first: float, last: float, before: float = 1.0) -> float:
    """Mean of a step function over log x, exact.

    Args:
        x: where it changes, ascending, positive, shape (n,); of equal x the last counts.
        y: its value from there on, shape (n,); the last holds for ever.
        first: where the mean begins; positive.
        last: where it ends; above ``first``.
        before: its value before the first x.
    """
    corners = np.log(np.clip(np.concatenate([[first], x, [last]]), first, last))
    widths = np.diff(corners)
    return float(widths @ np.concatenate([[before], y]) / np.log(last / first))
