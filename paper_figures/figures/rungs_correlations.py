"""The lower part of the figure of rungs: how alike each rung and the top rank."""

import math

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from paper_figures.figures.rungs_data import (
    CorrelationPanel,
)
from paper_figures.toolkit import legends, scales, style
from paper_figures.toolkit.labels import End, end_labels
from paper_figures.toolkit.literal import draw_once

UNSELECTED: style.Settings = {"color": "black", "linewidth": 1.5, "zorder": 5}


def draw_correlations(part: SubFigure, panels: list[CorrelationPanel], columns: int) -> None:
    """One panel a task, so many side by side."""
    rows = math.ceil(len(panels) / columns)
    grid = part.add_gridspec(rows, columns)
    whole = part.get_figure(root=True)
    assert whole is not None
    first: Axes | None = None
    for i, panel in enumerate(panels):
        axes = part.add_subplot(grid[i // columns, i % columns], sharex=first, sharey=first)
        _draw_task(axes, panel, 0.75 * whole.get_figwidth() / columns)
        below = i + columns < len(panels)
        axes.tick_params(labelleft=i % columns == 0, labelbottom=not below)
        first = first or axes
    if first is not None:
        _scale_correlations(first, panels)
    size = matplotlib.rcParams["axes.labelsize"]
    part.supxlabel("share of full fidelity", fontsize=size)
    part.supylabel("Spearman with the top", fontsize=size)
    if len(panels) == 1 and first is not None:
        _name_lines(first, panels[0])
        return
    methods = {line.method for panel in panels for line in panel.lines if line.method}
    handles = [Line2D([], [], label="random configurations, not selected", **UNSELECTED)]
    for method in style.in_order(methods):
        look = style.line(method)
        handles.append(Line2D([], [], label=look.label, **_selected(method)))
    part.legend(handles=handles, loc="outside upper center", ncols=3, columnspacing=1.2)


def _name_lines(axes: Axes, panel: CorrelationPanel) -> None:
    """Names at the ends of the lines, where there is but one panel."""
    # the limits are final; the size of the axes is not before something was laid out
    whole = axes.get_figure(root=True)
    if whole is not None:
        draw_once(whole)
    ends = []
    for line in panel.lines:
        last = [r.spearman.centre for r in line.rungs if np.isfinite(r.spearman.centre)]
        if last:
            text = "" if line.method else "Random draws, not selected"
            ends.append(End(line.method or "random", last[-1], text))
    end_labels(axes, ends)


def _selected(method: str) -> style.Settings:
    return style.strokes(style.line(method)) | {"linewidth": 0.7, "markersize": 3}


def _draw_task(axes: Axes, panel: CorrelationPanel, inches: float) -> None:
    axes.axhline(0, color="black", linewidth=0.5, zorder=1)
    for line in panel.lines:
        x = [rung.share for rung in line.rungs]
        centre = [rung.spearman.centre for rung in line.rungs]
        if line.method is None:
            low = [rung.spearman.low for rung in line.rungs]
            high = [rung.spearman.high for rung in line.rungs]
            axes.fill_between(
                x, low, high, color="black", alpha=0.15, linewidth=0, label="_interval"
            )
            axes.plot(x, centre, label="_unselected", **UNSELECTED)
        else:
            axes.plot(x, centre, label=f"_selected/{line.method}", **_selected(line.method))
    axes.set_title(legends.wrapped(panel.task, inches), pad=3)


def _scale_correlations(axes: Axes, panels: list[CorrelationPanel]) -> None:
    lines = [line for panel in panels for line in panel.lines]
    shares = [rung.share for line in lines for rung in line.rungs]
    lows = [rung.spearman.low for line in lines if line.method is None for rung in line.rungs]
    lows += [rung.spearman.centre for line in lines for rung in line.rungs]
    axes.set_xscale("log")
    axes.set_xlim(min(shares) / 1.3, max(shares) * 1.3)
    scales.plain_log_ticks(axes.xaxis, min(shares), 1.0)
    lowest = min([0.0, *(low for low in lows if np.isfinite(low))])
    axes.set_ylim(max(-1.0, lowest - 0.05), 1.05)
    axes.yaxis.set_major_locator(MultipleLocator(0.5))
