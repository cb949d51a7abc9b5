"""What the figure of learning curves shows, computed and not drawn: a panel a method of a task."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bohb_study.analysis import Rule, main_rule, trace
from bohb_study.analysis.frame_cells import cells_of, narrow
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.toolkit import style


@dataclass(frozen=True, eq=False)
class TrialCurve:
    """One trial as far as it went."""

    trial: int
    levels: Floats
    """Epochs, ascending, shape (n,)."""
    losses: Floats
    """Validation losses as they are shown, shape (n,); those of what failed are left out."""
    finished: bool
    """Whether it reached full fidelity."""


@dataclass(frozen=True, eq=False)
class LearningCurvesPanel:
    """The trials of one cell."""

    task: FigureTask
    method: str
    seed: int
    trials: tuple[TrialCurve, ...]
    """Its trials in order."""
    incumbent: int | None
    """Trial of the cell's final incumbent; None where there is none."""
    rule: Rule
    """How it was chosen."""
    rungs: tuple[int, ...]
    """Levels at which trials are judged, the top last."""

    @property
    def finished(self) -> int:
        """Trials that reached full fidelity."""
        return sum(trial.finished for trial in self.trials)

    @property
    def losses(self) -> Floats:
        """All that the panel shows."""
        return np.concatenate([np.empty(0), *(trial.losses for trial in self.trials)])


def panels(study: FigureStudy) -> list[LearningCurvesPanel]:
    """What the figure draws: a panel a method of each task with a curve.

    Methods of a larger budget are left out.

    Raises:
        StudyError: no task of the study has learning curves, or their rows were not kept.
    """
    whole = study.derived_frame("whole")
    if whole.empty:
        raise StudyError("no rows of single trials are kept: learning curves cannot be drawn")
    found = []
    for task in study.tasks:
        own = narrow(
            study.derived_frame("whole")[study.derived_frame("whole")["task"] == task.name]
        )
        if not has_curve(own, task.top):
            continue
        at_rung = set(own.loc[own["rung"].notna(), "level"].astype(int))
        rungs = tuple(sorted(at_rung | {task.top}))
        for method in style.in_order(set(own["method"]) - set(study.larger_budgets)):
            _, rows = next(cells_of(own[own["method"] == method]))
            found.append(_panel(task, rows, study.rule or main_rule(own), rungs))
    if not found:
        raise StudyError("no task with learning curves among the rows of single trials")
    return found


def has_curve(rows: pd.DataFrame, top: int) -> bool:
    """Whether a task reports at every unit up to the top."""
    return top > 1 and rows["level"].nunique() == top


def _panel(
    task: FigureTask, rows: pd.DataFrame, rule: Rule, rungs: tuple[int, ...]
) -> LearningCurvesPanel:
    chosen = trace(rows, rule, task.top).last
    trials = []
    for trial, own in rows.sort_values("seq").groupby("trial", sort=True):
        shown = own[own["status"] == "ok"].sort_values("level")
        levels = shown["level"].to_numpy(dtype=np.float64)
        losses = task.score.all_shown(shown["val_loss"].to_numpy(dtype=np.float64))
        finished = bool(own["level"].max() == task.top)
        trials.append(TrialCurve(int(str(trial)), levels, losses, finished))
    best = None if chosen is None else int(chosen["trial"])
    where = str(rows["method"].iloc[0]), int(rows["seed"].iloc[0])
    return LearningCurvesPanel(task, *where, tuple(trials), best, rule, rungs)
