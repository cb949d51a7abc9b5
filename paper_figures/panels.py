"""What the anytime figure shows, computed and not drawn: one panel a task and rule."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bohb_study.analysis import AnytimeData, MethodCurves, Rule, anytime, main_rule
from bohb_study.errors import StudyError
from paper_figures import scales
from paper_figures.data import FigureStudy, TaskFacts

Floats = npt.NDArray[np.float64]

FIRST = 1.0
"""Full evaluation at which the x axis begins: before it no method can have a finished result."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One task under one rule: everything that the panel draws."""

    task: TaskFacts
    data: AnytimeData
    quantity: str
    """What the y axis shows: the task's metric, or regret."""
    reference: float
    """Subtracted from every loss: the optimum where the panel shows regret, else 0."""


def panels(study: FigureStudy) -> list[tuple[Panel, ...]]:
    """What the figure draws: one row a task, one panel a rule.

    Raises:
        StudyError: there are no rows, or methods have unequal seeds and that is not allowed.
    """
    if study.frame.empty:
        raise StudyError("no rows: nothing to draw")
    rows = []
    for task in study.tasks:
        own = study.frame[study.frame["task"] == task.name]
        main = main_rule(own)
        rules: tuple[Rule, ...] = (main,) if main == "validated" else (main, "highest")
        rows.append(tuple(_panel(study, task, rule) for rule in rules))
    return rows


def _panel(study: FigureStudy, task: TaskFacts, rule: Rule) -> Panel:
    data = anytime(
        study.frame[study.frame["task"] == task.name],
        rule,
        {task.name: task.top},
        study.bootstrap_seed,
        allow_missing=study.allow_missing,
    )
    # Only noise-free losses have a distance to the optimum; an observed one can lie below it.
    if rule == "validated" and task.optimum is not None:
        return Panel(task, data, "regret", task.optimum)
    return Panel(task, data, task.val_metric, 0.0)


def runs_shown(curves: MethodCurves) -> dict[int, pd.Series]:
    """The runs that are drawn: all where seeds are few, or where no curve stands for them."""
    if curves.over_seeds.kind == "95 % interval" and len(curves.over_seeds.x):
        return {}
    return {seed: curves.runs[seed].dropna() for seed in curves.seeds}


def values_shown(panel: Panel) -> Floats:
    """All losses that the panel shows from the first full evaluation on."""
    parts = [np.empty(0)]
    for curves in panel.data.curves:
        over = curves.over_seeds
        parts += [scales.from_x(over.x, y, FIRST) for y in (over.low, over.centre, over.high)]
        for run in runs_shown(curves).values():
            parts.append(scales.from_x(run.index.to_numpy(), run.to_numpy(), FIRST))
    return np.concatenate(parts) - panel.reference
