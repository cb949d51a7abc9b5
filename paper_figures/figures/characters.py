"""When BOHB gains: on each task its gain over another method, against what is known of the task.

Above, against the rank correlation of the lowest rung with the top; below, against the share of the
best single hyperparameter. One panel a method, one mark a task.
"""

import matplotlib.style
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from bohb_study.numbers import fixed
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.characters_data import (
    ENOUGH,
    METHOD,
    CharacterGains,
    GainPanel,
    Point,
    character_gains,
)
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import style

GREY = "#4d4d4d"
EVEN = 0.5
"""Probability where neither method is better."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d", "8")
TRAIT_LABELS = {
    "spearman": "Spearman of the lowest rung with the top",
    "single": "share of variance by the best single hyperparameter",
}
LEGEND_COLUMNS = 5
LINE = 0.16
"""Inches of a line of the legend."""
HEIGHTS = (1.1, 1.0)
"""Of the rows: the first has the titles."""
ROOM = 0.06
"""Beyond what is drawn, in units of either axis: marks are not cut."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``character_gains``.
    """
    shown = character_gains(study)
    looks = family_looks(sorted({p.family for p in _points(shown)}))
    columns = len(shown.rows[0])
    settings = style.page(len(shown.rows), columns, study.venue, 1.5)
    lines = -(-len(looks) // LEGEND_COLUMNS)
    width, height = settings["figure.figsize"]
    settings["figure.figsize"] = (width, min(style.tallest(study.venue), height + LINE * lines))
    with matplotlib.style.context(["default", settings]):
        drawn = Figure()
        parts = drawn.subfigures(len(shown.rows), 1, squeeze=False, height_ratios=HEIGHTS)[:, 0]
        lowest, highest = _reach(shown)
        for number, (part, row) in enumerate(zip(parts, shown.rows, strict=True)):
            left, right = _width(row)
            for place, panel in enumerate(row):
                axes = part.add_subplot(1, columns, place + 1)
                _draw(axes, panel, looks)
                axes.set_xlim(left, right)
                axes.set_ylim(lowest, highest)
                axes.yaxis.set_major_locator(FixedLocator([0.0, 0.25, 0.5, 0.75, 1.0]))
                axes.xaxis.set_major_locator(
                    FixedLocator([x for x in (-0.5, 0.0, 0.5, 1.0) if left <= x <= right])
                )
                axes.tick_params(labelleft=place == 0)
                if not number:
                    axes.set_title(f"over {style.line(panel.other).label}")
            size = matplotlib.rcParams["axes.labelsize"]
            part.supxlabel(TRAIT_LABELS[row[0].trait], fontsize=size)
            part.supylabel("P(BOHB is better)", fontsize=size)
        drawn.legend(
            handles=[Line2D([], [], label=name, **look) for name, look in looks.items()],
            loc="outside upper center",
            ncols=min(LEGEND_COLUMNS, len(looks)),
            title="one mark a task, by family",
            columnspacing=1.2,
            handletextpad=0.3,
        )
    return drawn, _caption(study, shown)


def family_looks(families: list[str]) -> dict[str, style.Settings]:
    """A colour and a marker for each family, in the order given."""
    colors = sns.color_palette("colorblind").as_hex()
    return {
        family: {
            "color": colors[i % len(colors)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": "none",
            "markersize": 4.2,
            "markeredgecolor": "white",
            "markeredgewidth": 0.4,
        }
        for i, family in enumerate(families)
    }


def _points(shown: CharacterGains) -> list[Point]:
    return [point for row in shown.rows for panel in row for point in panel.points]


def _reach(shown: CharacterGains) -> tuple[float, float]:
    """The y axis of all panels: what is drawn, and 0.5 in the middle of it."""
    values = [v for p in _points(shown) for v in (p.gain, p.gain_low, p.gain_high)]
    far = max(abs(value - EVEN) for value in values if np.isfinite(value))
    return EVEN - far - ROOM, EVEN + far + ROOM


def _width(row: tuple[GainPanel, ...]) -> tuple[float, float]:
    """The x axis of a row: from 0, or from where intervals begin, to 1."""
    lows = [x for panel in row for p in panel.points for x in (p.x, p.x_low) if np.isfinite(x)]
    return min([0.0, *lows]) - ROOM, 1 + ROOM


def _draw(axes: Axes, panel: GainPanel, looks: dict[str, style.Settings]) -> None:
    axes.axhline(EVEN, color=GREY, linewidth=0.6, zorder=1, label="_even")
    if panel.trait == "spearman":
        axes.axvline(0.0, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)), zorder=1, label="_none")
    for point in panel.points:
        look = looks[point.family]
        bars: style.Settings = {"color": look["color"], "linewidth": 0.7, "alpha": 0.75}
        axes.plot(
            [point.x_low, point.x_high],
            [point.gain] * 2,
            label=f"_x/{point.task}",
            zorder=2,
            **bars,
        )
        axes.plot(
            [point.x] * 2,
            [point.gain_low, point.gain_high],
            label=f"_gain/{point.task}",
            zorder=2,
            **bars,
        )
        axes.plot([point.x], [point.gain], label=f"_task/{point.task}", zorder=3, **look)


def _caption(study: FigureStudy, shown: CharacterGains) -> str:
    tasks = sorted({point.task for point in _points(shown)})
    families = len({point.family for point in _points(shown)})
    seeds, configs = (_range(ends) for ends in (shown.seeds, shown.configs))
    label = style.line(METHOD).label
    rho = [
        f"over {style.line(panel.other).label} {fixed(centre)} [{fixed(low)}, {fixed(high)}] "
        f"(n = {len(panel.points)})"
        for panel in shown.rows[0]
        if panel.correlation is not None
        for centre, low, high in (panel.correlation,)
    ]
    parts = [
        f"What {label} gains, against the character of the task; each mark is one of {len(tasks)} "
        f"tasks of {families} families. Vertical: the probability that a run of {label} ends with "
        f"a better incumbent than a run of the other method, at the whole budget ({seeds} seeds; "
        f"0.5: alike; bars: 95 % bootstrap interval over seeds, from ten seeds on), by retrained "
        "losses where incumbents were retrained.",
        f"Above: Spearman's correlation of the lowest rung with the top over {configs} random "
        "configurations, charged to no method (bars: 95 % bootstrap interval over configurations); "
        "left of the dotted line the lowest rung misleads. Below: the share of the variance of the "
        "positions of random configurations that the best single hyperparameter explains, by "
        "functional analysis of variance on a random forest.",
        "Interpretation: marks that rise to the right above say that the gain is larger where the "
        "cheapest evaluations rank configurations as full ones do; below, where one hyperparameter "
        "decides.",
        f"Spearman's correlation over tasks between the upper row's axes: {'; '.join(rho)}; tasks "
        "of one family are not independent."
        if rho
        else f"There is no correlation over tasks: fewer than {ENOUGH} are too few for one.",
        f"Not compared, for {study.unequal_spend}." if study.underspent else "",
        f"Without a character or with one fidelity, and not shown: {', '.join(shown.without)}."
        if shown.without
        else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


def _range(ends: tuple[int, int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


FIGURE = FigureSpec("characters", figure)
