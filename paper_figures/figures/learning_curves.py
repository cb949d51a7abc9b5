"""Learning curves of all trials of one cell per method: which was stopped when.

Only tasks with a curve have them. The cell is that of the method's first seed.
"""

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bohb_study.analysis import RULES
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.learning_curves_data import LearningCurvesPanel, panels
from paper_figures.registry import FigureSpec
from paper_figures.toolkit import scales, style
from paper_figures.toolkit.panel_grid import Blocks

MOST_COLUMNS = 4
GREY = "#777777"

_STOPPED: style.Settings = {"marker": ".", "markersize": 2.8, "markeredgewidth": 0}
_INCUMBENT: style.Settings = {
    "color": "black",
    "linewidth": 1.3,
    "marker": "*",
    "markersize": 6,
    "markeredgewidth": 0,
    "zorder": 5,
    "clip_on": False,
}
"""As keyword arguments of ``plot`` and ``Line2D``."""


def figure(study: FigureStudy) -> tuple[Figure, str]:
    """The figure and its caption.

    Raises:
        StudyError: as ``panels``.
        UsageError: there is no such venue.
    """
    shown = panels(study)
    tasks = list(dict.fromkeys(panel.task.name for panel in shown))
    blocks = [[panel for panel in shown if panel.task.name == name] for name in tasks]
    layout = Blocks.of([len(block) for block in blocks], MOST_COLUMNS)
    settings = style.page(sum(layout.lines), layout.columns, study.venue, 0.95)
    with matplotlib.style.context(["default", settings]):
        drawn = Figure()
        drawn.set_figheight(drawn.get_figheight() + 0.45)
        for block, places in zip(blocks, layout.places(drawn), strict=True):
            for panel, place in zip(block, places, strict=True):
                _draw(place.axes, panel)
                if place.left:
                    place.axes.set_ylabel(str(panel.task.score), fontsize=style.legend_size())
                if place.lowest:
                    place.axes.set_xlabel(f"{panel.task.unit}s")
            _scale(places[0].axes, block)
        _legend(drawn)
        scales.thin_ticks(drawn)
    return drawn, _caption(study, shown)


def _draw(axes: Axes, panel: LearningCurvesPanel) -> None:
    look = style.line(panel.method)
    for trial in panel.trials:
        if not len(trial.levels) or trial.trial == panel.incumbent:
            continue
        axes.plot(
            trial.levels,
            trial.losses,
            color=look.color if trial.finished else GREY,
            linewidth=0.6 if trial.finished else 0.35,
            alpha=0.55 if trial.finished else 0.5,
            zorder=3 if trial.finished else 2,
            label=f"_trial/{trial.trial}",
            # where it was stopped: a trial that was stopped at once is nothing but this dot
            **({} if trial.finished else _STOPPED | {"markevery": [-1]}),
        )
    for trial in panel.trials:
        if trial.trial == panel.incumbent:
            halo: style.Settings = {"color": "white", "linewidth": 2.8, "zorder": 4}
            axes.plot(trial.levels, trial.losses, label="_halo", **halo)
            name = f"_incumbent/{trial.trial}"
            axes.plot(trial.levels, trial.losses, label=name, markevery=[-1], **_INCUMBENT)
    axes.set_title(
        look.label,
        color=look.color,
        fontweight="bold" if panel.method == "bohb" else "normal",
        pad=3,
    )
    axes.text(
        0.04,
        0.05,
        f"{len(panel.trials)} trials\n{panel.finished} finished",
        transform=axes.transAxes,
        ha="left",
        va="bottom",
        fontsize=style.legend_size() - 1,
        linespacing=1.1,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
        zorder=6,
    )


def _scale(axes: Axes, block: list[LearningCurvesPanel]) -> None:
    """The axes that a task's panels share; logarithmic along the epochs, as rungs are."""
    values = np.concatenate([panel.losses for panel in block])
    if len(values):
        # a loss of exactly 0 is drawn at the lower edge: it must not flatten all the others
        log = not (values < 0).any() and scales.wants_log(values[values > 0])
        scales.fit(axes, values, log=log)
    top, rungs = block[0].task.top, block[0].rungs
    axes.set_xscale("log")
    axes.set_xlim(1 / top**0.06, top**1.06)
    if len(rungs) > 1:
        axes.xaxis.set_major_locator(FixedLocator([float(level) for level in rungs]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: scales.plain(value)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        scales.plain_log_ticks(axes.xaxis, 1, top)


def _legend(drawn: Figure) -> None:
    stopped = {"color": GREY, "linewidth": 0.6} | _STOPPED | {"markersize": 4}
    marks: dict[str, style.Settings] = {
        "stopped or left paused": stopped,
        "finished (in the method's colour)": {"color": "#4d4d4d", "linewidth": 1.0},
        "final incumbent": _INCUMBENT,
    }
    handles = [Line2D([], [], label=name, **look) for name, look in marks.items()]
    drawn.legend(handles=handles, loc="outside upper center", ncols=3, columnspacing=1.6)


def _better(shown: list[LearningCurvesPanel]) -> str:
    """Which way is better, task by task where they differ."""
    by_words: dict[str, list[str]] = {}
    for panel in shown:
        names = by_words.setdefault(panel.task.score.better, [])
        names += [] if panel.task.name in names else [panel.task.name]
    if len(by_words) == 1:
        return next(iter(by_words))
    return ", ".join(f"{words} on {', '.join(names)}" for words, names in by_words.items())


def _caption(study: FigureStudy, shown: list[LearningCurvesPanel]) -> str:
    rules = sorted({panel.rule for panel in shown})
    seeds = sorted({panel.seed for panel in shown})
    tasks = dict.fromkeys(panel.task.name for panel in shown)
    none = [f"{panel.task.name}/{panel.method}" for panel in shown if panel.incumbent is None]
    parts = [
        f"Learning curves of all trials of one cell per method on {', '.join(tasks)} (seed "
        f"{', '.join(map(str, seeds))}), {_better(shown)}; a dot is where a trial was "
        "stopped, left paused, or cut off by the end of the budget.",
        "Ticks are the rungs.",
        *(f"Incumbent under rule {rule}: {RULES[rule]}." for rule in rules),
        "Reports of trainings that diverged or failed are not drawn.",
        f"Without an incumbent: {', '.join(none)}." if none else "",
        f"Source: {study.provenance}.",
    ]
    return " ".join(part for part in parts if part)


FIGURE = FigureSpec("learning-curves", figure)
