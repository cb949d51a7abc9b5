"""All tasks at a glance: anytime performance as a grid of small panels, one a task.

Each task is shown under its main rule: ``validated`` where its noise-free loss is known, ``full``
elsewhere. Where the optimum is known too, it shows regret.
"""

import math
from textwrap import fill

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from bohb_study.analysis import MethodCurves
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.anytime_data import main_panels
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import legends, scales, step_lines, style
from paper_figures.toolkit.curve_panel import CurvePanel, better, span

NARROW, WIDE, FLAT = 3, 4, 6
"""Columns of up to twelve tasks, of more, and of more on a slide, which has no room for rows."""
RATIO = 0.8
"""Height of a panel over its width."""
ABOVE, BELOW = 1.0, 0.4
"""Inches beside the panels: for the legend and the title of the x axis, and for this alone."""
WHOLE_SLIDE = 3.3
"""Inches of a slide without a title."""
FREE = 2
"""Free places in the last row from which on the legend stands there."""
SLIM = 1.0
"""Inches of a panel, ticks and all, in which a metric's name has no room."""
TICKS = 6
"""On a logarithmic axis of a small panel."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: methods have unequal seeds and missing cells are not allowed.
        UsageError: the rule or the axis that was asked for does not fit a task.
    """
    shown = main_panels(study)
    everything = [curves for panel in shown for curves in panel.data.curves]
    flat = style.tallest(study.venue) < style.TALLEST
    tallest = WHOLE_SLIDE if flat else style.TALLEST
    many = FLAT if flat else WIDE
    columns = min(len(shown), NARROW if len(shown) <= 12 else many)
    rows = math.ceil(len(shown) / columns)
    free = rows * columns - len(shown)
    inside = rows > 1 and free >= FREE
    settings = style.page(rows, columns, study.venue, RATIO) | _small(columns)
    width, height = settings["figure.figsize"]
    height = min(height + (BELOW if inside else ABOVE), tallest)
    settings["figure.figsize"] = (width, height)
    with matplotlib.style.context(["default", settings]):
        drawn = Figure()
        counted = [panel for panel in shown if panel.axis == "full_evals"]
        for i, panel in enumerate(shown):
            axes = drawn.add_subplot(rows, columns, i + 1)
            step_lines.draw_panel(axes, panel)
            shared = panel in counted
            step_lines.scale([axes], [panel], *span(counted if shared else [panel]), TICKS)
            _tidy(axes, panel, width / columns * (0.6 if flat else 1.0))
            # the panels below say it as well
            axes.tick_params(axis="x", labelbottom=not shared or i + columns >= len(shown))
        drawn.supxlabel(_x_label(shown))
        drawn.supylabel(_y_label(shown))
        if inside:
            scales.thin_ticks(drawn)
            legends.legend_in(drawn, everything, _free(drawn.axes, columns))
        else:
            legends.shared_legend(drawn, everything)
            drawn.set_figheight(min(drawn.get_figheight(), tallest))
            scales.thin_ticks(drawn)
    return drawn, _caption(study, shown, everything)


def _free(panels: list[Axes], columns: int) -> Bbox:
    """The free end of the last row, in shares of the figure."""
    last = panels[-1].get_position()
    above = panels[-columns].get_position()
    return Bbox.from_extents(above.x0, last.y0, 1.0, last.y1)


def _small(columns: int) -> style.Settings:
    """Settings of panels that are a third or a quarter of a page wide, or less."""
    size = 6.0 if columns <= WIDE else 5.0
    return {
        "axes.titlesize": size + 0.5 if columns <= WIDE else size,
        "axes.titlepad": 3,
        "xtick.labelsize": size,
        "ytick.labelsize": size,
        "figure.labelsize": 8 if columns <= WIDE else 7,
        **({} if columns <= WIDE else {"legend.fontsize": 5, "legend.title_fontsize": 5}),
        "figure.constrained_layout.h_pad": 0.02,
        "figure.constrained_layout.w_pad": 0.02,
    }


def _tidy(axes: Axes, panel: CurvePanel, inches: float) -> None:
    """Thinner lines, and a title no wider than the panel's place."""
    axes.set_title(legends.wrapped(panel.task.title, inches))
    for line in axes.get_lines():
        line.set_linewidth(0.75 * line.get_linewidth())
        line.set_markersize(0.7 * line.get_markersize())
    for spread in axes.collections:  # many lie over one another
        spread.set_alpha(0.5 * (spread.get_alpha() or 1.0))
    if panel.quantity != "regret":
        rule = f"rule {panel.data.rule}"
        # losses fall, scores rise, so that this corner is free
        up = panel.higher_is_better
        axes.text(
            0.98,
            0.03 if up else 0.97,
            f"{fill(panel.quantity, 16)}\n{rule}" if inches > SLIM else rule,
            transform=axes.transAxes,
            ha="right",
            va="bottom" if up else "top",
            fontsize=min(5.5, matplotlib.rcParams["xtick.labelsize"]),
            color="#4d4d4d",
        )


def _x_label(shown: list[CurvePanel]) -> str:
    return " or ".join(dict.fromkeys(panel.x_label for panel in shown))


def _y_label(shown: list[CurvePanel]) -> str:
    """What the panels show that do not say it themselves."""
    rules = sorted({panel.data.rule for panel in shown if panel.quantity == "regret"})
    if not rules:
        return "loss"
    where = "" if all(panel.quantity == "regret" for panel in shown) else " (or what a panel says)"
    return f"regret, rule {' or '.join(rules)}{where}"


def _caption(study: FigureStudy, shown: list[CurvePanel], everything: list[MethodCurves]) -> str:
    by_rule: dict[str, list[str]] = {}
    for panel in shown:
        words = f"{legends.rule_sentence(panel.data.rule)[:-1]}; {panel.quantity}"
        by_rule.setdefault(words, []).append(panel.task.name)
    missing = sorted({cell for panel in shown for cell in panel.data.missing})
    parts = [
        f"The incumbent ({better(shown)}) against {_x_label(shown)} on {len(shown)} tasks.",
        *(f"{words}: {', '.join(names)}." for words, names in by_rule.items()),
        "Virtual seconds follow from the tasks' modelled durations alone."
        if any(panel.axis == "virtual_seconds" for panel in shown)
        else "",
        legends.spread_sentence(everything),
        study.mark_in_words,
        "A regret of 0 lies below a logarithmic axis."
        if any(panel.quantity == "regret" for panel in shown)
        else "",
        *(legends.larger_budget_in_words(*one) for one in study.larger_budgets.items()),
        f"Missing cells: {', '.join(missing)}." if missing else "",
        f"Problems: {'; '.join(study.problems)}." if study.problems else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


FIGURE = FigureSpec("overview", figure)
