"""Model-based and random suggestions: does the model beat random sampling, and from when on?

One panel a method with a model: the suggestions of one cell as dots, and over all cells the median
loss of either kind in each third of the budget.
"""

from textwrap import fill

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bohb_study.analysis.diagnostics.suggestions import PARTS
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.model_suggestions_data import SuggestionsPanel, panels
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import legends, scales, style
from paper_figures.toolkit.panel_grid import Blocks

LONGEST_LABEL = 14
"""Letters of a metric's name beside a low panel; longer names take another line."""

TASKS = 2
"""Tasks that are shown; the caption names the others."""
MOST_COLUMNS = 4

RANDOM = "#8c8c8c"
_DOT: style.Settings = {"linestyle": "none", "marker": "o", "markersize": 1.8, "zorder": 2}


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``panels``.
        UsageError: there is no such venue.
    """
    everything = panels(study)
    tasks = list(dict.fromkeys(panel.task.name for panel in everything))
    blocks = [[p for p in everything if p.task.name == name] for name in tasks[:TASKS]]
    layout = Blocks.of([len(block) for block in blocks], MOST_COLUMNS)
    settings = style.page(sum(layout.lines), layout.columns, study.venue, 0.95)
    with matplotlib.style.context(["default", settings]):
        drawn = Figure()
        drawn.set_figheight(drawn.get_figheight() + 0.6)
        for block, places in zip(blocks, layout.places(drawn), strict=True):
            for panel, place in zip(block, places, strict=True):
                _draw(place.axes, panel, 0.65 * drawn.get_figwidth() / layout.columns)
                if place.left:
                    quantity = fill(panel.quantity, LONGEST_LABEL)
                    place.axes.set_ylabel(f"{panel.task.name}\n{quantity}")
                if place.lowest:
                    place.axes.set_xlabel("full evaluations")
            _scale(places[0].axes, block)
        _legend(drawn, blocks[0][0])
        scales.thin_ticks(drawn)
    shown = [panel for block in blocks for panel in block]
    return drawn, _caption(study, shown, tasks[TASKS:])


def _draw(axes: Axes, panel: SuggestionsPanel, inches: float) -> None:
    look = style.line(panel.method)
    by_model = panel.dots["model_based"].to_numpy(dtype=bool)
    for mine, name, color, dot in (
        (~by_model, "random", RANDOM, {"markerfacecolor": "none", "markeredgewidth": 0.4}),
        (by_model, "model", look.color, {"markeredgewidth": 0, "alpha": 0.6}),
    ):
        x = panel.dots.loc[mine, "full_evals"]
        y = panel.shown(panel.dots.loc[mine, "loss"].to_numpy(dtype=np.float64))
        axes.plot(x, y, label=f"_dots/{name}", color=color, **(_DOT | dot))
    for parts, name, color, dashes in (
        (panel.random, "random", "black", (0, (2, 1))),
        (panel.model, "model", look.color, "solid"),
    ):
        for part in parts:
            ends, loss = [part.start, part.end], part.loss
            low, middle, high = panel.shown(np.array([loss.low, loss.centre, loss.high]))
            axes.fill_between(ends, low, high, color=color, alpha=0.18, linewidth=0, zorder=3)
            axes.plot(
                ends, [middle] * 2, label=f"_part/{name}", color=color, ls=dashes, lw=1.5, zorder=4
            )
    weight = "bold" if panel.method == "bohb" else "normal"
    label = legends.wrapped(look.label, inches)
    axes.set_title(label, color=look.color, fontweight=weight, pad=3)


def _scale(axes: Axes, block: list[SuggestionsPanel]) -> None:
    """The axes that a task's panels share."""
    values = np.concatenate([panel.losses for panel in block])
    regret = block[0].quantity == "regret"
    up = block[0].higher_is_better
    scales.fit(axes, values, log=regret or (not up and scales.wants_log(values)))
    axes.set_xlim(0, block[0].task.budget)
    axes.set_xticks([part * block[0].task.budget / PARTS for part in range(PARTS + 1)])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")


def _legend(drawn: Figure, panel: SuggestionsPanel) -> None:
    grey = "#4d4d4d"
    dot = _DOT | {"markersize": 3}
    hollow = {"markerfacecolor": "none", "markeredgewidth": 0.6}
    marks: dict[str, style.Settings] = {
        "random suggestion": {"color": RANDOM} | dot | hollow,
        "model's suggestion (method's colour)": {"color": grey, "markeredgewidth": 0} | dot,
        "median random suggestion, over cells": {"color": "black", "ls": (0, (2, 1)), "lw": 1.5},
        "median suggestion of the model, over cells": {"color": grey, "lw": 1.5},
    }
    drawn.legend(
        handles=[Line2D([], [], label=name, **look) for name, look in marks.items()],
        loc="outside upper center",
        ncols=2,
        columnspacing=1.6,
    )


def _better(shown: list[SuggestionsPanel]) -> str:
    higher = dict.fromkeys(panel.task.score.name for panel in shown if panel.higher_is_better)
    return f"lower is better, but higher of {' and '.join(higher)}" if higher else "lower is better"


def _caption(study: FigureStudy, shown: list[SuggestionsPanel], left_out: list[str]) -> str:
    estimates = [part.loss for panel in shown for part in (*panel.model, *panel.random)]
    labels = " or ".join(sorted({one.label for one in estimates}))
    kinds = " or ".join(sorted({one.kind for one in estimates}))
    counts = " or ".join(str(n) for n in sorted({panel.seeds for panel in shown}))
    selected = list(dict.fromkeys(panel.task.name for panel in shown if panel.selected))
    noise_free = list(dict.fromkeys(panel.task.name for panel in shown if not panel.selected))
    parts = [
        "Suggestions of the model and random suggestions in the same cells, by the time at which "
        f"they were first evaluated ({_better(shown)}). Dots: one cell, that of the first seed, "
        "without failed trials. Lines: the median suggestion of a cell in each third of the "
        "budget, where a failed one is worse than all others, as "
        f"{labels} over {counts} seeds; bands: {kinds}; both where every seed has such "
        "suggestions.",
        f"Noise-free loss of all suggestions on {', '.join(noise_free)}." if noise_free else "",
        f"On {', '.join(selected)} only suggestions that reached full fidelity have a comparable "
        "loss: where trials are halved, these are the best of either kind."
        if selected
        else "",
        f"Not shown for lack of space: {', '.join(left_out)}." if left_out else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


FIGURE = FigureSpec("suggestions", figure)
