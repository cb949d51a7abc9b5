"""Where time goes: training, searching, scheduling and engine seconds per method.

The seconds of methods lie orders of magnitude apart, and stacked bars on a logarithmic axis would
lie: so the left panel stacks shares, and the right one shows seconds as dots on a logarithmic axis.
"""

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bohb_study.analysis.diagnostics.time_split import PARTS
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.time_spent_data import TimePanel, panels
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import scales, style

ROW_INCHES, PANEL_INCHES, REST_INCHES = 0.118, 0.33, 0.65
"""Height of a method's line where there is room, of what else a panel takes, and of the legend and
the x axis."""
LINE = 1.12
"""Height of a line over the font size of its name."""

FILLS: dict[str, style.Settings] = {
    "training": {"facecolor": "#3b3b3b"},
    "searching": {"facecolor": "#d55e00"},
    "scheduling": {"facecolor": "#56b4e9", "hatch": "////", "edgecolor": "white"},
    "engine": {"facecolor": "#dddddd"},
}
"""Told apart by their lightness, and the third by its hatching."""
DOTS: dict[str, style.Settings] = {
    "wall": {"marker": "|", "color": "black", "markersize": 7, "markeredgewidth": 1.4},
    "training": {"marker": "s", "color": "#3b3b3b", "markersize": 3.2},
    "searching": {"marker": "o", "color": "#d55e00", "markersize": 3.6},
}
SMALLEST_NAME = 5.0
"""In points, as fonts are measured."""
SMALLEST = 1e-4
"""Seconds below which no dot is drawn."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``panels``.
        UsageError: there is no such venue.
    """
    shown = panels(study)
    settings = style.page(1, 2, study.venue)
    lines = sum(len(panel.methods) for panel in shown)
    rest = style.TALLEST - REST_INCHES - PANEL_INCHES * len(shown)
    line = min(ROW_INCHES, rest / lines)
    heights = [line * len(panel.methods) + PANEL_INCHES for panel in shown]
    with matplotlib.style.context(["default", settings]):
        width = settings["figure.figsize"][0]
        drawn = Figure(figsize=(width, sum(heights) + REST_INCHES))
        grid = drawn.add_gridspec(len(shown), 2, height_ratios=heights)
        first: Axes | None = None
        for i, panel in enumerate(shown):
            shares = drawn.add_subplot(grid[i, 0])
            seconds = drawn.add_subplot(grid[i, 1], sharey=shares, sharex=first)
            _draw_shares(shares, panel, max(SMALLEST_NAME, line * 72 / LINE))
            _draw_seconds(seconds, panel)
            last = i == len(shown) - 1
            for axes in (shares, seconds):
                axes.tick_params(labelbottom=last)
            if last:
                shares.set_xlabel("share of a cell's time, %")
                seconds.set_xlabel("seconds a cell")
            first = first or seconds
        if first is not None:
            _scale(first, shown)
        _legend(drawn)
    return drawn, _caption(study, shown)


def _draw_shares(axes: Axes, panel: TimePanel, size: float) -> None:
    rows = np.arange(len(panel.methods), dtype=np.float64)
    left = np.zeros(len(rows))
    for part in PARTS:
        widths = np.array([100 * method.share(part) for method in panel.methods])
        axes.barh(rows, widths, 0.74, left, label=part, linewidth=0, **FILLS[part])
        left += widths
    axes.set_yticks(rows, [style.line(method.method).label for method in panel.methods])
    for label, method in zip(axes.get_yticklabels(), panel.methods, strict=True):
        label.set_fontweight("bold" if method.method == "bohb" else "normal")
    axes.tick_params(axis="y", length=0, labelsize=min(size, style.legend_size()))
    axes.set_ylim(len(rows) - 0.4, -0.6)  # the first method on top
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
    axes.set_title(panel.family, loc="left", pad=3)


def _draw_seconds(axes: Axes, panel: TimePanel) -> None:
    rows = np.arange(len(panel.methods), dtype=np.float64)
    for name, look in DOTS.items():
        values = np.array([getattr(method, name) for method in panel.methods], dtype=np.float64)
        kept = values >= SMALLEST
        axes.plot(values[kept], rows[kept], linestyle="none", label=f"_seconds/{name}", **look)
    for row, method in zip(rows, panel.methods, strict=True):
        shown = [value for name in DOTS if (value := getattr(method, name)) >= SMALLEST]
        ends = [min(shown), max(shown)] if shown else [np.nan, np.nan]
        axes.plot(ends, [row, row], color="#b0b0b0", linewidth=0.6, zorder=1, label="_line")
    axes.tick_params(axis="y", labelleft=False, length=0)
    axes.grid(visible=False, axis="y")


def _scale(axes: Axes, shown: list[TimePanel]) -> None:
    every = [getattr(m, name) for panel in shown for m in panel.methods for name in DOTS]
    values = np.array([value for value in every if value >= SMALLEST] or [SMALLEST])
    axes.set_xscale("log")
    axes.set_xlim(values.min() / 1.5, values.max() * 1.5)
    scales.plain_log_ticks(axes.xaxis, values.min(), values.max(), most=6)


def _legend(drawn: Figure) -> None:
    names = {"wall": "total", "training": "training", "searching": "searching"}
    fills = [Patch(label=part, linewidth=0, **look) for part, look in FILLS.items()]
    dots = [
        Line2D([], [], linestyle="none", label=names[name], **look) for name, look in DOTS.items()
    ]
    drawn.legend(
        handles=[*fills, *dots],
        loc="outside upper center",
        ncols=len(fills) + len(dots),
        columnspacing=1.0,
        handlelength=1.2,
        handletextpad=0.4,
    )


def _cells(shown: list[TimePanel]) -> str:
    """How many there are behind a mean."""
    counts = sorted({method.cells for panel in shown for method in panel.methods})
    return " to ".join(str(count) for count in dict.fromkeys([counts[0], counts[-1]]))


def _caption(study: FigureStudy, shown: list[TimePanel]) -> str:
    several = [f"{p.family}: {', '.join(p.tasks)}" for p in shown if len(p.tasks) > 1]
    parts = [
        f"Measured time of a cell, the mean over a method's cells ({_cells(shown)} cells). "
        "Left: shares: training is the evaluation itself, searching the searcher including its "
        "model, scheduling the scheduler, and engine the remainder. Right: seconds on a "
        "logarithmic axis: the total time of a cell, its training and its searching.",
        f"Means over the cells of several tasks: {'; '.join(several)}." if several else "",
        "Seconds depend on the machine that ran the study; no result depends on them.",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


FIGURE = FigureSpec("time-spent", figure)
