"""What BOHB gains on each task beside what is known of the task, computed and not drawn."""

from dataclasses import dataclass

import numpy as np

from bohb_study.analysis.comparisons.endpoint import SHARES
from bohb_study.analysis.diagnostics.rung_correlation import correlate, spearman_interval
from bohb_study.errors import StudyError
from bohb_study.seeding import derive
from paper_figures.figure_study import FigureStudy
from paper_figures.tables.pairwise_tests import pairwise

METHOD = "bohb"
OTHERS = ("random", "asha", "hyperband", "tpe", "gp")
ENOUGH = 10
"""Tasks from which a correlation over them is given: as for all intervals."""


@dataclass(frozen=True)
class Point:
    """One task: what is known of it, and BOHB's gain over one other method there."""

    task: str
    family: str
    x: float
    x_low: float
    """Of its 95 % interval; NaN without one."""
    x_high: float
    gain: float
    """Probability that a run of BOHB is better than one of the other: 0.5 where they are alike."""
    gain_low: float
    """Of its 95 % interval; NaN under ten seeds."""
    gain_high: float


@dataclass(frozen=True)
class GainPanel:
    """One other method against one trait of the tasks."""

    other: str
    trait: str
    points: tuple[Point, ...]
    correlation: tuple[float, float, float] | None
    """Spearman's over tasks with its 95 % bootstrap interval; None of fewer than ``ENOUGH``, or
    where all are alike."""


@dataclass(frozen=True)
class CharacterGains:
    """All panels, row by row."""

    rows: tuple[tuple[GainPanel, ...], ...]
    """A row a trait, a column another method."""
    seeds: tuple[int, int]
    """Fewest and most runs of a method on a task."""
    configs: tuple[int, int]
    """Fewest and most random configurations of a task."""
    without: tuple[str, ...]
    """Tasks at equal spend whose character is not known or that have one fidelity."""


TRAITS = ("spearman", "single")
"""Columns of the frame of characters: rank correlation of the lowest rung with the top, and share
of the best single hyperparameter."""


def character_gains(study: FigureStudy) -> CharacterGains:
    """What is drawn of the tasks that have a character, at equal spend.

    Raises:
        StudyError: none has one, or as ``pairwise``.
    """
    known = study.derived_frame("characters")
    names = [] if known.empty else list(known["task"])
    level = [task.name for task in study.tasks if task.name not in study.underspent]
    shown = [name for name in level if name in names]
    if not shown:
        raise StudyError(
            "characters: none of the tasks at equal spend has one; bohb-study characters computes "
            "them"
        )
    methods = [method for method in (METHOD, *OTHERS) if method in study.methods]
    found = pairwise(study.of(shown, methods))
    family = {task.name: task.family for task in study.tasks}
    gains = {
        (tests.task, one.other): one
        for tests in found.tests
        for one in (tests.primary, *tests.family)
        if one.share == SHARES[-1] and one.method == METHOD
    }
    by_task = known.set_index("task")

    def panel(other: str, trait: str) -> GainPanel:
        points = []
        for task in [name for name in shown if (name, other) in gains]:
            one, row = gains[task, other], by_task.loc[task]
            ends = (row["low"], row["high"]) if trait == "spearman" else (np.nan, np.nan)
            x, low, high = map(float, (row[trait], *ends))
            points.append(
                Point(task, family[task], x, low, high, one.probability, one.low, one.high)
            )
        points = [point for point in points if np.isfinite(point.x)]
        return GainPanel(other, trait, tuple(points), _over_tasks(points))

    others = [other for other in OTHERS if any(key[1] == other for key in gains)]
    pairs = [one.pairs for one in gains.values()]
    configs = by_task.loc[shown, "configs"]
    return CharacterGains(
        tuple(tuple(panel(other, trait) for other in others) for trait in TRAITS),
        (min(pairs), max(pairs)),
        (int(configs.min()), int(configs.max())),
        tuple(name for name in level if name not in shown),
    )


def _over_tasks(points: list[Point]) -> tuple[float, float, float] | None:
    if len(points) < ENOUGH:
        return None
    x, y = (np.array([getattr(point, name) for point in points]) for name in ("x", "gain"))
    found = correlate(x, y).spearman
    if np.isnan(found):
        return None
    return found, *spearman_interval(x, y, derive("characters", *sorted(p.task for p in points)))
