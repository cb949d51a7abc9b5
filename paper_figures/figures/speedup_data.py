"""What the figure and the table of the speed-ups show, computed and not drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.analysis.comparisons.speed_ups import BASE, FIRST, SHARES, speedups
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.groups import Group, groups

WHO = ["task", "method", "share"]


@dataclass(frozen=True, eq=False)
class Speedups:
    """All speed-ups of a study over random search."""

    found: pd.DataFrame
    """From ``analysis.speedup``, without random search itself; indexed by task, method, share."""
    groups: tuple[Group, ...]
    """Tasks with the same methods, and these."""
    time: str
    """What times were counted in."""

    def of(self, task: str, method: str, share: float) -> "pd.Series[Any] | None":
        """One row; None where there is no target."""
        key: Any = (task, method, share)
        return self.found.loc[key] if key in self.found.index else None

    @property
    def without_target(self) -> tuple[str, ...]:
        """Tasks for which there is no target at some share: random search had nothing yet."""
        have = self.found.reset_index().groupby("task")["share"].nunique()
        return tuple(
            task.name
            for group in self.groups
            for task in group.tasks
            if have.get(task.name, 0) < len(SHARES)
        )


def speedup_dots(study: FigureStudy) -> Speedups:
    """What is shown of the tasks that random search and another method were run on.

    Raises:
        StudyError: there is none, or methods have unequal seeds and that is not allowed.
    """
    axis = study.axis or study.common_axis
    found = speedups(
        study.frame,
        {task.name: task.top for task in study.tasks},
        {task.name: task.budget for task in study.tasks},
        study.bootstrap_seed,
        study.rule,
        axis=axis,
        larger_budgets=study.larger_budgets,
        allow_missing=study.allow_missing,
    )
    others = found[found["method"] != BASE]
    if others.empty:
        raise StudyError(f"no method to be compared with {BASE}: there are no speed-ups")
    shown = groups(study, set(others["task"]), {BASE, *study.larger_budgets})
    time = "full evaluations" if axis == "full_evals" else "virtual seconds"
    return Speedups(others.set_index(WHO), tuple(shown), time)


def plotted(found: pd.DataFrame) -> Floats:
    """All finite numbers that have a mark: speed-ups, bounds and the ends of intervals."""
    values = (
        found[["speedup", "bound", "low", "high", FIRST + "speedup"]]
        .to_numpy(dtype=np.float64)
        .ravel()
    )
    shown: Floats = values[np.isfinite(values) & (values > 0)]
    return shown
