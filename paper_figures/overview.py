"""All tasks at a glance: anytime performance as a grid of small panels, one a task.

Each task is shown under its main rule: ``validated`` where its noise-free loss is known, ``full``
elsewhere. Where the optimum is known too, it shows regret.
"""

import math
from textwrap import fill

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bohb_study.analysis import RULES, MethodCurves
from paper_figures import legends, steps, style
from paper_figures.data import FigureStudy
from paper_figures.panels import Panel, main_panels, span

NARROW, WIDE = 3, 4
"""Columns of up to twelve tasks, and of more."""
RATIO = 0.8
"""Height of a panel over its width."""
ABOVE = 1.0
"""Inches for the legend and the title of the x axis, beside the panels."""
TALLEST = 8.5
"""Inches of the page."""
TICKS = 6
"""On a logarithmic axis of a small panel."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: methods have unequal seeds and missing cells are not allowed.
        UsageError: a method has no line in ``style``, or the rule or the axis that was asked for
            does not fit a task.
    """
    shown = main_panels(study)
    everything = [curves for panel in shown for curves in panel.data.curves]
    columns = min(len(shown), NARROW if len(shown) <= 12 else WIDE)
    rows = math.ceil(len(shown) / columns)
    settings = style.page(rows, columns, study.venue, RATIO) | _small()
    width, height = settings["figure.figsize"]
    settings["figure.figsize"] = (width, min(height + ABOVE, TALLEST))
    with matplotlib.style.context(["default", settings]):
        drawn = Figure()
        counted = [panel for panel in shown if panel.axis == "full_evals"]
        for i, panel in enumerate(shown):
            axes = drawn.add_subplot(rows, columns, i + 1)
            steps.draw_panel(axes, panel)
            shared = panel in counted
            steps.scale([axes], [panel], *span(counted if shared else [panel]), TICKS)
            _tidy(axes, panel)
            # the panels below say it as well
            axes.tick_params(axis="x", labelbottom=not shared or i + columns >= len(shown))
        drawn.supxlabel(_x_label(shown))
        drawn.supylabel(_y_label(shown))
        legends.shared_legend(drawn, everything)
        drawn.set_figheight(min(drawn.get_figheight(), TALLEST))
    return drawn, _caption(study, shown, everything)


def _small() -> style.Settings:
    """Settings of panels that are a third or a quarter of a page wide."""
    return {
        "axes.titlesize": 6.5,
        "axes.titlepad": 3,
        "xtick.labelsize": 6,
        "ytick.labelsize": 6,
        "figure.labelsize": 8,
        "figure.constrained_layout.h_pad": 0.02,
        "figure.constrained_layout.w_pad": 0.02,
    }


def _tidy(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.task.name)
    for line in axes.get_lines():
        line.set_linewidth(0.75 * line.get_linewidth())
        line.set_markersize(0.7 * line.get_markersize())
    for spread in axes.collections:  # many lie over one another
        spread.set_alpha(0.5 * (spread.get_alpha() or 1.0))
    if panel.quantity != "regret":
        # losses fall, so that this corner is free
        axes.text(
            0.98,
            0.97,
            f"{fill(panel.quantity, 16)}\nrule {panel.data.rule}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=5.5,
            color="#4d4d4d",
        )


def _x_label(shown: list[Panel]) -> str:
    return " or ".join(dict.fromkeys(panel.x_label for panel in shown))


def _y_label(shown: list[Panel]) -> str:
    """What the panels show that do not say it themselves."""
    rules = sorted({panel.data.rule for panel in shown if panel.quantity == "regret"})
    if not rules:
        return "loss"
    where = "" if all(panel.quantity == "regret" for panel in shown) else " (or what a panel says)"
    return f"regret, rule {' or '.join(rules)}{where}"


def _caption(study: FigureStudy, shown: list[Panel], everything: list[MethodCurves]) -> str:
    by_rule: dict[str, list[str]] = {}
    for panel in shown:
        words = f"{panel.data.rule} ({RULES[panel.data.rule]}), {panel.quantity}"
        by_rule.setdefault(words, []).append(panel.task.name)
    missing = sorted({cell for panel in shown for cell in panel.data.missing})
    parts = [
        f"The incumbent (lower is better) against {_x_label(shown)} on {len(shown)} tasks.",
        *(f"Rule {words}: {', '.join(names)}." for words, names in by_rule.items()),
        "Virtual seconds follow from the tasks' modelled durations alone."
        if any(panel.axis == "virtual_seconds" for panel in shown)
        else "",
        f"{legends.sentence(legends.spread_in_words(everything))}.",
        "A regret of 0 lies below a logarithmic axis.",
        *(legends.yardstick_in_words(*one) for one in study.yardsticks.items()),
        f"Missing cells: {', '.join(missing)}." if missing else "",
        f"Problems: {'; '.join(study.problems)}." if study.problems else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)
