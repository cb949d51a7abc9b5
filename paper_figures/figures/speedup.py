"""Speed-ups over random search: one panel a task, one line a method, one dot a target.

A dot is the ratio of medians, its bar the spread. What is censored has an arrow instead: a method
that did not reach the target points left from the most that its speed-up can be.
"""

from itertools import chain, zip_longest
from textwrap import fill
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from bohb_study.analysis import main_rule
from bohb_study.analysis.comparisons.speed_ups import FIRST, SHARES
from bohb_study.analysis.frame_cells import missing_cells
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.speedup_data import Speedups, plotted, speedup_dots
from paper_figures.groups import Group
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import legends, scales, style

COLUMNS, MORE_COLUMNS = 4, 5
"""Panels side by side at most: of up to twelve tasks, and of more."""
LINE_INCHES = 0.14
"""Height of one method's line."""
PANEL_INCHES, REST_INCHES = 0.38, 0.6
"""What a panel's title and ticks take, and what the legend and the label of the x axis take."""
TITLE_INCHES = 0.12
"""What a title's second line takes."""
APART = 0.27
"""Between the dots of one method, in lines."""
FILLS = (0.0, 0.45, 1.0)
"""How much of the colour a dot of each share is filled with."""
SHARE_LABELS = [f"target: random at {100 * share:g} %" for share in SHARES]
GREY = "#4d4d4d"
DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 3.2,
    "markeredgewidth": 0.7,
}
TOUCH: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 3.5, "alpha": 0.7}
"""Of the speed-up by first touches, where it differs."""
LATE, EARLY, NEITHER = "<", ">", "x"
OPEN: dict[str, Any] = {"linestyle": "none", "markersize": 2.0, "markeredgewidth": 0}
"""Marks as keyword arguments of ``plot`` and ``Line2D``."""
CLOSE, FAR, FARTHEST = 12.0, 200.0, 5000.0
"""Largest over smallest speed-up up to which ticks stand at 1, 2, 5, at 1, 3, and at 1."""
TITLE_LETTERS, FEWER_LETTERS = 16, 13
"""Letters of a task's name that fit above its panel, and above one of more columns; longer ones
take another line."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``speedup_dots``.
    """
    shown = speedup_dots(study)
    most = max(len(group.tasks) for group in shown.groups)
    columns = min(COLUMNS if most <= 3 * COLUMNS else MORE_COLUMNS, most)
    letters = TITLE_LETTERS if columns <= COLUMNS else FEWER_LETTERS
    rows = [
        (group, group.tasks[i : i + columns])
        for group in shown.groups
        for i in range(0, len(group.tasks), columns)
    ]
    heights = [
        LINE_INCHES * len(group.methods)
        + PANEL_INCHES
        + TITLE_INCHES * (max(len(task.title) for task in tasks) > letters)
        for group, tasks in rows
    ]
    settings = style.page(1, 2, study.venue)
    width, _ = settings["figure.figsize"]
    values = plotted(shown.found)
    ends = min(0.8, *values), max(1.25, *values)
    with matplotlib.style.context(["default", settings]):
        drawn = Figure(figsize=(width, sum(heights) + REST_INCHES))
        grid = drawn.add_gridspec(len(rows), columns, height_ratios=heights)
        for i, (group, tasks) in enumerate(rows):
            for j, task in enumerate(tasks):
                axes = drawn.add_subplot(grid[i, j])
                _draw(axes, shown, group, task.name, task.title, ends, letters)
                if j:
                    axes.tick_params(axis="y", labelleft=False)
        drawn.supxlabel(
            f"speed-up over random search in {shown.time}",
            fontsize=matplotlib.rcParams["axes.labelsize"],
        )
        _legend(drawn, shown)
    return drawn, _caption(study, shown)


