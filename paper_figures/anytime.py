"""Anytime performance: the incumbent's loss against cost or time, per task, all methods.

The x axis counts full evaluations at one worker and virtual seconds at several, where each task
has a range of its own; where several workers ran in real time, full evaluations in order of
arrival stand in.

Real training is shown under two rules side by side: ``full``, which compares only finished
trainings, and ``highest``, which also shows the cheap early ones. Tasks whose noise-free loss is
known take one panel, rule ``validated``; where the optimum is known too, it shows regret.
"""

import math
from textwrap import fill

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bohb_study.analysis import RULES, MethodCurves
from paper_figures import scales, style
from paper_figures.data import FigureStudy
from paper_figures.panels import Panel, panels, runs_shown, span, values_shown

LONGEST_LABEL = 26
"""Letters of a metric's name that fit beside a panel; longer names take another line."""
LEGEND_LETTERS, HANDLE_LETTERS = 84, 8
"""Letters that a line of the legend holds, and what a handle takes of them."""
LEGEND_LINE = 0.15
"""Inches that each line of the legend takes beyond the second."""
LONGEST_X_LABEL = 32
"""Letters that fit below one of two panels."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: methods have unequal seeds and missing cells are not allowed.
        UsageError: a method has no line in ``style``.
    """
    rows = panels(study)
    with matplotlib.style.context(["default", style.page(rows=len(rows), columns=2)]):
        drawn = Figure()
        grid = drawn.add_gridspec(len(rows), 2)
        counted = [panel for row in rows for panel in row if panel.axis == "full_evals"]
        timed = any(row[0].axis == "virtual_seconds" for row in rows)
        for i, row in enumerate(rows):
            first: Axes | None = None
            for j, panel in enumerate(row):
                place = grid[i, j] if len(row) > 1 else grid[i, :]
                axes = drawn.add_subplot(place, sharey=first)
                _draw(axes, panel)
                axes.label_outer()
                if timed:  # the row below, which would bear the labels, has another axis
                    axes.set_xlabel(fill(panel.x_label, LONGEST_X_LABEL))
                    axes.tick_params(axis="x", labelbottom=True)
                first = first or axes
            alike = row if row[0].axis == "virtual_seconds" else counted
            _scale(drawn.axes[-len(row) :], row, *span(alike))
        _legend(drawn, rows)
    return drawn, _caption(study, rows)


def _draw(axes: Axes, panel: Panel) -> None:
    by_method = {curves.method: curves for curves in panel.data.curves}
    for number, method in enumerate(style.in_order(set(by_method))):
        _draw_method(axes, by_method[method], panel.reference, number)
    axes.set_title(f"rule {panel.data.rule}: {RULES[panel.data.rule]}")
    axes.set_xlabel(fill(panel.x_label, LONGEST_X_LABEL))
    axes.set_ylabel(f"{panel.task.name}\n{fill(panel.quantity, LONGEST_LABEL)}")


def _draw_method(axes: Axes, curves: MethodCurves, reference: float, number: int) -> None:
    look, over = style.line(curves.method), curves.over_seeds
    for seed, run in runs_shown(curves).items():
        x, (y,) = scales.corners(run.index.to_numpy(), run.to_numpy() - reference)
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
    x, (low, high) = scales.corners(over.x, over.low - reference, over.high - reference)
    axes.fill_between(
        x,
        low,
        high,
        step="post",
        color=look.color,
        alpha=0.08 if over.kind == "range, not an interval" else 0.16,
        linewidth=0,
        zorder=look.zorder - 2,
        label=f"_spread/{curves.method}",
    )
    x, (centre,) = scales.corners(over.x, over.centre - reference)
    axes.plot(
        x,
        centre,
        drawstyle="steps-post",
        markevery=(0.06 + 0.04 * number, 0.28),  # staggered, so that markers do not cover
        zorder=look.zorder,
        label=f"_centre/{curves.method}",
        **style.strokes(look),
    )


def _scale(row: list[Axes], shown: tuple[Panel, ...], first: float, last: float) -> None:
    """The logarithmic x axis from ``first`` to ``last``, and one y axis for a task's panels."""
    for axes in row:
        axes.set_xscale("log")
        axes.set_xlim(first, last)
        scales.plain_log_ticks(axes.xaxis, first, last)
    values = np.concatenate([values_shown(panel, first) for panel in shown])
    log = shown[0].quantity == "regret" or scales.wants_log(values)
    scales.fit(row[0], values, log=log)


