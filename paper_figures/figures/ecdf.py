"""Empirical distributions of runtimes: the share of targets that each method reached, by cost.

One panel for all tasks that the same methods were run on. What is drawn is computed by ``panels``.
"""

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bohb_study.analysis import Rule, main_rule
from bohb_study.analysis.comparisons.targets import LEVELS
from bohb_study.analysis.frame_cells import missing_cells
from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.figures.ecdf_data import EcdfPanel, panels
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import legends, scales, step_lines, style
from paper_figures.toolkit.curve_panel import banded
from paper_figures.toolkit.labels import LINE, End, end_labels
from paper_figures.toolkit.literal import draw_once

_FIRST = " Below: from its first touch on, be it lost again."
"""Of panels that count the first touch."""
LEAST_HEIGHT, ROOM = 1.75, 0.62
"""Inches of a panel at least, and what its title and labels take."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``panels``.
    """
    shown = panels(study)
    settings = style.page(1, 1, study.venue)
    width, _ = settings["figure.figsize"]
    with matplotlib.style.context(["default", settings]):
        label = style.legend_size() * LINE / 72
        heights = [max(LEAST_HEIGHT, label * len(panel.curves)) + ROOM for panel in shown]
        drawn = Figure(figsize=(width, sum(heights)))
        for panel, axes in zip(
            shown,
            np.ravel(drawn.subplots(len(shown), 1, squeeze=False, height_ratios=heights)),
            strict=True,
        ):
            _draw(axes, panel)
        draw_once(drawn)  # labels are placed by the height of the axes
        for panel, axes in zip(shown, drawn.axes, strict=True):
            end_labels(axes, [End(curve.method, curve.share[-1]) for curve in panel.curves])
    return drawn, _caption(study, shown)


def _draw(axes: Axes, panel: EcdfPanel) -> None:
    bands = banded([curve.method for curve in panel.curves])
    for number, curve in enumerate(panel.curves):
        if curve.method in bands and curve.spread:
            low, high, kind = curve.spread
            step_lines.band(axes, curve.method, curve.at, low, high, step_lines.alpha(kind))
        x, (share,) = scales.corners(curve.x, curve.share)
        axes.plot(
            x,
            share,
            drawstyle="steps-post",
            markevery=(0.06 + 0.03 * number, 0.27),  # staggered, so that markers do not cover
            zorder=style.line(curve.method).zorder,
            label=f"_share/{curve.method}",
            **style.strokes(style.line(curve.method)),
        )
    first, last = panel.curves[0].x[[0, -1]]
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    scales.plain_log_ticks(axes.xaxis, first, last)
    axes.set_ylim(0, min(1.0, 1.06 * max(curve.share[-1] for curve in panel.curves) + 0.01))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    what = "reached and held" if panel.held else "first reached, be it lost again"
    axes.set_title(f"{panel.group.title}: {what}" if panel.group.title else what)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel("targets reached")


def _caption(study: FigureStudy, shown: list[EcdfPanel]) -> str:
    tasks = [task for panel in shown if panel.held for task in panel.group.tasks]
    without = [task.name for task in study.tasks if task.name not in study.references]
    missing = missing_cells(study.frame)
    sources = _sources(study, shown)
    highest, lowest = LEVELS[0], LEVELS[-1]
    parts = [
        f"Share of all targets reached so far, over tasks and {_seeds(study)} "
        f"(higher is better). {len(LEVELS)} targets per task, evenly spaced on a "
        f"logarithmic scale from {highest:g}, the loss of the median random configuration, to "
        f"{lowest:g} of its distance to the best known (after Hansen et al., COCO, 2021). A target "
        "counts from where the incumbent's value is at or below it and stays so to the end."
        + ("" if all(panel.held for panel in shown) else _FIRST),
        f"Left out, for {study.unequal_spend}." if study.unequal_spend else "",
        "Families of tasks have equal weights, and so have the tasks within a family.",
        _bands(shown),
        f"Tasks: {', '.join(task.name for task in tasks)}." if len(sources) == 1 else "",
        *(legends.rule_sentence(rule) for rule in _rules(study, tasks)),
        *(f"{source[0].upper()}{source[1:]}." for source in sources),
        *(legends.larger_budget_in_words(*one) for one in study.larger_budgets.items()),
        f"Not shown, having no reference: {', '.join(without)}." if without else "",
        f"Missing cells: {', '.join(missing)}." if missing else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


def _bands(shown: list[EcdfPanel]) -> str:
    """What the bands are, of which methods; empty where there are none."""
    curves = [curve for panel in shown for curve in panel.curves]
    kinds = sorted({curve.spread.kind for curve in curves if curve.spread})
    words = {
        "95 % interval": "95 % bootstrap interval over seeds, resampled within each task",
        "range, not an interval": "range of the seeds, not an interval",
    }
    of = legends.whose({curve.method for curve in curves})
    return f"Band{of}: {' or '.join(words[kind] for kind in kinds)}." if kinds else ""


def _seeds(study: FigureStudy) -> str:
    counts = sorted(set(study.frame.groupby(["task", "method"])["seed"].nunique()))
    return f"{' or '.join(map(str, counts))} seed{'s' if counts != [1] else ''}"


def _rules(study: FigureStudy, tasks: list[FigureTask]) -> list[Rule]:
    """Under which rules incumbents were chosen, each once."""
    frame = study.frame
    own = {study.rule or main_rule(frame[frame["task"] == task.name]) for task in tasks}
    return sorted(own)


def _sources(study: FigureStudy, shown: list[EcdfPanel]) -> list[str]:
    """Where the references come from, each said once, with its tasks where there are several."""
    names = [task.name for panel in shown if panel.held for task in panel.group.tasks]
    by_source: dict[str, list[str]] = {}
    for name in names:
        by_source.setdefault(study.references[name].source, []).append(name)
    if len(by_source) == 1:
        return list(by_source)
    return [f"reference on {', '.join(own)}: {source}" for source, own in by_source.items()]


FIGURE = FigureSpec("ecdf", figure)
