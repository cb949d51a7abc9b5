"""What the figure of the final configurations shows, computed and not drawn: one panel a task."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.analysis import Estimate, estimate, final_incumbents, finals_summary
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.toolkit import style


@dataclass(frozen=True)
class CellDots:
    """One cell: what was measured on test data with its final configuration, as it is shown."""

    seed: int
    reported: float
    """Of the training for which it was chosen; NaN where its test loss is not defined."""
    retrained: tuple[float, ...]
    """For each retraining with a result."""


@dataclass(frozen=True)
class MethodDots:
    """All cells of one method on one task."""

    method: str
    cells: tuple[CellDots, ...]
    """One a cell, by seed."""
    reported: Estimate
    """The same, over seeds."""
    retrained: float
    """The same of each seed's mean; NaN where a training diverged or failed."""
    all_data: float | None
    """Of the refit on all training data; None where there is none."""
    left_out: tuple[str, ...]
    """Trainings without a result, each as ``task/method/seed status``; they have no dot."""


@dataclass(frozen=True)
class FinalsPanel:
    """One task whose final configurations were retrained."""

    task: FigureTask
    methods: tuple[MethodDots, ...]
    """In the order of the legend."""

    @property
    def losses(self) -> Floats:
        """Every test loss that has a mark."""
        dots = [x for own in self.methods for c in own.cells for x in (c.reported, *c.retrained)]
        stars = [own.all_data for own in self.methods if own.all_data is not None]
        known = np.array([*dots, *stars], dtype=np.float64)
        return known[np.isfinite(known)]


def panels(study: FigureStudy) -> list[FinalsPanel]:
    """What the figure draws: one panel a task that was retrained.

    Raises:
        StudyError: nothing was retrained or has a test loss, or a training is not of its cell's
            incumbent.
    """
    if study.finals is None:
        raise StudyError("no final configuration was retrained: nothing to draw")
    if not (found := _panels(study)):
        raise StudyError("no final configuration has a test loss: nothing to draw")
    return found


def any_panel(study: FigureStudy) -> bool:
    """Whether there is anything to draw; raises as ``panels``."""
    return study.finals is not None and bool(_panels(study))


def _panels(study: FigureStudy) -> list[FinalsPanel]:
    assert study.finals is not None
    incumbents = final_incumbents(study.frame, {task.name: task.top for task in study.tasks})
    again = finals_summary(incumbents, study.finals, study.bootstrap_seed)
    found = []
    for task in study.tasks:
        own = again[again["task"] == task.name]
        by_method = {str(row["method"]): row for _, row in own.iterrows()}
        methods = tuple(
            _dots(study, incumbents, task, method, by_method[method])
            for method in style.in_order(set(by_method))
        )
        panel = FinalsPanel(task, tuple(own for own in methods if own.cells))
        if len(panel.losses):
            found.append(panel)
    return found


def _dots(
    study: FigureStudy,
    incumbents: pd.DataFrame,
    task: FigureTask,
    method: str,
    again: "pd.Series[Any]",
) -> MethodDots:
    assert study.finals is not None
    chosen, finals = (
        frame[(frame["task"] == task.name) & (frame["method"] == method)]
        for frame in (incumbents, study.finals)
    )
    dots = finals[(finals["kind"] == "retrained") & (finals["status"] == "ok")]
    shown = task.test_score.shown
    cells = tuple(
        CellDots(
            int(row["seed"]),
            shown(float(row["test_loss"])),
            tuple(map(shown, dots.loc[dots["seed"] == row["seed"], "test_loss"].tolist())),
        )
        for _, row in chosen.dropna(subset=["config_id"]).iterrows()
    )
    bad = finals[finals["status"] != "ok"]
    return MethodDots(
        method,
        cells,
        estimate(
            task.test_score.all_shown(chosen["test_loss"].to_numpy(dtype=np.float64)),
            study.bootstrap_seed,
        ),
        shown(float(again["test_loss"])),
        None if pd.isna(again["all_data"]) else shown(float(again["all_data"])),
        tuple(f"{task.name}/{method}/{row['seed']} {row['status']}" for _, row in bad.iterrows()),
    )
