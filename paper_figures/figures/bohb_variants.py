"""What the fixes and the model are worth: ``bohb`` against what differs from it in one thing.

``hyperband`` has no model, ``bohb-stock`` is Ray's as shipped, ``hpbandster-bohb`` the package of
BOHB's authors. Left the anytime curves of a task, right what BOHB gains on each by the end.
"""

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.figure_study import FigureStudy
from paper_figures.figures.bohb_variants_data import Gains, gains
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import labels, legends, scales, step_lines, style
from paper_figures.toolkit.curve_panel import CurvePanel, better, span

MOST = 6
"""Tasks up to which each has a row of its own; of more, two share one."""
SHORTEST, HIGHEST = 0.85, 1.15
"""Inches of a row at least and at most."""
CURVES, DOTS = 1.0, 0.46
"""Widths of the curves and of the dots."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``gains``.
        UsageError: as ``gains``.
    """
    shown = gains(study)
    columns = 1 if len(shown) <= MOST else 2
    rows = -(-len(shown) // columns)
    everything = [curves for one in shown for curves in one.panel.data.curves]
    settings = style.page(1, 2, study.venue) | _small()
    width, _ = settings["figure.figsize"]
    height = min(
        style.TALLEST, 0.9 + rows * max(SHORTEST, min(HIGHEST, (style.TALLEST - 0.9) / rows))
    )
    settings["figure.figsize"] = (width, height)
    named = columns == 1
    with matplotlib.style.context(["default", settings]):
        drawn = Figure()
        grid = drawn.add_gridspec(rows, 2 * columns, width_ratios=[CURVES, DOTS] * columns)
        counted = [one.panel for one in shown if one.panel.axis == "full_evals"]
        places = []
        for i, one in enumerate(shown):
            row, column = i % rows, i // rows
            curves = drawn.add_subplot(grid[row, 2 * column])
            dots = drawn.add_subplot(grid[row, 2 * column + 1])
            alike = counted if one.panel in counted else [one.panel]
            bottom = row == rows - 1 or i == len(shown) - 1
            _curves(curves, one.panel, alike, bottom=bottom or one.panel not in counted)
            _dots(dots, one, top=row == 0, bottom=bottom)
            places.append((curves, one.panel))
        if named:
            drawn.suptitle(legends.spread_in_words(everything), fontsize=style.legend_size())
            scales.thin_ticks(drawn)
            for axes, panel in places:
                labels.end_labels(axes, step_lines.line_ends(panel))
        else:
            legends.shared_legend(drawn, everything)
            scales.thin_ticks(drawn)
    return drawn, _caption(study, shown)


def _small() -> style.Settings:
    return {"axes.titlesize": 7, "axes.labelsize": 7, "xtick.labelsize": 6, "ytick.labelsize": 6}


def _curves(axes: Axes, panel: CurvePanel, alike: list[CurvePanel], *, bottom: bool) -> None:
    step_lines.draw_panel(axes, panel)
    step_lines.scale([axes], [panel], *span(alike), most=6)
    axes.set_title(f"{panel.task.name}, rule {panel.data.rule}", loc="left")
    axes.set_ylabel(panel.quantity)
    axes.tick_params(axis="x", labelbottom=bottom)
    if bottom:
        axes.set_xlabel(panel.x_label)


def _dots(axes: Axes, one: Gains, *, top: bool, bottom: bool) -> None:
    axes.axvline(0.0, color="#4d4d4d", linewidth=0.6, zorder=1)
    for y, (other, (gain, _)) in enumerate(one.gains.items()):
        look = style.line(other)
        axes.plot(
            [gain.low, gain.high],
            [y, y],
            color=look.color,
            linewidth=1.2,
            label=f"_interval/{other}",
        )
        axes.plot(
            [gain.centre],
            [y],
            color=look.color,
            marker=look.marker,
            markersize=1.3 * look.size,
            markeredgecolor="white",
            markeredgewidth=0.4,
            linestyle="none",
            label=f"_gain/{other}",
        )
    axes.set_ylim(len(one.gains) - 0.4, -0.6)  # the first on top, as in the text
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    ends = [x for gain, _ in one.gains.values() for x in (gain.low, gain.high) if np.isfinite(x)]
    far = max([abs(x) for x in ends] or [0.0]) or 1.0
    axes.set_xlim(min([0.0, *ends]) - 0.12 * far, max([0.0, *ends]) + 0.12 * far)
    axes.locator_params(axis="x", nbins=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if top:
        axes.set_title("gain at\nthe end")
    if bottom:
        axes.set_xlabel("BOHB better:\n> 0")


def _caption(study: FigureStudy, shown: list[Gains]) -> str:
    rules = sorted({one.panel.data.rule for one in shown})
    everything = [curves for one in shown for curves in one.panel.data.curves]
    words = "; ".join(
        f"{one.panel.task.name} "
        + ", ".join(
            f"{style.line(other).label} {gain.in_words(sign=True)} ({100 * wins:.0f} % of seeds)"
            for other, (gain, wins) in one.gains.items()
        )
        for one in shown
    )
    kinds = " or ".join(sorted({g.kind for one in shown for g, _ in one.gains.values()}))
    parts = [
        "BOHB, BOHB without its model (Hyperband), as Ray ships it (BOHB-stock), and as its "
        "authors' package runs it (HpBandSter-BOHB). Left: the incumbent "
        f"({better([one.panel for one in shown])}) against "
        f"{' or '.join(dict.fromkeys(one.panel.x_label for one in shown))}.",
        *(legends.rule_sentence(rule) for rule in rules),
        legends.spread_sentence(everything),
        f"Right: by how much the incumbent of BOHB is better than that of each at the end of the "
        f"budget, paired by seed; {kinds}; right of 0 BOHB is better, and there is no mark where a "
        "seed has no incumbent. There is no correction for multiple comparisons.",
        f"Gains (and how often BOHB is better, ties counting one half): {words}."
        if len(shown) <= MOST
        else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


FIGURE = FigureSpec("bohb-variants", figure)
