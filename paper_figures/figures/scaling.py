"""What more workers gain: the same budget spent by 1, 4, 16, 64 at a time, on virtual seconds.

One panel a method, its lines by number of workers; and the time to a common target against the
number of workers, where a method that never waits would halve it with each doubling.
"""

from collections.abc import Sequence

import matplotlib.style
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bohb_study.analysis import MethodCurves
from bohb_study.numbers import LARGEST, number
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.scaling_data import BASELINE, Reached, Scaling, scaling
from paper_figures.registry import SeriesSpec
from paper_figures.toolkit import labels, legends, scales, style
from paper_figures.toolkit.curve_panel import REGRET, better, values_shown

COLUMNS = 3
WIDTHS = (0.9, 1.6)
"""Points of the line of the fewest workers and of the most."""
GREY = "#404040"


def figure(studies: Sequence[FigureStudy]) -> tuple[Figure, str]:
    """The figure and its caption.

    Args:
        studies: of the same task, each with another number of workers.

    Raises:
        StudyError: as ``scaling``.
        UsageError: as ``scaling``.
    """
    shown = scaling(studies)
    methods = style.in_order(set(shown.reached))
    rows = -(-(len(methods) + 1) // COLUMNS)
    venue = studies[0].venue
    settings = style.page(rows, COLUMNS, venue, 0.95) | {"axes.titlesize": 8}
    with matplotlib.style.context(["default", settings]):
        drawn = Figure()
        first: Axes | None = None
        for i, method in enumerate(methods):
            axes = drawn.add_subplot(rows, COLUMNS, i + 1, sharex=first, sharey=first)
            _curves(axes, shown, method)
            axes.set_title(
                style.line(method).label, color=style.line(method).color, fontweight="bold"
            )
            if i % COLUMNS == 0:
                axes.set_ylabel(next(iter(shown.panels.values())).quantity)
            else:
                axes.tick_params(labelleft=False)
            axes.tick_params(axis="x", labelbottom=i + COLUMNS > len(methods))
            if i + COLUMNS > len(methods):
                axes.set_xlabel("virtual seconds")
            first = first or axes
        assert first is not None
        _scale(first, shown)
        last = drawn.add_subplot(rows, COLUMNS, len(methods) + 1)
        _target(last, shown, methods)
        _legend(drawn, shown)
        scales.thin_ticks(drawn)
        labels.end_labels(last, _ends(shown, methods))
    return drawn, _caption(studies, shown)


def shades(method: str, count: int) -> list[str]:
    """As many shades of a method's colour, from light to its own."""
    palette = sns.light_palette(style.line(method).color, count + 1)
    return list(palette.as_hex()[1:])


def _curves(axes: Axes, shown: Scaling, method: str) -> None:
    """One line a number of workers; the more, the darker and the stronger."""
    colours = shades(method, len(shown.panels))
    widths = np.linspace(*WIDTHS, len(shown.panels))
    axes.axhline(shown.target, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)), label="_target")
    for (workers, panel), colour, width in zip(shown.panels.items(), colours, widths, strict=True):
        curves = next((c for c in panel.curves if c.method == method), None)
        if curves is None:
            continue
        over = curves.over_seeds
        x, (centre,) = scales.corners(over.x, over.centre)
        axes.plot(
            x,
            centre,
            drawstyle="steps-post",
            color=colour,
            linewidth=width,
            label=f"_workers/{workers}",
        )
        x, (low, high) = scales.corners(over.x, over.low, over.high)
        axes.fill_between(x, low, high, step="post", color=colour, alpha=0.12, linewidth=0)


def _scale(axes: Axes, shown: Scaling) -> None:
    seconds = [c.over_seeds.x for p in shown.panels.values() for c in p.data.curves]
    known = np.concatenate(seconds)
    known = known[known > 0]
    first, last = float(known.min()), float(known.max())
    axes.set_xscale("log")
    axes.set_xlim(first, last * (last / first) ** scales.MARGIN)
    scales.plain_log_ticks(axes.xaxis, first, last, most=6)
    values = np.concatenate([values_shown(panel, first) for panel in shown.panels.values()])
    panel = next(iter(shown.panels.values()))
    log = panel.quantity == REGRET or (not panel.higher_is_better and scales.wants_log(values))
    scales.fit(axes, values, log=log, most=6)


