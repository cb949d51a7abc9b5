"""What the figure of reached targets shows, computed and not drawn: one panel a group of tasks."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bohb_study.analysis import Axis
from bohb_study.analysis.comparisons.targets import reached, reached_spread, runtimes
from bohb_study.analysis.statistics.stratified import Spread
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.groups import Group, groups

FIRST = 1.0
"""Full evaluation at which the x axis begins."""
POINTS = 200
"""Moments at which bands are taken, evenly spaced on the logarithmic axis."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One method: from each x on, that share of the targets is reached; both of shape (n,)."""

    method: str
    x: Floats
    """The first and the last are the ends of the x axis."""
    share: Floats
    at: Floats
    """Where its band has corners, shape (m,)."""
    spread: Spread | None
    """None where seeds are so few that none has all tasks."""


@dataclass(frozen=True, eq=False)
class EcdfPanel:
    """Everything that one panel draws."""

    group: Group
    curves: tuple[Curve, ...]
    x_label: str
    held: bool = True
    """Whether a target counts from where it is held to the end, or else from its first touch."""


def panels(study: FigureStudy) -> list[EcdfPanel]:
    """What the figure draws, the tasks with most methods first; those at equal spend.

    Below targets that are reached and held stand those that were reached at all, where they differ.

    Raises:
        StudyError: no task has a reference, on none all methods had spent their budget, methods
            have unequal seeds and that is not allowed, or tasks are to be shown on seconds
            together.
    """
    if not study.references:
        raise StudyError("no task has a reference: there are no targets, so no ecdf")
    study = study.at_equal_spend()
    named = {task.name for task in study.tasks}
    references = {task: one for task, one in study.references.items() if task in named}
    if not references:
        raise StudyError("no task that is compared has a reference: no ecdf")
    held, first = (
        runtimes(
            study.frame,
            {task.name: task.top for task in study.tasks},
            references,
            study.rule,
            axis=_axis(study),
            larger_budgets=study.larger_budgets,
            allow_missing=study.allow_missing,
            held=to_the_end,
        )
        for to_the_end in (True, False)
    )
    shown = groups(study, references)
    if _axis(study) == "virtual_seconds" and any(len(group.tasks) > 1 for group in shown):
        raise StudyError("virtual seconds of several tasks have no common axis: name one task")
    drawn = []
    for group in shown:
        drawn.append(_panel(study, group, held))
        of_group = held["task"].isin([task.name for task in group.tasks])
        if not held[of_group].equals(first[of_group]):
            drawn.append(replace(_panel(study, group, first), held=False))
    return drawn


def _axis(study: FigureStudy) -> Axis:
    return study.axis or study.common_axis


def _panel(study: FigureStudy, group: Group, times: pd.DataFrame) -> EcdfPanel:
    own = times[times["task"].isin([task.name for task in group.tasks])].copy()
    budgets = {task.name: task.budget for task in group.tasks}
    if _axis(study) == "virtual_seconds":
        seconds = own.loc[np.isfinite(own["runtime"]) & (own["runtime"] > 0), "runtime"]
        if seconds.empty:
            raise StudyError(f"task {group.title}: no target was reached: nothing to draw")
        first, last = seconds.min(), 1.05 * seconds.max()
        label = f"virtual seconds, {study.workers} workers"
    elif len(set(budgets.values())) == 1:
        first, last, label = FIRST, max(2 * FIRST, *budgets.values()), "full evaluations"
        if study.workers > 1:
            label += f", {study.workers} workers (order of arrival)"
    else:
        own["runtime"] /= own["task"].map(budgets)
        first, last, label = min(0.5, FIRST / min(budgets.values())), 1.0, "share of the budget"
    curves = tuple(
        _curve(method, times, float(first), float(last), study.bootstrap_seed)
        for method in group.methods
        for times in [own[own["method"] == method]]
    )
    return EcdfPanel(group, curves, label)


def _curve(method: str, times: pd.DataFrame, first: float, last: float, seed: int) -> Curve:
    """The method's steps between the ends of the x axis; at its beginning, what was reached yet."""
    step_lines = reached(times)
    x, share = (step_lines[name].to_numpy(dtype=np.float64) for name in ("x", "share"))
    inside = (x > first) & (x <= last)
    start = np.append(0.0, share[x <= first])[-1]
    shares = np.concatenate([[start], share[inside]])
    at = np.geomspace(first, last, POINTS)
    at[[0, -1]] = first, last  # not off by a rounding
    try:
        band = reached_spread(times, at, seed)
    except StudyError:
        band = None
    return Curve(
        method,
        np.concatenate([[first], x[inside], [last]]),
        np.append(shares, shares[-1]),
        at,
        band,
    )
