"""The upper part of the figure of rungs: trials judged at each, planned and executed."""

import math
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from paper_figures.figures.rungs_data import (
    BracketPanel,
)
from paper_figures.toolkit import scales, style

LONGEST = 80
"""Letters of a line below a row."""
TICK_LETTERS = 13
"""Letters of all ticks of a narrow panel."""

PLANNED: style.Settings = {
    "color": "#9a9a9a",
    "linewidth": 3.2,
    "alpha": 0.55,
    "solid_capstyle": "round",
    "zorder": 2,
}


def draw_brackets(part: SubFigure, rows: list[list[BracketPanel]]) -> None:
    """One row of panels for the tasks that share a plan, one panel a method."""
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


def _short(label: str) -> str:
    """A label that may be wider than a narrow panel, on two lines."""
    return label.replace("HpBandSter-", "HpBandSter-\n")