def _target(axes: Axes, shown: Scaling, methods: list[str]) -> None:
    """Time to the target against the number of workers, and what would be ideal."""
    counts = list(shown.panels)
    finite = []
    for method in methods:
        look = style.line(method)
        reached = [one for one in shown.reached[method] if np.isfinite(one.seconds)]
        at, seconds = [one.workers for one in reached], [one.seconds for one in reached]
        axes.plot(at, seconds, label=f"_time/{method}", zorder=look.zorder, **style.strokes(look))
        finite += seconds
    fastest = ideal(shown)
    if fastest is not None:
        times = [fastest.seconds * fastest.workers / count for count in counts]
        axes.plot(counts, times, color=GREY, linewidth=0.8, linestyle=(0, (1, 1.5)), label="_ideal")
        axes.annotate(
            "ideal", (counts[-1], times[-1]), xytext=(-14, -1), textcoords="offset points",
            ha="right", va="bottom", color=GREY, fontsize=style.legend_size(),
        )  # fmt: skip
        finite += times
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(counts[0] / 1.2, counts[-1] * 1.2)
    if finite:
        scales.fit(axes, np.array(finite), log=True, most=6)
    axes.set_xlabel("workers")
    axes.set_title("seconds to the target")


def ideal(shown: Scaling) -> Reached | None:
    """Where the ideal line begins: the fastest method with the fewest workers; None without."""
    fewest = min(shown.panels)
    first = [one for own in shown.reached.values() for one in own if one.workers == fewest]
    finite = [one for one in first if np.isfinite(one.seconds)]
    return min(finite, key=lambda one: one.seconds, default=None)


def _ends(shown: Scaling, methods: list[str]) -> list[labels.End]:
    ends = []
    for method in methods:
        finite = [one for one in shown.reached[method] if np.isfinite(one.seconds)]
        if finite:
            ends.append(labels.End(method, finite[-1].seconds, x=float(finite[-1].workers)))
    return ends


def _legend(drawn: Figure, shown: Scaling) -> None:
    greys = sns.light_palette(GREY, len(shown.panels) + 1).as_hex()[1:]
    widths = np.linspace(*WIDTHS, len(shown.panels))
    handles = [
        Line2D([], [], color=grey, linewidth=width, label=f"{n} worker{'s' if n > 1 else ''}")
        for n, grey, width in zip(shown.panels, greys, widths, strict=True)
    ]
    handles.append(Line2D([], [], color=GREY, linewidth=0.6, linestyle=(0, (1, 2)), label="target"))
    rule = next(iter(shown.panels.values())).data.rule
    drawn.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        title=f"{shown.task.name}, rule {rule}; {_spread(shown)}",
    )


def _everything(shown: Scaling) -> list[MethodCurves]:
    return [curves for panel in shown.panels.values() for curves in panel.data.curves]


def _spread(shown: Scaling) -> str:
    """What centre and band are; single runs are not drawn here."""
    return legends.spread_in_words(_everything(shown)).removesuffix("; thin: every run")


def _beyond(shown: Scaling) -> str:
    """On which side of the target a method has reached it."""
    return "above" if next(iter(shown.panels.values())).higher_is_better else "below"


def _in_words(seconds: float) -> str:
    """Three digits, without powers of ten."""
    if np.isinf(seconds):
        return "not reached"
    return f"{seconds:,.0f}" if 100 <= seconds < LARGEST else number(seconds, 3, zeros=False)


def _caption(studies: Sequence[FigureStudy], shown: Scaling) -> str:
    rule = next(iter(shown.panels.values())).data.rule
    never = "; ".join(
        f"{style.line(method).label} with {one.workers}: {one.never} of {one.n} seeds"
        for method, own in shown.reached.items()
        for one in own
        if one.never
    )
    words = "; ".join(
        f"{style.line(method).label} "
        + ", ".join(
            f"{_in_words(one.seconds)} [{_in_words(one.low)}, {_in_words(one.high)}]" for one in own
        )
        for method, own in shown.reached.items()
    )
    counts = " and ".join(", ".join(map(str, shown.panels)).rsplit(", ", 1))
    kinds = " or ".join(sorted({curves.over_seeds.kind for curves in _everything(shown)}))
    parts = [
        f"The incumbent ({better(list(shown.panels.values()))}) on {shown.task.name} against "
        "virtual seconds, which "
        f"follow from modelled durations alone, with {counts} workers (the more, the "
        "darker) and the same budget in all.",
        legends.rule_sentence(rule),
        legends.spread_sentence(_everything(shown), thin=False),
        f"Target: {number(shown.target, 3, zeros=False)}, the value at which "
        f"{style.line(BASELINE).label} ends with "
        f"{min(shown.panels)} worker{'s' if min(shown.panels) > 1 else ''}. Last panel: "
        f"Kaplan-Meier median over seeds of the first second at or {_beyond(shown)} it; cells that "
        "ended "
        "without it are censored, and a median that is censored has no mark. Dotted: linear "
        "speed-up from the fastest method with the fewest workers.",
        f"Seconds with {counts} workers [{kinds}]: {words}.",
        f"Not reached: {never}." if never else "",
        f"Source: {'; '.join(str(study.provenance) for study in studies)}.",
    ]
    return " ".join(part for part in parts if part)


FIGURE = SeriesSpec("scaling", figure)
