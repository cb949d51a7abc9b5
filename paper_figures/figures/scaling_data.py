"""How long each method takes to a common target, by the number of workers; computed, not drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bohb_study.analysis.incumbents.step_functions import StepFunction
from bohb_study.analysis.incumbents.traces import traces
from bohb_study.analysis.statistics.aggregate import kind_of
from bohb_study.analysis.statistics.bootstrap import observed_interval, resampled_counts
from bohb_study.analysis.statistics.survival import median_time, resampled_medians
from bohb_study.arrays import Bools, Floats
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.figures.anytime_data import main_panels
from paper_figures.toolkit.curve_panel import CurvePanel

BASELINE = "random"
"""Whose result the others are to reach."""


@dataclass(frozen=True)
class Reached:
    """When the seeds of one method reach the target with one number of workers."""

    workers: int
    seconds: float
    """Kaplan-Meier median over seeds; infinite where it is censored."""
    low: float
    high: float
    """95 % bootstrap interval of the median from 10 seeds on, else the range; may be infinite."""
    never: int
    """Seeds whose cell ended without it, and is censored there."""
    n: int
    """Number of seeds."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """One task with several numbers of workers."""

    task: FigureTask
    panels: dict[int, CurvePanel]
    """Number of workers -> all methods' curves on virtual seconds, ascending."""
    target: float
    """Value of the incumbent, as it is plotted (a regret where the panels show regret)."""
    reached: dict[str, tuple[Reached, ...]]
    """Method -> one for each number of workers that it ran with, ascending."""


def scaling(studies: Sequence[FigureStudy]) -> Scaling:
    """The first task that all studies have, on virtual seconds.

    The target is the centre over seeds with which random ends with the fewest workers: what a
    method must reach is the same for every method and every number of workers.

    Raises:
        StudyError: there are not two numbers of workers, two studies have the same one, no task is
            in all of them, or random is missing or has no result.
        UsageError: virtual seconds are not known.
    """
    counts = [study.workers for study in studies]
    if len(set(counts)) < 2 or len(set(counts)) < len(counts):
        raise StudyError(
            f"scaling: studies with {', '.join(map(str, counts)) or 'no'} workers; it takes at "
            "least two, each with another number of workers"
        )
    ordered = sorted(studies, key=lambda study: study.workers)
    names = [{task.name for task in study.tasks} for study in ordered]
    task = next((t for t in ordered[0].tasks if all(t.name in own for own in names)), None)
    if task is None:
        raise StudyError("scaling: no task is in all of the studies")
    panels, cells = {}, {}
    for study in ordered:
        own = replace(study.of(tasks=[task.name]), axis="virtual_seconds")
        (panel,) = main_panels(own)
        panels[study.workers] = panel
        cells[study.workers] = [
            (method, found.steps(panel.axis, own.larger_budgets.get(method, 1)))
            for (_, method, _), found in traces(own.frame, {task.name: task.top}, panel.data.rule)
        ]
    target = _target(panels[min(panels)])
    reached: dict[str, tuple[Reached, ...]] = {}
    for workers, steps in cells.items():
        for method in dict.fromkeys(name for name, _ in steps):
            ends = [_time(own, target) for name, own in steps if name == method]
            times, happened = (np.array(part) for part in zip(*ends, strict=True))
            seconds = _reached(workers, times, happened, ordered[0].bootstrap_seed)
            reached[method] = (*reached.get(method, ()), seconds)
    shown = float(panels[min(panels)].shown(np.array([target]))[0])
    return Scaling(task, panels, shown, reached)


def _target(panel: CurvePanel) -> float:
    for curves in panel.data.curves:
        if curves.method == BASELINE and len(curves.over_seeds.centre):
            return float(curves.over_seeds.centre[-1])
    raise StudyError(f"scaling: no result of {BASELINE} on {panel.task.name} to be reached")


def _time(cell: StepFunction, target: float) -> tuple[float, bool]:
    """When a cell reaches the target for good, or else ends; and whether it does."""
    held = float(cell.held_at_or_below(np.array([target]))[0])
    return (held, True) if np.isfinite(held) else (float(cell.x[-1]), False)


def _reached(workers: int, times: Floats, happened: Bools, seed: int) -> Reached:
    order = np.lexsort([~happened, times])
    times, happened = times[order], happened[order]
    n = len(times)
    if kind_of(n) == "95 % interval":
        medians = resampled_medians(times, happened, resampled_counts(n, seed))
        low, high = observed_interval(medians, medians, n)
    else:
        seconds = np.where(happened, times, np.inf)
        low, high = float(seconds.min()), float(seconds.max())
    never = int((~happened).sum())
    return Reached(workers, median_time(times, happened), low, high, never, n)
