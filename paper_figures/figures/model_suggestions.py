"""Model-based against random picks: does what the model suggests beat chance, and from when on?

One panel a method with a model: the picks of one cell as dots, and over all cells the median loss
of either kind in each third of the budget.
"""

from dataclasses import dataclass
from textwrap import fill
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bohb_study.analysis import Estimate, estimate
from bohb_study.analysis.diagnostics.suggestions import PARTS, picks, quantity_of
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from bohb_study.numbers import distance
from paper_figures.figure_study import FigureStudy, TaskFacts
from paper_figures.toolkit import legends, scales, style
from paper_figures.toolkit.panel_grid import Blocks

LONGEST_LABEL = 14
"""Letters of a metric's name beside a low panel; longer names take another line."""

TASKS = 2
"""Tasks that are shown; the caption names the others."""
MOST_COLUMNS = 4

Look = dict[str, Any]
RANDOM = "#8c8c8c"
_DOT: Look = {"linestyle": "none", "marker": "o", "markersize": 1.8, "zorder": 2}


@dataclass(frozen=True)
class Part:
    """One kind of pick in one stretch of the budget."""

    start: float
    end: float
    """Full evaluations."""
    loss: Estimate
    """Over cells, of the median in each; NaN where a cell has no such pick there."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One method on one task."""

    task: TaskFacts
    method: str
    quantity: str
    """What the y axis shows."""
    reference: float
    """Subtracted from every loss: the optimum where the panel shows regret, else 0."""
    selected: bool
    """Whether only picks that reached full fidelity have that loss."""
    dots: pd.DataFrame
    """Picks of one cell: ``full_evals, loss, model_based``."""
    model: tuple[Part, ...]
    random: tuple[Part, ...]
    seeds: int
    """Cells behind the parts."""

    @property
    def losses(self) -> Floats:
        """All that the panel shows, as it does."""
        parts = [part.loss.centre for part in (*self.model, *self.random)]
        shown = np.concatenate([self.dots["loss"].to_numpy(dtype=np.float64), np.array(parts)])
        return self.shown(shown[np.isfinite(shown)])

    @property
    def higher_is_better(self) -> bool:
        """Whether the y axis shows what is stored negated, with its own sign."""
        return self.selected and self.task.score.negated

    def shown(self, losses: Floats) -> Floats:
        """Losses of any shape as the y axis shows them."""
        values = distance(losses, self.reference)
        return 0.0 - values if self.higher_is_better else values


def panels(study: FigureStudy) -> list[Panel]:
    """What the figure could draw: a panel a method with a model, task by task.

    Raises:
        StudyError: no method has a model, or the picks of none of its cells were kept.
    """
    if study.picks.empty or study.whole.empty:
        raise StudyError("no picks of a model are kept: nothing to draw")
    found = []
    for task in study.tasks:
        own = study.picks[study.picks["task"] == task.name]
        rows = study.whole[study.whole["task"] == task.name]
        if own.empty or rows.empty:
            continue
        for method in style.in_order(set(own["method"]) - set(study.larger_budgets)):
            mine = rows[rows["method"] == method]
            cell = picks(mine[mine["seed"] == mine["seed"].min()])
            summary = own[own["method"] == method]
            found.append(_panel(task, method, cell, summary, study.bootstrap_seed))
    if not found:
        raise StudyError("no task with a model's picks among the rows of single trials")
    return found


def _panel(task: TaskFacts, method: str, cell: pd.DataFrame, own: pd.DataFrame, seed: int) -> Panel:
    column = quantity_of(cell)
    selected = column == "val_loss"
    dots = cell[cell["level"] == task.top] if selected else cell
    shown = dots[["full_evals", "model_based"]].assign(loss=dots[column])
    regret = not selected and task.optimum is not None
    return Panel(
        task,
        method,
        "regret" if regret else str(task.score),
        task.optimum if regret and task.optimum is not None else 0.0,
        selected,
        shown.reset_index(drop=True),
        _parts(own[own["model_based"]], own, task.budget, seed),
        _parts(own[~own["model_based"]], own, task.budget, seed),
        own["seed"].nunique(),
    )


def _parts(kind: pd.DataFrame, own: pd.DataFrame, budget: float, seed: int) -> tuple[Part, ...]:
    """The stretches in which every cell has a pick of this kind."""
    cells = own["seed"].nunique()
    found = []
    for number, at in kind.groupby("part", sort=True):
        if len(at) == cells:
            over = estimate(at["median"].to_numpy(dtype=np.float64), seed)
            part = int(str(number))
            found.append(Part((part - 1) * budget / PARTS, part * budget / PARTS, over))
    return tuple(found)


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``panels``.
        UsageError: a method has no line in ``style``, or there is no such venue.
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


def _draw(axes: Axes, panel: Panel, inches: float) -> None:
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


def _scale(axes: Axes, block: list[Panel]) -> None:
    """The axes that a task's panels share."""
    values = np.concatenate([panel.losses for panel in block])
    regret = block[0].quantity == "regret"
    up = block[0].higher_is_better
    scales.fit(axes, values, log=regret or (not up and scales.wants_log(values)))
    axes.set_xlim(0, block[0].task.budget)
    axes.set_xticks([part * block[0].task.budget / PARTS for part in range(PARTS + 1)])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")


def _legend(drawn: Figure, panel: Panel) -> None:
    grey = "#4d4d4d"
    dot = _DOT | {"markersize": 3}
    hollow = {"markerfacecolor": "none", "markeredgewidth": 0.6}
    marks: dict[str, Look] = {
        "random pick": {"color": RANDOM} | dot | hollow,
        "model's pick (method's colour)": {"color": grey, "markeredgewidth": 0} | dot,
        "median random pick, over cells": {"color": "black", "ls": (0, (2, 1)), "lw": 1.5},
        "median pick of the model, over cells": {"color": grey, "lw": 1.5},
    }
    drawn.legend(
        handles=[Line2D([], [], label=name, **look) for name, look in marks.items()],
        loc="outside upper center",
        ncols=2,
        columnspacing=1.6,
    )


def _better(shown: list[Panel]) -> str:
    higher = dict.fromkeys(panel.task.score.name for panel in shown if panel.higher_is_better)
    return f"lower is better, but higher of {' and '.join(higher)}" if higher else "lower is better"


def _caption(study: FigureStudy, shown: list[Panel], left_out: list[str]) -> str:
    estimates = [part.loss for panel in shown for part in (*panel.model, *panel.random)]
    labels = " or ".join(sorted({one.label for one in estimates}))
    kinds = " or ".join(sorted({one.kind for one in estimates}))
    counts = " or ".join(str(n) for n in sorted({panel.seeds for panel in shown}))
    selected = list(dict.fromkeys(panel.task.name for panel in shown if panel.selected))
    noise_free = list(dict.fromkeys(panel.task.name for panel in shown if not panel.selected))
    parts = [
        "Picks of the model against random picks of the same cells, by when they were first "
        f"evaluated ({_better(shown)}). Dots: one cell, of the first seed, of what did not fail. "
        "Lines: in each third of the budget the median pick of a cell, one that failed being worse "
        f"than all others, as {labels} over {counts} seeds; bands: {kinds}; both where every seed "
        "has such picks.",
        f"Noise-free loss of all picks on {', '.join(noise_free)}." if noise_free else "",
        f"On {', '.join(selected)} only picks that reached full fidelity have a comparable loss: "
        "where trials are halved they are the best of either kind."
        if selected
        else "",
        f"Not shown, for want of room: {', '.join(left_out)}." if left_out else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)
