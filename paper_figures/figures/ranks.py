"""Mean ranks over time: which method leads after which share of the budget, over all tasks.

A critical-difference diagram stands below it only where enough families of tasks allow the tests
behind it; elsewhere the caption says why there is none.
"""

from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bohb_study.analysis.comparisons.friedman import BlockTests
from bohb_study.analysis.comparisons.mean_ranks import RankCurves
from bohb_study.arrays import Floats
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.ranks_data import Ranks, ranks
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import legends, scales, step_lines, style
from paper_figures.toolkit.curve_panel import banded
from paper_figures.toolkit.labels import End, end_labels

RATIO, NARROW_RATIO = 0.5, 0.9
"""Height over width of the panel, on a wide page and in a column of text."""
NARROW = 4.0
"""Inches below which a page is a column."""
DIAGRAM = 0.45
"""Height of the critical-difference diagram over that of the panel."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``ranks``.
    """
    shown = ranks(study)
    settings = style.page(1, 1, study.venue, RATIO)
    if settings["figure.figsize"][0] < NARROW:
        settings = style.page(1, 1, study.venue, NARROW_RATIO)
    with matplotlib.style.context(["default", settings]):
        drawn = Figure()
        if isinstance(shown.tests, BlockTests):
            drawn.set_figheight(drawn.get_figheight() * (1 + DIAGRAM))
            above, below = drawn.subplots(2, 1, height_ratios=[1, DIAGRAM])
            _draw_diagram(below, shown.tests)
        else:
            above = drawn.subplots()
        _draw(above, shown)
    return drawn, _caption(study, shown)


def _draw(axes: Axes, shown: Ranks) -> None:
    curves = shown.curves
    ends = []
    for number, method in enumerate(style.in_order(set(curves.methods))):
        i = curves.methods.index(method)
        if method in banded(curves.methods):
            step_lines.band(axes, method, shown.x, curves.low[i], curves.high[i], 0.14)
        marks = (0.04 + 0.02 * number, 0.3)  # staggered, so that markers do not cover
        step_lines.centre(axes, method, shown.x, curves.centre[i], marks)
        ends.append(End(method, float(curves.centre[i, -1])))
    first, last = shown.x[0], max(shown.x[-1], 2 * shown.x[0])
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    scales.plain_log_ticks(axes.xaxis, first, last)
    scales.fit(axes, np.concatenate([curves.centre.ravel(), *_spread_values(curves)]), log=False)
    axes.set_xlabel(shown.x_label)
    axes.set_ylabel("mean rank (1: best)")
    end_labels(axes, ends)


def _spread_values(curves: RankCurves) -> list[Floats]:
    """What of the bands must be seen; a range of few seeds may leave the axis."""
    return [curves.low.ravel(), curves.high.ravel()] if curves.kind == "95 % interval" else []


def _draw_diagram(axes: Axes, tests: BlockTests) -> None:
    import scikit_posthocs  # takes seconds to load, and is seldom needed

    # Numbers for names: its sets of names would be drawn in another order in each process.
    methods = style.in_order(set(tests.ranks.index))
    numbers = {method: number for number, method in enumerate(methods)}
    look: dict[str, Any] = {"fontsize": style.legend_size()}
    parts = scikit_posthocs.critical_difference_diagram(
        tests.ranks.rename(numbers),
        tests.pairwise.rename(index=numbers, columns=numbers),
        ax=axes,
        color_palette={number: style.line(method).color for method, number in numbers.items()},
        label_props=look,
        crossbar_props={"linewidth": 1.6},
        marker_props={"s": 10},
        elbow_props={"linewidth": 0.8},
        text_h_margin=0.1,
    )
    for text in parts["labels"]:
        left = text.get_ha() == "right"
        number = int(text.get_text().strip("()").split()[0 if left else -1])
        name = f"{style.line(methods[number]).label} ({tests.ranks[methods[number]]:.1f})"
        text.set_text(f"{name} " if left else f" {name}")  # a gap between the name and its line
    axes.spines["top"].set_visible(True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("mean rank at the whole budget")
    axes.xaxis.set_label_position("top")
    axes.grid(visible=False)


def _caption(study: FigureStudy, shown: Ranks) -> str:
    curves = shown.curves
    counts = " or ".join(map(str, curves.seeds))
    tasks = len(curves.final)
    over = [f"over {counts} seed{'s' if counts != '1' else ''}"]
    if tasks > 1:
        over.append("over the tasks of a family")
        over.append(f"over {len(shown.families)} families ({', '.join(shown.families)})")
    band = (
        "95 % bootstrap interval over seeds, resampled within each task"
        if curves.kind == "95 % interval"
        else "range of the seeds, not an interval"
    )
    parts = [
        f"Mean rank (lower is better) of the incumbents of {len(curves.methods)} methods on "
        f"{tasks} task{'s' if tasks > 1 else ''}, averaged {', then '.join(over)}; "
        f"rule {' or '.join(shown.rules)}.",
        "Ties share their mean rank; an undefined incumbent is worse than any defined one.",
        f"Band{legends.whose(curves.methods)}: {band}.",
        f"Not ranked, as some task lacks them: {', '.join(shown.not_ranked)}."
        if shown.not_ranked
        else "",
        f"Left out for a missing cell: {', '.join(curves.left_out)}." if curves.left_out else "",
        f"Left out, for {shown.left_out}." if shown.left_out else "",
        f"At the end of the budget incumbents of {', '.join(shown.retrained)} are ranked by their "
        "retrained validation loss, before it by that of the training that was chosen."
        if shown.retrained
        else "",
        _verdict(shown.tests),
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


def _verdict(tests: BlockTests | str) -> str:
    if isinstance(tests, str):
        return tests
    return (
        f"Below: mean ranks over {len(tests.families)} families at the whole budget; a bar joins "
        "methods that do not differ significantly at 0.05 (Wilcoxon signed-rank, Holm). Friedman's "
        "test: "
        f"chi-square {tests.statistic:.1f}, p = {tests.p:.2g}."
    )


FIGURE = FigureSpec("ranks", figure)
