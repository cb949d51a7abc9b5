"""Why random search beats grid search: what each tried, projected on two hyperparameters.

Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13, 2012, figure 1: with
as many trials a grid tries few values of each hyperparameter, and where only one matters much it
spends most of them on repeating itself.
"""

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bohb_study.arrays import Floats
from bohb_study.numbers import fixed, stables
from bohb_study.scores import Score
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.grid_random_data import Projection, Tried, projection
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import scales, style

COLOURS = "viridis"
"""Dark is better: low, or, where more is better, high. It falls evenly in brightness, so that it is
read in greyscale."""
FAILED = "#b0b0b0"
RUG = 0.18
"""Height of a rug over the side of a panel."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``projection``.
    """
    shown = projection(study)
    score = shown.task.score
    results = score.all_shown(np.concatenate([tried.loss[tried.ok] for tried in shown.methods]))
    limits = float(results.min()), float(results.max())
    log = not score.negated and scales.wants_log(results)
    norm: Normalize = LogNorm(*limits) if log else Normalize(*limits)
    colours = ScalarMappable(norm, _colours(score))
    with matplotlib.style.context(["default", style.page(1, 2, study.venue, 0.95)]):
        drawn = Figure()
        grid = drawn.add_gridspec(
            2, 4, width_ratios=[1, RUG] * 2, height_ratios=[RUG, 1], wspace=0.02, hspace=0.02
        )
        first: Axes | None = None
        for i, tried in enumerate(shown.methods):
            axes = drawn.add_subplot(grid[1, 2 * i], sharex=first, sharey=first)
            above = drawn.add_subplot(grid[0, 2 * i], sharex=axes)
            beside = drawn.add_subplot(grid[1, 2 * i + 1], sharey=axes)
            _draw(axes, tried, score, norm)
            _rug(above, np.unique(tried.x), tried.method, vertical=True)
            _rug(beside, np.unique(tried.y), tried.method, vertical=False)
            places = len(set(zip(tried.x, tried.y, strict=True)))
            label = style.line(tried.method).label
            above.set_title(f"{label}: {len(tried.x)} trials on {places} points")
            axes.set_xlabel(shown.names[0])
            if first is None:
                axes.set_ylabel(shown.names[1])
                _scale(axes, shown)
            else:
                axes.tick_params(labelleft=False)
            first = first or axes
        bar = drawn.colorbar(colours, ax=drawn.axes, fraction=0.05, pad=0.01)
        bar.set_label(str(score))
        if isinstance(norm, LogNorm):
            scales.plain_log_ticks(bar.ax.yaxis, *limits)
        bar.outline.set_visible(False)
    return drawn, _caption(study, shown)


def _colours(score: Score) -> str:
    return f"{COLOURS}_r" if score.negated else COLOURS


def _draw(axes: Axes, tried: Tried, score: Score, norm: Normalize) -> None:
    order = np.argsort(
        -stables(tried.loss), kind="stable"
    )  # of those on one point, the best is drawn on top
    order = order[tried.ok[order]]
    axes.scatter(
        tried.x[order],
        tried.y[order],
        c=score.all_shown(tried.loss[order]),
        norm=norm,
        cmap=_colours(score),
        s=16,
        linewidths=0.4,
        edgecolors="white",
        zorder=3,
        label=f"_tried/{tried.method}",
    )
    failed = ~tried.ok
    axes.scatter(tried.x[failed], tried.y[failed], marker="x", s=12, color=FAILED, linewidths=0.8)
    if tried.ok.any():
        best = np.flatnonzero(tried.ok)[tried.loss[tried.ok].argmin()]
        axes.scatter(
            tried.x[best],
            tried.y[best],
            s=70,
            marker="o",
            facecolors="none",
            edgecolors=style.line("bohb").color,
            linewidths=1.2,
            zorder=4,
            label=f"_best/{tried.method}",
        )


def _rug(axes: Axes, values: Floats, method: str, *, vertical: bool) -> None:
    """A stroke for each value that was tried, and how many there are."""
    line = axes.axvline if vertical else axes.axhline
    for value in values:
        line(value, 0.0, 0.45, color=style.line(method).color, linewidth=0.8, label="_value")
    place = (0.5, 0.97) if vertical else (0.97, 0.5)
    axes.text(
        *place,
        f"{len(values)} values",
        transform=axes.transAxes,
        ha="center" if vertical else "right",
        va="top" if vertical else "center",
        rotation=0 if vertical else 270,
        fontsize=style.legend_size(),
        color=style.line(method).color,
    )
    axes.set_axis_off()


def _scale(axes: Axes, shown: Projection) -> None:
    for axis, which in ((axes.xaxis, 0), (axes.yaxis, 1)):
        values = np.concatenate([(tried.x, tried.y)[which] for tried in shown.methods])
        low, high = float(values.min()), float(values.max())
        set_limits = (axes.set_xlim, axes.set_ylim)[which]
        if shown.logs[which]:
            (axes.set_xscale, axes.set_yscale)[which]("log")
            room = (high / low) ** scales.MARGIN
            set_limits(low / room, high * room)
            scales.plain_log_ticks(axis, low, high, most=8)
        else:
            room = scales.MARGIN * (high - low)
            set_limits(low - room, high + room)
            axis.set_major_formatter(FuncFormatter(lambda value, _: scales.plain(value)))


def _caption(study: FigureStudy, shown: Projection) -> str:
    (x, y), (one, other) = shown.names, shown.correlations
    failed = sum(int((~tried.ok).sum()) for tried in shown.methods)
    counts = "; ".join(
        f"{style.line(tried.method).label} tried {len(np.unique(tried.x))} values of {x} and "
        f"{len(np.unique(tried.y))} of {y} in {len(tried.x)} trials"
        for tried in shown.methods
    )
    parts = [
        f"What grid and random search tried on {shown.task.name}, seed {shown.seed}, projected on "
        f"{x} and {y}: the two numerical hyperparameters whose values have the largest absolute "
        "Spearman correlation with the loss among the trials of random search "
        f"({fixed(one, sign=True)} and {fixed(other, sign=True)}).",
        f"{counts}; strokes mark the values.",
        f"Colour: {shown.task.score.name} at full fidelity, {shown.task.score.better}; of several "
        f"at one point the {shown.task.score.best} is shown; ringed: the "
        f"{shown.task.score.best} of all.",
        f"Crosses: {failed} trials that diverged or failed." if failed else "",
        "After Bergstra and Bengio 2012.",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


FIGURE = FigureSpec("grid-random", figure)
