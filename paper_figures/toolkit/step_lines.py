"""Anytime curves as they are drawn in every figure: centre, spread and, of few seeds, each run."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from bohb_study.analysis import MethodCurves
from bohb_study.analysis.statistics.aggregate import SpreadKind
from bohb_study.arrays import Floats
from paper_figures.toolkit import scales, style
from paper_figures.toolkit.curve_panel import REGRET, CurvePanel, banded, runs_shown, values_shown
from paper_figures.toolkit.labels import End


def draw_panel(axes: Axes, panel: CurvePanel) -> None:
    """All methods of a panel: bands below, then lines."""
    by_method = {curves.method: curves for curves in panel.curves}
    bands = banded(by_method)
    for number, method in enumerate(style.in_order(set(by_method))):
        if method in bands:
            over = by_method[method].over_seeds
            band(axes, method, over.x, over.low, over.high, alpha(over.kind))
        _draw_method(axes, by_method[method], number)


def band(
    axes: Axes,
    method: str,
    x: Floats,
    low: Floats,
    high: Floats,
    opacity: float,
) -> None:
    """The spread of a method's steps, in its colour: x, low and high of shape (g,)."""
    look = style.line(method)
    x, (low, high) = scales.corners(x, low, high)
    axes.fill_between(
        x,
        low,
        high,
        step="post",
        color=look.color,
        alpha=opacity,
        linewidth=0,
        zorder=look.zorder - 2,
        label=f"_spread/{method}",
    )


def alpha(kind: SpreadKind) -> float:
    """How opaque a band is: a range of few seeds is wide, and lies over others."""
    return 0.08 if kind == "range, not an interval" else 0.16


def centre(
    axes: Axes,
    method: str,
    x: Floats,
    y: Floats,
    marks: tuple[float, float],
) -> None:
    """A method's steps: x and y of shape (g,).

    Args:
        axes: where they are drawn.
        method: whose line it is.
        x: where they begin.
        y: their values.
        marks: share of the figure before the first marker and between two.
    """
    look = style.line(method)
    x, (y,) = scales.corners(x, y)
    axes.plot(
        x,
        y,
        drawstyle="steps-post",
        markevery=marks,
        zorder=look.zorder,
        label=f"_centre/{method}",
        **style.strokes(look),
    )


def _draw_method(axes: Axes, curves: MethodCurves, number: int) -> None:
    look, over = style.line(curves.method), curves.over_seeds
    for seed, run in runs_shown(curves).items():
        x, (y,) = scales.corners(run.index.to_numpy(), run.to_numpy())
        axes.plot(
            x,
            y,
            drawstyle="steps-post",
            color=look.color,
            linewidth=0.4,
            alpha=0.5,
            zorder=look.zorder - 1,
            label=f"_run/{curves.method}/{seed}",
        )
    marks = (0.06 + 0.04 * number, 0.28)  # staggered, so that markers do not cover
    centre(axes, curves.method, over.x, over.centre, marks)


def scale(
    row: Sequence[Axes], shown: Sequence[CurvePanel], first: float, last: float, most: int = 20
) -> None:
    """The logarithmic x axis from ``first`` to ``last``, and one y axis for a task's panels.

    Args:
        row: the axes of one task, which share their y axis.
        shown: what is drawn in each.
        first: where the x axis begins.
        last: where it ends.
        most: ticks of a logarithmic axis.
    """
    for axes in row:
        axes.set_xscale("log")
        axes.set_xlim(first, last)
        scales.plain_log_ticks(axes.xaxis, first, last, most)
    values = np.concatenate([values_shown(panel, first) for panel in shown])
    if not np.isfinite(values).any():
        for axes in row:
            _say_nothing(axes)
        return
    log = shown[0].quantity == REGRET or (
        not shown[0].higher_is_better and scales.wants_log(values)
    )
    scales.fit(row[0], values, log=log, most=most)


def _say_nothing(axes: Axes) -> None:
    """An empty panel: its y axis has no numbers, and it says why."""
    axes.set_yticks([])
    axes.text(0.5, 0.5, "no incumbent", transform=axes.transAxes, ha="center", va="center")


def line_ends(panel: CurvePanel) -> list[End]:
    """Where the lines of a panel end; a method without a centre, where its runs do on average.

    Methods of which nothing is drawn have no end.
    """
    ends = []
    for curves in panel.curves:
        over, runs = curves.over_seeds, list(runs_shown(curves).values())
        lines = [(over.x, over.centre)] if len(over.x) else [(r.index, r.array) for r in runs]
        lasts = [(float(x[-1]), float(y[-1])) for x, y in lines if len(x)]
        if lasts:
            x, y = np.mean(lasts, axis=0).tolist()
            ends.append(End(curves.method, y, x=x))
    return ends
