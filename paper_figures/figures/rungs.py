"""Rungs: trials judged at each, planned against executed, and how alike rungs and top rank.

Above, one panel a method with a declared plan: where executed and planned part, brackets are not
halved as the method says. Below, one panel a task: the rank correlation of each rung with the top,
over random configurations, and over those that a method's own halving and model have selected.
"""

import math
from collections.abc import Iterator

import matplotlib.style
from matplotlib.figure import Figure

from bohb_study.summaries.wording import OUTSIDE_BUDGET
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.rungs_brackets import draw_brackets
from paper_figures.figures.rungs_correlations import draw_correlations
from paper_figures.figures.rungs_data import (
    BracketPanel,
    CorrelationPanel,
    bracket_panels,
    correlation_panels,
    require,
)
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import scales, style

COLUMNS, MORE_COLUMNS = 4, 5
"""Panels of tasks side by side: of up to twelve, and of more."""
BRACKETS_INCHES, CORRELATIONS_INCHES, HEAD_INCHES = 1.25, 1.2, 0.5
"""Height of a row of panels, and of each part's legend."""

PLANS = 2
"""Rows of tasks that share a plan; the caption speaks of all."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: nothing is halved and no rungs can be correlated.
        UsageError: there is no such venue.
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
            draw_brackets(parts[0], brackets)
        if correlations:
            draw_correlations(parts[-1], correlations, columns)
        scales.thin_ticks(drawn)
    return drawn, _caption(study, all_brackets, brackets, correlations)


def _caption(
    study: FigureStudy,
    all_brackets: list[list[BracketPanel]],
    brackets: list[list[BracketPanel]],
    correlations: list[CorrelationPanel],
) -> str:
    return " ".join(
        [
            *_of_brackets(all_brackets, brackets),
            *_of_correlations(study, correlations),
            f"Source: {study.provenance}.",
        ]
    )


def _of_brackets(
    everything: list[list[BracketPanel]], shown: list[list[BracketPanel]]
) -> Iterator[str]:
    """What stands above, and what is not shown there; empty where there is nothing to say."""
    departed = {
        panel.method for row in everything for panel in row if panel.verdict == "not as planned"
    }
    labels = [style.line(method).label for method in style.in_order(departed)]
    rows = [(row[0].tasks, any(panel.brackets for panel in row)) for row in everything]
    none_complete = [name for tasks, complete in rows if not complete for name in tasks]
    there = {name for row in shown for name in row[0].tasks} | set(none_complete)
    left_out = [name for tasks, _ in rows for name in tasks if name not in there]
    if shown:
        yield (
            "Above: trials judged at each rung of the complete brackets of all cells, by the plan "
            "that the method declares (grey) and as executed (median, and bars from the least to "
            "the most)."
        )
    if left_out:
        yield f"Plans of fewer tasks are not shown above for lack of space: {', '.join(left_out)}."
    if none_complete:
        yield f"No bracket was completed on {', '.join(none_complete)}."
    if labels:
        yield f"Not as planned on at least one task: {', '.join(labels)}."


def _of_correlations(study: FigureStudy, shown: list[CorrelationPanel]) -> Iterator[str]:
    """What stands below, and what is not shown there; empty where there is nothing to say."""
    there = {panel.task for panel in shown}
    single = [task.name for task in study.tasks if task.name not in there]
    off = [panel.task for panel in shown if panel.source == "outside the budget"]
    none = [panel.task for panel in shown if panel.source == "none"]
    if shown:
        yield (
            "Below: Spearman's rank correlation between the validation losses at a rung and at "
            "full fidelity."
        )
        yield (
            "Black: random configurations, not selected by any result, with a 95 % interval; for a "
            "method, the configurations that reached both, which its halving or its model has "
            "selected: their losses have a smaller range, which attenuates the correlation and "
            "says nothing about the task."
        )
    if off:
        yield (
            f"Evaluated at every rung for this figure only, {OUTSIDE_BUDGET}, on {', '.join(off)}."
        )
    if none:
        yield f"No black line, as there is no random sample: {', '.join(none)}."
    if single:
        yield (
            "Not shown below, having one rung only or too few configurations at two: "
            f"{', '.join(single)}."
        )


FIGURE = FigureSpec("rungs", figure)