def _legend(drawn: Figure, rows: list[tuple[Panel, ...]]) -> None:
    """One legend above all panels; its title says what lines and bands are."""
    everything = _all_curves(rows)
    handles = []
    for method in style.in_order({curves.method for curves in everything}):
        look = style.line(method)
        handles.append(Line2D([], [], label=_name(method, everything), **style.strokes(look)))
    lines = 1 if len(handles) <= 5 else max(2, math.ceil(len(handles) / 4))
    while _letters([str(handle.get_label()) for handle in handles], lines) > LEGEND_LETTERS:
        lines += 1
    # of many methods the panels keep their height
    drawn.set_figheight(drawn.get_figheight() + LEGEND_LINE * max(0, lines - 2))
    drawn.legend(
        handles=handles,
        loc="outside upper center",
        ncols=math.ceil(len(handles) / lines),
        title=_spread_in_words(everything),
        handlelength=3.2,
        columnspacing=1.4 if lines <= 2 else 1.0,
    )


def _letters(labels: list[str], lines: int) -> int:
    """How wide a legend is, in letters; it is filled column by column."""
    columns = [labels[i : i + lines] for i in range(0, len(labels), lines)]
    return sum(HANDLE_LETTERS + max(map(len, column)) for column in columns)


def _all_curves(rows: list[tuple[Panel, ...]]) -> list[MethodCurves]:
    return [curves for row in rows for panel in row for curves in panel.data.curves]


def _name(method: str, everything: list[MethodCurves]) -> str:
    """The method's label; with its number of seeds where methods differ in it."""
    label = style.line(method).label
    if len({curves.over_seeds.n for curves in everything}) == 1:
        return label
    own = sorted({curves.over_seeds.n for curves in everything if curves.method == method})
    return f"{label} (n = {', '.join(map(str, own))})"


def _spread_in_words(everything: list[MethodCurves]) -> str:
    """What centre, band and thin lines are, and over how many seeds."""
    counts = sorted({curves.over_seeds.n for curves in everything})
    number = " or ".join(str(n) for n in counts)
    labels = " or ".join(sorted({curves.over_seeds.label for curves in everything}))
    kinds = " or ".join(sorted({curves.over_seeds.kind for curves in everything}))
    thin = "; thin: every run" if "range" in kinds else ""
    return f"{labels} of {number} seed{'s' if counts != [1] else ''}; band: {kinds}{thin}"


def _yardstick(method: str, factor: int) -> str:
    label = style.line(method).label
    return f"{label}: a yardstick, which has spent {factor} times what the axis says."


def _caption(study: FigureStudy, rows: list[tuple[Panel, ...]]) -> str:
    everything = _all_curves(rows)
    tasks: dict[str, list[str]] = {}
    for row in rows:
        task = row[0].task
        name = f"{task.name} (one full evaluation: {task.top} {task.unit}s)"
        tasks.setdefault(row[0].x_label, []).append(name)
    comma = "," if study.workers > 1 else ""
    against = "; ".join(
        f"against {axis}{comma} on {'; '.join(names)}" for axis, names in tasks.items()
    )
    timed = any(row[0].axis == "virtual_seconds" for row in rows)
    rules = sorted({panel.data.rule for row in rows for panel in row})
    undefined = sorted(
        {
            f"{panel.data.rule}: {curves.task}/{curves.method}"
            for row in rows
            for panel in row
            for curves in panel.data.curves
            if not len(curves.over_seeds.x)
        }
    )
    missing = sorted({cell for row in rows for panel in row for cell in panel.data.missing})
    parts = [
        f"Loss of the incumbent (lower is better) {against}.",
        "Virtual seconds follow from the tasks' modelled durations alone." if timed else "",
        *(f"Rule {rule}: {RULES[rule]}." for rule in rules),
        f"{_spread_in_words(everything).capitalize()}.",
        "Curves start where all seeds have an incumbent and end with the first cell that ends.",
        *(_yardstick(*one) for one in study.yardsticks.items()),
        f"No such stretch: {', '.join(undefined)}." if undefined else "",
        f"Missing cells: {', '.join(missing)}." if missing else "",
        f"Problems: {'; '.join(study.problems)}." if study.problems else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)
