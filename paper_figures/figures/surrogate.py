"""BOHB's model at work: l(x), g(x) and their ratio on one hyperparameter at three moments of a run.

Falkner, Klein, Hutter, BOHB, ICML 2018, section 3.2: configurations are suggested where the
density l of good observations is high against the density g of the others.
"""

import math

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.figure_study import FigureStudy, FigureTask
from paper_figures.figures.surrogate_data import LATER, Marginal, moments
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import scales, style

GOOD, BAD = "bohb", "random"
"""Methods whose colours the two densities take."""
RUG = 0.07
"""Height of a rug's strokes over that of the panel."""
LEAST = 1e-2
"""Where the axis of the ratio ends."""


def figure(study: FigureStudy, hyperparameter: str | None = None) -> tuple[Figure, str]:
    """The figure and its caption.

    Args:
        study: the study.
        hyperparameter: as for ``moments``.

    Raises:
        StudyError: as ``moments``.
    """
    task, seed, name, shown = moments(study, hyperparameter)
    log = _is_log(shown[0])
    with matplotlib.style.context(["default", style.page(2, len(shown), study.venue, 0.72)]):
        drawn = Figure()
        grid = drawn.add_gridspec(2, len(shown), height_ratios=[1.25, 1])
        first: Axes | None = None
        for i, one in enumerate(shown):
            upper = drawn.add_subplot(grid[0, i])
            lower = drawn.add_subplot(grid[1, i], sharex=upper, sharey=first)
            _densities(upper, one)
            _ratio(lower, one)
            upper.set_title(
                f"after {one.full_evals:.3g} full evaluations\n"
                f"{one.level} {task.unit}{'s' if one.level != 1 else ''}: "
                f"{len(one.good_at)} good, {len(one.bad_at)} bad"
            )
            if log:
                upper.set_xscale("log")
                scales.plain_log_ticks(upper.xaxis, one.values[0], one.values[-1], 5)
            upper.set_xlim(one.values[0], one.values[-1])
            upper.tick_params(labelbottom=False)
            lower.set_xlabel(name)
            highest = float(max(one.good.max(), one.bad.max()))
            upper.set_ylim(-0.12 * highest, 1.45 * highest)  # room for the rugs and names
            upper.set_yticks([0.0])
            if first is None:
                upper.set_ylabel("density")
                lower.set_ylabel("ratio l / g")
                _names(upper, one)
            else:
                lower.tick_params(labelleft=False)
            first = first or lower
        assert first is not None
        # far from all observations both vanish, and a ratio of nothing says nothing
        ratios = np.clip(np.concatenate([one.ratio for one in shown]), LEAST, 1 / LEAST)
        scales.fit(first, ratios, log=True, most=6)
    return drawn, _caption(study, task, seed, name, shown)


def _densities(axes: Axes, one: Marginal) -> None:
    for density, at, method, label, bottom in (
        (one.good, one.good_at, GOOD, "l", 1 - RUG),
        (one.bad, one.bad_at, BAD, "g", 0.0),
    ):
        look = style.line(method)
        axes.plot(
            one.values,
            density,
            color=look.color,
            linestyle="solid" if label == "l" else (0, (4, 1.5)),
            linewidth=1.6 if label == "l" else 1.1,
            label=f"_{label}",
        )
        axes.fill_between(one.values, density, color=look.color, alpha=0.12, linewidth=0)
        axes.vlines(
            at,
            bottom,
            bottom + RUG,
            transform=axes.get_xaxis_transform(),
            color=look.color,
            linewidth=0.6,
            alpha=0.8,
            label=f"_{label}_at",
        )


def _ratio(axes: Axes, one: Marginal) -> None:
    look = style.line(GOOD)
    axes.axhline(1.0, color="#4d4d4d", linewidth=0.6)
    ratio = one.ratio
    axes.plot(one.values, ratio, color="black", linewidth=1.2, label="_ratio")
    axes.fill_between(one.values, ratio, 1.0, where=ratio > 1, color=look.color, alpha=0.2, lw=0)


def _names(axes: Axes, one: Marginal) -> None:
    """The names of the two densities, each where it is highest above the other."""
    for density, other, method, text in (
        (one.good, one.bad, GOOD, "l: good"),
        (one.bad, one.good, BAD, "g: the others"),
    ):
        at = int(np.argmax(density * (density > other)))
        axes.annotate(
            text,
            (float(one.values[at]), float(density[at])),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=style.line(method).color,
            fontsize=style.legend_size(),
        )


def _is_log(one: Marginal) -> bool:
    """Whether the hyperparameter's own scale is logarithmic: its middle is the geometric mean."""
    low, middle, high = one.values[[0, len(one.values) // 2, -1]].tolist()
    return low > 0 and math.isclose(middle, math.sqrt(low * high), rel_tol=0.05)


def _caption(
    study: FigureStudy, task: FigureTask, seed: int, name: str, shown: tuple[Marginal, ...]
) -> str:
    parts = [
        f"BOHB's model on {name} at three moments of its run on {task.name}, seed {seed}: when the "
        f"first model exists, and after {100 * LATER[0]:.0f} % and {100 * LATER[1]:.0f} % of the "
        "budget.",
        "Top: the density l of the good observations (the best 15 %, and at least one more than "
        "there are hyperparameters; strokes above) and the density g of the others (strokes "
        "below), at the highest fidelity with enough observations; below: their ratio, from "
        f"{LEAST:g} to {1 / LEAST:g}.",
        "The model is over all hyperparameters; shown is its exact marginal, which is known as "
        "its kernels are products. Densities are per unit of the scale from 0 to 1 on which the "
        "model sees the hyperparameter, each panel with a scale of its own; BOHB itself maximises "
        "the ratio of the joint densities.",
        "Rebuilt from the stored trials with the code that the run itself used.",
        f"Source: {study.provenance}.",
    ]
    return " ".join(parts)


FIGURE = FigureSpec("surrogate", figure)