def _draw(
    axes: Axes,
    shown: Speedups,
    group: Group,
    task: str,
    title: str,
    ends: tuple[float, float],
    letters: int,
) -> None:
    low, high = ends
    room = (high / low) ** 0.05
    axes.set_xscale("log")
    axes.set_xlim(low / room, high * room)
    axes.axvline(1.0, color=GREY, linewidth=0.8, zorder=1)
    for row, method in enumerate(group.methods):
        if row % 2 == 0:
            axes.axhspan(row - 0.5, row + 0.5, color="black", alpha=0.035, linewidth=0, zorder=0)
        for k, share in enumerate(SHARES):
            own = shown.of(task, method, share)
            if own is not None:
                _mark(
                    axes, own, method, row + (k - 1) * APART, FILLS[k], f"{task}/{method}/{share}"
                )
    axes.set_ylim(len(group.methods) - 0.5, -0.5)  # the first method on top
    axes.set_yticks(range(len(group.methods)), [style.line(m).label for m in group.methods])
    for label, method in zip(axes.get_yticklabels(), group.methods, strict=True):
        label.set_color(style.line(method).color)
        label.set_fontweight("bold" if method == "bohb" else "normal")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_title(fill(title, letters))
    span = high / low
    subs = (1.0, 2.0, 5.0) if span < CLOSE else (1.0, 3.0) if span < FAR else (1.0,)
    base = 10 if span < FARTHEST else 100
    axes.xaxis.set_major_locator(LogLocator(base=base, subs=subs, numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: scales.plain(value)))
    axes.xaxis.set_minor_locator(LogLocator(numticks=20) if base == 100 else NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _mark(
    axes: Axes, own: "pd.Series[Any]", method: str, y: float, strength: float, name: str
) -> None:
    """The dot or the arrow of one speed-up, and the bar of its spread."""
    color = style.line(method).color
    look: dict[str, Any] = {"color": color, "zorder": style.line(method).zorder, "clip_on": False}
    left, right = axes.get_xlim()
    dot = DOT | {"markerfacecolor": _tint(color, strength), "label": f"_dot/{name}"}
    late, random_late = np.isinf(own["median"]), np.isinf(own["base_median"])
    if late and random_late:
        axes.plot([left], [y], **look, **dot | {"marker": NEITHER})
        return
    ends = np.clip([own["low"], own["high"]], left, right)
    axes.plot(ends, [y, y], linewidth=0.7, alpha=0.75, label=f"_spread/{name}", **look)
    for end, is_open, marker in (
        (ends[0], own["low"] == 0, "<"),
        (ends[1], np.isinf(own["high"]), ">"),
    ):
        if is_open:
            axes.plot([end], [y], label=f"_open/{name}", **look, **OPEN | {"marker": marker})
    first = own[FIRST + "speedup"]
    if np.isfinite(first) and first != own["speedup"]:
        axes.plot([first], [y], label=f"_first/{name}", **look, **TOUCH)
    censored = late or random_late
    marker = LATE if late else EARLY if censored else "o"
    axes.plot([own["bound" if censored else "speedup"]], [y], **look, **dot | {"marker": marker})


def _tint(color: str, strength: float) -> tuple[float, float, float]:
    """So much of the colour on white; not see-through, for the bar stays behind it."""
    red, green, blue = (1.0 - strength * (1.0 - part) for part in to_rgb(color))
    return red, green, blue


def _legend(drawn: Figure, shown: Speedups) -> None:
    """What the fillings and, in a second line, the arrows mean; methods stand at their lines."""
    targets = [
        Line2D([], [], color=GREY, **DOT | {"markerfacecolor": _tint(GREY, strength)}, label=label)
        for strength, label in zip(FILLS, SHARE_LABELS, strict=True)
    ]
    arrows = [
        Line2D([], [], color=GREY, **DOT | {"marker": marker}, label=label)
        for marker, label in _arrows(shown).items()
    ]
    if _touches(shown):
        arrows.insert(0, Line2D([], [], color=GREY, **TOUCH, label="first touch"))
    nothing = Line2D([], [], linestyle="none", label=" ")
    drawn.legend(  # column by column, a line of each
        handles=list(chain(*zip_longest(targets, arrows, fillvalue=nothing))),
        loc="outside upper center",
        ncols=max(len(targets), len(arrows)),
        handlelength=1.2,
        columnspacing=1.2,
    )


def _touches(shown: Speedups) -> bool:
    """Whether some speed-up would be another by the first touch of its target."""
    first = shown.found[FIRST + "speedup"]
    return bool((np.isfinite(first) & (first != shown.found["speedup"])).any())


def _arrows(shown: Speedups) -> dict[str, str]:
    """Markers of what is censored in the figure, and their meaning."""
    late, random_late = (np.isinf(shown.found[name]) for name in ("median", "base_median"))
    meanings = {
        LATE: ("not reached: less", late & ~random_late),
        EARLY: ("random's not: more", random_late & ~late),
        NEITHER: ("neither", late & random_late),
    }
    return {marker: label for marker, (label, where) in meanings.items() if where.any()}


def _caption(study: FigureStudy, shown: Speedups) -> str:
    counts = sorted(set(shown.found["seeds"]))
    kinds = sorted(set(shown.found["kind"]))
    names = {task.name for group in shown.groups for task in group.tasks}
    without = [task.name for task in study.tasks if task.name not in names]
    missing = missing_cells(study.frame)
    frame = study.frame[study.frame["task"].isin(names)]
    rules = {study.rule or main_rule(own) for _, own in frame.groupby("task")}
    larger_budgets = [style.line(method).label for method in study.larger_budgets]
    parts = [
        f"Speed-up over random search (right of 1: faster), in {shown.time}: Kaplan-Meier median "
        "of random's times over that of the method's. Target: random's interquartile mean over "
        "seeds at 25, 50 or 100 % of the budget; a cell's time is that of the report from which on "
        "the incumbent's value stays at or below it, censored where its budget ends."
        + (
            " Small strokes: the same by the first touch of the target, be it lost again."
            if _touches(shown)
            else ""
        ),
        study.mark_in_words,
        f"Dots: over {' or '.join(map(str, counts))} seed{'s' if counts != [1] else ''}, the "
        "fuller the harder the target; bars: "
        f"{' or '.join(map(_KINDS.__getitem__, kinds))}, with an arrow where one is open because a "
        "median is censored.",
        *(legends.rule_sentence(rule) for rule in sorted(rules)),
        "Triangles are bounds: to the left, the method's median is censored, it did not reach the "
        "target; to the right, random's is."
        if _arrows(shown)
        else "",
        f"Random search had no incumbent yet at some share: {', '.join(shown.without_target)}."
        if shown.without_target
        else "",
        f"Left out, with another budget: {', '.join(larger_budgets)}." if larger_budgets else "",
        f"Not shown, having no random search or no other method: {', '.join(without)}."
        if without
        else "",
        f"Missing cells: {', '.join(missing)}." if missing else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


_KINDS = {
    "95 % interval": "95 % bootstrap interval over paired seeds",
    "range, not an interval": "range of the seeds' own ratios, not an interval",
}


FIGURE = FigureSpec("speedup", figure)
