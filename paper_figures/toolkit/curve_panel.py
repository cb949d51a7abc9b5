"""A panel of step curves as data: which curves, of what quantity, along which axis, how far."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from bohb_study.analysis import AnytimeData, Axis, MethodCurves
from bohb_study.arrays import Floats
from bohb_study.numbers import distance
from paper_figures.figure_study import FigureTask
from paper_figures.toolkit import scales

REGRET = "regret"
"""The distance to the optimum: what a y axis shows where that is known."""
FIRST = 1.0
"""Full evaluation at which the x axis begins: before it no method can have a finished result."""


@dataclass(frozen=True, eq=False)
class CurvePanel:
    """One task under one rule: everything that the panel draws."""

    task: FigureTask
    data: AnytimeData
    """In losses, as they are stored."""
    quantity: str
    """What the y axis shows: the task's metric, or regret."""
    reference: float
    """Subtracted from every loss: the optimum where the panel shows regret, else 0."""
    axis: Axis
    """What the curves run along."""
    x_label: str
    """The same in words, with the number of workers where there are several."""

    @property
    def higher_is_better(self) -> bool:
        """Whether the y axis shows what is stored negated, with its own sign."""
        return self.task.score.negated and self.quantity != REGRET

    def shown(self, losses: Floats) -> Floats:
        """Losses of any shape as the y axis shows them."""
        shown = distance(losses, self.reference)
        return 0.0 - shown if self.higher_is_better else shown

    @cached_property
    def curves(self) -> tuple[MethodCurves, ...]:
        """All methods as they are drawn."""
        return tuple(map(self._shown, self.data.curves))

    def _shown(self, curves: MethodCurves) -> MethodCurves:
        over = curves.over_seeds
        ends = self.shown(over.low), self.shown(over.high)
        low, high = ends[::-1] if self.higher_is_better else ends
        runs = pd.DataFrame(
            self.shown(curves.runs.to_numpy(dtype=np.float64)),
            index=curves.runs.index,
            columns=curves.runs.columns,
        )
        spread = replace(over, centre=self.shown(over.centre), low=low, high=high)
        return replace(curves, runs=runs, over_seeds=spread)


def better(shown: Sequence[CurvePanel]) -> str:
    """Which way is better, in words: where panels differ, of each what they show."""
    higher = dict.fromkeys(panel.task.score.name for panel in shown if panel.higher_is_better)
    if not higher:
        return "lower is better"
    if all(panel.higher_is_better for panel in shown):
        return "higher is better"
    return f"lower is better, but higher of {' and '.join(higher)}"


MOST_BANDS = 5
"""Methods whose bands can be told apart in one panel."""
EMPHASISED = ("bohb", "random")
"""Of more methods, those that keep their bands."""


def banded(methods: Collection[str]) -> set[str]:
    """The methods whose spread is drawn as a band: all, or of many the emphasised ones."""
    few = len(set(methods)) <= MOST_BANDS
    return set(methods) if few else set(methods) & set(EMPHASISED) or set(methods)


def runs_shown(curves: MethodCurves) -> dict[int, pd.Series]:
    """The runs that are drawn: all where seeds are few, or where no curve stands for them."""
    if curves.over_seeds.kind == "95 % interval" and len(curves.over_seeds.x):
        return {}
    return {seed: curves.runs[seed].dropna() for seed in curves.seeds}


def span(shown: Sequence[CurvePanel]) -> tuple[float, float]:
    """Where the x axis that panels share begins and ends; they have one ``axis``.

    In full evaluations from the first to where the last cell ends; in seconds from the first
    report at which each panel has a line to a little after the end of the longest line, so that
    a step at its very end is seen.
    """
    if shown[0].axis == "full_evals":
        ends = [curves.runs.index[-1] for panel in shown for curves in panel.data.curves]
        return FIRST, max([2.0, *ends])
    seconds = [own for own in map(_seconds_shown, shown) if len(own)]
    first = max((own.min() for own in seconds), default=FIRST)
    last = max([2.0 * first, *(own.max() for own in seconds)])
    return first, last * (last / first) ** scales.MARGIN


def _seconds_shown(panel: CurvePanel) -> Floats:
    """Where the panel's lines change, as far as a logarithmic axis can show it: above 0."""
    parts = [np.empty(0)]
    for curves in panel.data.curves:
        parts.append(curves.over_seeds.x)
        parts += [run.index.to_numpy(dtype="float64") for run in runs_shown(curves).values()]
    seconds = np.concatenate(parts)
    return seconds[seconds > 0]


def values_shown(panel: CurvePanel, first: float) -> Floats:
    """All values that the panel shows where its x axis begins at ``first``."""
    parts = [np.empty(0)]
    bands = banded([curves.method for curves in panel.curves])
    for curves in panel.curves:
        over = curves.over_seeds
        spread = (over.low, over.high) if curves.method in bands else ()
        parts += [scales.from_x(over.x, y, first) for y in (over.centre, *spread)]
        for run in runs_shown(curves).values():
            parts.append(scales.from_x(run.index.to_numpy(), run.to_numpy(), first))
    return np.concatenate(parts)
