"""What the figure of suggestions shows, computed and not drawn: one panel a method with a model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bohb_study.analysis import Estimate, estimate
from bohb_study.analysis.diagnostics.suggestions import PARTS, quantity_of, suggestions
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from bohb_study.numbers import distance
from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.toolkit import style


@dataclass(frozen=True)
class Part:
    """One kind of suggestion in one stretch of the budget."""

    start: float
    end: float
    """Where the stretch ends, as ``start`` in full evaluations."""
    loss: Estimate
    """Over cells, of the median in each; NaN where a cell has no such suggestion there."""


@dataclass(frozen=True, eq=False)
class SuggestionsPanel:
    """One method on one task."""

    task: FigureTask
    method: str
    quantity: str
    """What the y axis shows."""
    reference: float
    """Subtracted from every loss: the optimum where the panel shows regret, else 0."""
    selected: bool
    """Whether only suggestions that reached full fidelity have that loss."""
    dots: pd.DataFrame
    """Suggestions of one cell: ``full_evals, loss, model_based``."""
    model: tuple[Part, ...]
    random: tuple[Part, ...]
    seeds: int
    """Cells behind the parts."""

    @property
    def losses(self) -> Floats:
        """All that the panel shows, as it does."""
        parts = [part.loss.centre for part in (*self.model, *self.random)]
        shown = np.concatenate([self.dots["loss"].to_numpy(dtype=np.float64), np.array(parts)])
        return self.shown(shown[np.isfinite(shown)])

    @property
    def higher_is_better(self) -> bool:
        """Whether the y axis shows what is stored negated, with its own sign."""
        return self.selected and self.task.score.negated

    def shown(self, losses: Floats) -> Floats:
        """Losses of any shape as the y axis shows them."""
        values = distance(losses, self.reference)
        return 0.0 - values if self.higher_is_better else values


def panels(study: FigureStudy) -> list[SuggestionsPanel]:
    """What the figure could draw: a panel a method with a model, task by task.

    Raises:
        StudyError: no method has a model, or the suggestions of none of its cells were kept.
    """
    suggested, whole = study.derived_frame("suggestions"), study.derived_frame("whole")
    if suggested.empty or whole.empty:
        raise StudyError("no suggestions of a model are kept: nothing to draw")
    found = []
    for task in study.tasks:
        own = study.derived_frame("suggestions")[
            study.derived_frame("suggestions")["task"] == task.name
        ]
        rows = whole[whole["task"] == task.name]
        if own.empty or rows.empty:
            continue
        for method in style.in_order(set(own["method"]) - set(study.larger_budgets)):
            mine = rows[rows["method"] == method]
            cell = suggestions(mine[mine["seed"] == mine["seed"].min()])
            summary = own[own["method"] == method]
            found.append(_panel(task, method, cell, summary, study.bootstrap_seed))
    if not found:
        raise StudyError("no task with a model's suggestions among the rows of single trials")
    return found


def _panel(
    task: FigureTask, method: str, cell: pd.DataFrame, own: pd.DataFrame, seed: int
) -> SuggestionsPanel:
    column = quantity_of(cell)
    selected = column == "val_loss"
    dots = cell[cell["level"] == task.top] if selected else cell
    shown = dots[["full_evals", "model_based"]].assign(loss=dots[column])
    regret = not selected and task.optimum is not None
    return SuggestionsPanel(
        task,
        method,
        "regret" if regret else str(task.score),
        task.optimum if regret and task.optimum is not None else 0.0,
        selected,
        shown.reset_index(drop=True),
        _parts(own[own["model_based"]], own, task.budget, seed),
        _parts(own[~own["model_based"]], own, task.budget, seed),
        own["seed"].nunique(),
    )


def _parts(kind: pd.DataFrame, own: pd.DataFrame, budget: float, seed: int) -> tuple[Part, ...]:
    """The stretches in which every cell has a suggestion of this kind."""
    cells = own["seed"].nunique()
    found = []
    for number, at in kind.groupby("part", sort=True):
        if len(at) == cells:
            over = estimate(at["median"].to_numpy(dtype=np.float64), seed)
            part = int(str(number))
            found.append(Part((part - 1) * budget / PARTS, part * budget / PARTS, over))
    return tuple(found)
