"""What the anytime figure shows, computed and not drawn: one panel a task and rule."""

import pandas as pd

from bohb_study.analysis import Axis, Rule, anytime, main_rule
from bohb_study.errors import StudyError, UsageError
from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.toolkit.curve_panel import REGRET, CurvePanel


def panels(study: FigureStudy) -> list[tuple[CurvePanel, ...]]:
    """What the figure draws: one row a task, one panel a rule.

    A rule that was asked for stands alone. Otherwise it is the task's main one, and beside
    ``full`` also ``highest``.

    Raises:
        StudyError: there are no rows, or methods have unequal seeds and that is not allowed.
        UsageError: the rule or the axis that was asked for does not fit a task.
    """
    rows = []
    for task, own in _tasks(study):
        main = study.rule or main_rule(own)
        rules: tuple[Rule, ...] = (main,)
        if study.rule is None and main == "full":
            rules = (main, "highest")
        rows.append(tuple(_panel(study, task, own, rule) for rule in rules))
    return rows


def main_panels(study: FigureStudy) -> list[CurvePanel]:
    """One panel a task: the rule that was asked for, else the task's main one.

    Raises:
        StudyError: as ``panels``.
        UsageError: as ``panels``.
    """
    return [_panel(study, task, own, study.rule or main_rule(own)) for task, own in _tasks(study)]


def _tasks(study: FigureStudy) -> list[tuple[FigureTask, pd.DataFrame]]:
    if study.frame.empty:
        raise StudyError("no rows: nothing to draw")
    frame = study.frame
    return [(task, frame[frame["task"] == task.name]) for task in study.tasks]


def _x_axis(own: pd.DataFrame, study: FigureStudy) -> tuple[Axis, str]:
    """What a task's curves run along, and its label.

    One worker spends units one after the other. Of several, a method that lets them wait looks
    as good in units as one that does not, so that they are shown on time, where it is known.
    """
    workers, timed = study.workers, bool(own["virtual_seconds"].notna().all())
    if study.axis == "virtual_seconds" and not timed:
        raise UsageError(
            f"seconds: {own['task'].iloc[0]} has no virtual seconds, as engine tune knows none "
            "with several workers; allowed: full-evals",
            parameter="x",
        )
    several = f", {workers} workers" if workers > 1 else ""
    if (study.axis or ("virtual_seconds" if several and timed else "full_evals")) == "full_evals":
        return "full_evals", f"full evaluations{several}{' (order of arrival)' if several else ''}"
    return "virtual_seconds", f"virtual seconds{several}"


def _panel(study: FigureStudy, task: FigureTask, own: pd.DataFrame, rule: Rule) -> CurvePanel:
    axis, x_label = _x_axis(own, study)
    data = anytime(
        own,
        rule,
        {task.name: task.top},
        study.bootstrap_seed,
        axis=axis,
        allow_missing=study.allow_missing,
        larger_budgets=study.larger_budgets,
    )
    # Only noise-free losses have a distance to the optimum; an observed one can lie below it.
    if rule == "validated" and task.optimum is not None:
        return CurvePanel(task, data, REGRET, task.optimum, axis, x_label)
    return CurvePanel(task, data, str(task.score), 0.0, axis, x_label)
