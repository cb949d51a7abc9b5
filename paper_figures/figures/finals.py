"""The final configurations retrained: what was reported for each cell beside fresh trainings.

A cell's incumbent is one training that was chosen for its validation loss. The figure shows its
test loss, those of the same configuration under fresh training seeds, and that of each method's
best configuration refit once on all training data.
"""

from math import isfinite, nan

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bohb_study.analysis import RULES
from bohb_study.arrays import Floats
from bohb_study.summaries.wording import OUTSIDE_BUDGET
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.finals_data import FinalsPanel, MethodDots, any_panel, panels
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import scales, style

CELL_INCHES = 0.058
"""Height of one cell's line of dots."""
GAP = 2.5
"""Room between two methods, in lines of dots."""
NARROW, MORE_INCHES = 4.0, 0.25
"""Inches below which a page is a column of text, and what its legend takes beyond."""

GREY = "#4d4d4d"
REPORTED: style.Settings = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 4.4,
    "markerfacecolor": "none",
}
RETRAINED: style.Settings = {
    "linestyle": "none",
    "marker": ".",
    "markersize": 4.0,
    "markeredgewidth": 0,
}
BEFORE: style.Settings = {"linestyle": (0, (1, 1)), "linewidth": 1.2, "zorder": 1.5}
AFTER: style.Settings = {"linestyle": "solid", "linewidth": 1.2, "zorder": 1.5}
ALL_DATA: style.Settings = {
    "linestyle": "none",
    "marker": "*",
    "markersize": 9,
    "markeredgecolor": "black",
    "markeredgewidth": 0.6,
    "zorder": 5,
}
"""Marks as keyword arguments of ``plot`` and ``Line2D``; the colour says the method."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``panels``.
    """
    shown = panels(study)
    settings = style.page(1, 1, study.venue)
    width, _ = settings["figure.figsize"]
    lines = [sum(len(own.cells) + GAP for own in panel.methods) for panel in shown]
    height = sum(CELL_INCHES * count + 0.4 for count in lines) + 0.65
    narrow = width < NARROW
    with matplotlib.style.context(["default", settings]):
        drawn = Figure(figsize=(width, height))
        grid = drawn.add_gridspec(len(shown), 1, height_ratios=lines)
        for i, panel in enumerate(shown):
            _draw(drawn.add_subplot(grid[i]), panel)
        if narrow:
            drawn.set_figheight(height + MORE_INCHES)
        _legend(drawn, shown, 1 if narrow else 2)
    return drawn, _caption(study, shown)


def _draw(axes: Axes, panel: FinalsPanel) -> None:
    bottom, middles = 0.0, []
    for own in panel.methods:
        rows = bottom + np.arange(len(own.cells), dtype=np.float64)
        _draw_method(axes, own, rows)
        middles.append(rows.mean())
        bottom = rows[-1] + 1 + GAP
    axes.set_yticks(middles, [style.line(own.method).label for own in panel.methods])
    axes.set_ylim(bottom - GAP + 0.5, -1.5)  # the first method on top
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.margins(x=scales.MARGIN)
    values = panel.losses
    if not panel.task.test_score.negated and scales.wants_log(values):
        axes.set_xscale("log")
        scales.plain_log_ticks(axes.xaxis, values.min(), values.max())
    axes.set_xlabel(f"{panel.task.name}: {panel.task.test_score}")


def _draw_method(axes: Axes, own: MethodDots, rows: Floats) -> None:
    color, name = style.line(own.method).color, own.method
    for cell, row in zip(own.cells, rows, strict=True):
        ends = [x for x in (cell.reported, *cell.retrained) if isfinite(x)] or [nan]
        axes.plot([min(ends), max(ends)], [row, row], color=color, linewidth=0.4, alpha=0.6)
        y = [row] * len(cell.retrained)
        label = f"_retrained/{name}/{cell.seed}"
        axes.plot(cell.retrained, y, label=label, color=color, **RETRAINED)
    reported = [cell.reported for cell in own.cells]
    axes.plot(reported, rows, label=f"_reported/{name}", markeredgecolor=color, **REPORTED)
    ends = [rows[0] - 0.9, rows[-1] + 0.9]
    for centre, which, look in (
        (own.reported.centre, "reported", BEFORE),
        (own.retrained, "retrained", AFTER),
    ):
        label = f"_centre/{name}/{which}"
        axes.plot([centre] * 2, ends, label=label, color=color, **look)
    if own.all_data is not None:
        axes.plot([own.all_data], [rows.mean()], label=f"_all/{name}", color=color, **ALL_DATA)


def _legend(drawn: Figure, shown: list[FinalsPanel], columns: int) -> None:
    labels = _labels(shown)
    marks = {
        "reported for the incumbent": REPORTED | {"markeredgecolor": GREY},
        "retrained": RETRAINED,
        **({"best one, refit on all training data": ALL_DATA} if _any_all_data(shown) else {}),
        f"{labels}, reported": BEFORE,
        f"{labels}, retrained": AFTER,
    }
    drawn.legend(
        handles=[Line2D([], [], color=GREY, label=name, **mark) for name, mark in marks.items()],
        loc="outside upper center",
        ncols=columns,
        columnspacing=1.4,
    )


def _labels(shown: list[FinalsPanel]) -> str:
    """What the vertical lines are."""
    return " or ".join(sorted({own.reported.label for panel in shown for own in panel.methods}))


def _any_all_data(shown: list[FinalsPanel]) -> bool:
    return any(own.all_data is not None for panel in shown for own in panel.methods)


def _what(shown: list[FinalsPanel]) -> str:
    scores = dict.fromkeys(p.task.test_score for p in shown if p.task.test_score.negated)
    more = [f"{score.name} on test data ({score.better})" for score in scores]
    lower = [] if all(p.task.test_score.negated for p in shown) else ["loss (lower is better)"]
    words = " or ".join([*("test " + one for one in lower), *more])
    return words[0].upper() + words[1:]


def _caption(study: FigureStudy, shown: list[FinalsPanel]) -> str:
    methods = [own for panel in shown for own in panel.methods]
    counts = sorted({len(cell.retrained) for own in methods for cell in own.cells})
    times = " to ".join(str(n) for n in dict.fromkeys([counts[0], counts[-1]]))
    seeds = sorted({len(own.cells) for own in methods})
    left_out = [one for own in methods for one in own.left_out]
    parts = [
        f"{_what(shown)} of each cell's final incumbent, one line per "
        "seed: as reported for the training that was selected on validation (circle), and for "
        f"{times} retrainings with fresh training seeds on the cell's own split (dots), "
        f"{OUTSIDE_BUDGET}; {' or '.join(map(str, seeds))} seeds per method.",
        f"Incumbents under rule full: {RULES['full']}.",
        f"Vertical lines: {_labels(shown)} over seeds, dotted as reported, solid for the mean of "
        "each seed's retrainings.",
        "Star: the configuration of the seed with the best incumbent, refit once on all training "
        "data (all but the test part)."
        if _any_all_data(shown)
        else "",
        f"Without a result and not drawn: {', '.join(left_out)}." if left_out else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


FIGURE = FigureSpec("finals", figure, after_run=any_panel)
