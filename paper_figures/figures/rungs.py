"""Rungs: trials judged at each, planned against executed, and how alike rungs and top rank.

Above, one panel a method with a declared plan: where executed and planned part, brackets are not
halved as the method says. Below, one panel a task: the rank correlation of each rung with the top,
over random configurations, and over those that a method's own halving and model have selected.
"""

import math
from textwrap import fill
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MultipleLocator, NullLocator

from paper_figures.figure_study import FigureStudy
from paper_figures.figures.rungs_data import (
    BracketPanel,
    CorrelationPanel,
    bracket_panels,
    correlation_panels,
    require,
)
from paper_figures.toolkit import legends, scales, style
from paper_figures.toolkit.labels import End, end_labels

COLUMNS, MORE_COLUMNS = 4, 5
"""Panels of tasks side by side: of up to twelve, and of more."""
BRACKETS_INCHES, CORRELATIONS_INCHES, HEAD_INCHES = 1.25, 1.2, 0.5
"""Height of a row of panels, and of each part's legend."""

PLANS = 2
"""Rows of tasks that share a plan; the caption speaks of all."""
LONGEST = 80
"""Letters of a line below a row."""
TICK_LETTERS = 13
"""Letters of all ticks of a narrow panel."""

Look = dict[str, Any]
PLANNED: Look = {
    "color": "#9a9a9a",
    "linewidth": 3.2,
    "alpha": 0.55,
    "solid_capstyle": "round",
    "zorder": 2,
}
UNSELECTED: Look = {"color": "black", "linewidth": 1.5, "zorder": 5}


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: nothing is halved and no rungs can be correlated.
        UsageError: a method has no line in ``style``, or there is no such venue.
    """
    all_brackets, correlations = bracket_panels(study), correlation_panels(study)
    complete = [row for row in all_brackets if any(panel.brackets for panel in row)]
    brackets = sorted(complete, key=lambda row: -len(row[0].tasks))[:PLANS]
    require(brackets, correlations)
    settings = style.page(1, 2, study.venue)
    many = len(correlations) > 3 * COLUMNS
    columns = min(MORE_COLUMNS if many else COLUMNS, max(len(correlations), 1))
    lines = math.ceil(len(correlations) / columns)
    heights = [
        height
        for height, wanted in (
            (HEAD_INCHES + BRACKETS_INCHES * len(brackets), brackets),
            (HEAD_INCHES + CORRELATIONS_INCHES * max(lines, 1), correlations),
        )
        if wanted
    ]
    if len(correlations) == 1:
        heights[-1] += 0.3
    with matplotlib.style.context(["default", settings]):
        drawn = Figure(figsize=(settings["figure.figsize"][0], sum(heights)))
        parts = drawn.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        if brackets:
            _draw_brackets(parts[0], brackets)
        if correlations:
            _draw_correlations(parts[-1], correlations, columns)
        scales.thin_ticks(drawn)
    return drawn, _caption(study, all_brackets, brackets, correlations)


def _draw_brackets(part: SubFigure, rows: list[list[BracketPanel]]) -> None:
    columns = max(map(len, rows))
    grid = part.add_gridspec(len(rows), columns)
    for i, row in enumerate(rows):
        axes_of_row: list[Axes] = []
        for j, panel in enumerate(row):
            shared = axes_of_row[0] if j else None
            axes = part.add_subplot(grid[i, j], sharex=shared, sharey=shared)
            _draw_plan(axes, panel)
            axes.tick_params(labelleft=j == 0)
            axes_of_row.append(axes)
        axes_of_row[0].set_ylabel("trials judged")
        _scale_brackets(axes_of_row[0], row)
        units = f"rung (units): {', '.join(row[0].tasks)}"
        # below the middle of the row: with an even number, left of a panel
        middle = 0.5 if len(axes_of_row) % 2 else -0.1
        axes_of_row[len(axes_of_row) // 2].set_xlabel(fill(units, LONGEST), x=middle)
    marks = {
        "planned, one line a kind of bracket": PLANNED,
        "executed (median; bar: least to most)": {
            "color": "#4d4d4d",
            "lw": 1,
            "marker": "o",
            "ms": 3,
        },
    }
    handles = [Line2D([], [], label=name, **look) for name, look in marks.items()]
    part.legend(handles=handles, loc="outside upper center", ncols=2)


def _draw_plan(axes: Axes, panel: BracketPanel) -> None:
    look = style.line(panel.method)
    for number, rungs in enumerate(panel.brackets):
        levels = [rung.level for rung in rungs]
        planned = PLANNED | ({"marker": "o", "ms": 3.2} if len(rungs) == 1 else {})
        axes.plot(levels, [r.planned for r in rungs], label=f"_planned/{number}", **planned)
        axes.vlines(
            levels,
            [r.low for r in rungs],
            [r.high for r in rungs],
            color=look.color,
            lw=0.8,
            zorder=3,
        )
        stroke = style.strokes(look) | {"linewidth": 0.9, "linestyle": "solid", "zorder": 4}
        axes.plot(levels, [r.middle for r in rungs], label=f"_executed/{number}", **stroke)
    weight = "bold" if panel.method == "bohb" else "normal"
    axes.set_title(_short(look.label), color=look.color, fontweight=weight, pad=3)
    axes.text(
        0.96,
        0.95,
        panel.verdict,
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=style.legend_size() - 1,
        fontweight="bold" if panel.verdict == "not as planned" else "normal",
    )


def _scale_brackets(axes: Axes, row: list[BracketPanel]) -> None:
    rungs = [rung for panel in row for kind in panel.brackets for rung in kind]
    counts = np.array([n for rung in rungs for n in (rung.planned, rung.low, rung.high)], float)
    axes.set_xscale("log")
    _rung_ticks(axes, sorted({rung.level for rung in rungs}))
    axes.set_yscale("log")
    axes.set_ylim(0.7, counts.max() * 2.6)  # room for the verdict
    scales.plain_log_ticks(axes.yaxis, 1, 2000)


def _rung_ticks(axes: Axes, levels: list[int]) -> None:
    """Ticks at the rungs, as many as can be read."""
    step = math.ceil(len(levels) * len(str(levels[-1])) / TICK_LETTERS)
    axes.xaxis.set_major_locator(FixedLocator([float(level) for level in levels[::-step]]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    room = (levels[-1] / levels[0]) ** 0.1
    axes.set_xlim(levels[0] / room, levels[-1] * room)


def _draw_correlations(part: SubFigure, panels: list[CorrelationPanel], columns: int) -> None:
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
        whole.draw_without_rendering()
    ends = []
    for line in panel.lines:
        last = [r.spearman.centre for r in line.rungs if np.isfinite(r.spearman.centre)]
        if last:
            text = "" if line.method else "Random draws, not selected"
            ends.append(End(line.method or "random", last[-1], text))
    end_labels(axes, ends)


def _selected(method: str) -> Look:
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


def _short(label: str) -> str:
    """A label that may be wider than a narrow panel, on two lines."""
    return label.replace("HpBandSter-", "HpBandSter-\n")


def _caption(
    study: FigureStudy,
    all_brackets: list[list[BracketPanel]],
    brackets: list[list[BracketPanel]],
    correlations: list[CorrelationPanel],
) -> str:
    panels = [panel for row in all_brackets for panel in row]
    departed = [
        style.line(method).label
        for method in style.in_order(
            {panel.method for panel in panels if panel.verdict == "not as planned"}
        )
    ]
    none_complete = [
        name
        for row in all_brackets
        if not any(panel.brackets for panel in row)
        for name in row[0].tasks
    ]
    shown = {name for row in brackets for name in row[0].tasks}
    left_out = [
        name
        for row in all_brackets
        for name in row[0].tasks
        if name not in shown and name not in none_complete
    ]
    single = [
        task.name for task in study.tasks if task.name not in {panel.task for panel in correlations}
    ]
    off = [panel.task for panel in correlations if panel.source == "off the ledger"]
    none = [panel.task for panel in correlations if panel.source == "none"]
    parts = [
        "Above: trials judged at each rung of the complete brackets of all cells, by the plan that "
        "the method declares (grey) and as executed (median, and bars from the least to the most)."
        if brackets
        else "",
        f"Plans of fewer tasks are not shown above, for want of room: {', '.join(left_out)}."
        if left_out
        else "",
        f"No bracket was completed on {', '.join(none_complete)}." if none_complete else "",
        f"Not as planned on some task, of all: {', '.join(departed)}." if departed else "",
        "Below: Spearman's rank correlation between the validation losses at a rung and at full "
        "fidelity."
        if correlations
        else "",
        "Black: configurations that no result has selected, with a 95 % interval; of a method, "
        "those that reached both, which its halving or its model has selected: their losses range "
        "less, which brings the correlation nearer to 0 and says nothing of the task."
        if correlations
        else "",
        f"Evaluated at every rung for this alone, outside all budgets, on {', '.join(off)}."
        if off
        else "",
        f"No black line, as there is no such sample: {', '.join(none)}." if none else "",
        "Without a second rung, or with too few configurations at two, and not shown below: "
        f"{', '.join(single)}."
        if single
        else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)
