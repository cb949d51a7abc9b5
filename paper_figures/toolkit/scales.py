"""Axes that a reader can read values from: plain numbers as ticks, logarithmic where it helps."""

import sys

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from bohb_study.arrays import Floats
from bohb_study.numbers import stable, stables
from paper_figures.toolkit.literal import draw_once

LOG_FROM = 4.0
"""Largest over smallest value from which a logarithmic axis shows more than a linear one."""
SMALL = 0.99e-4
"""Below it a power of ten is written as one: zeros are hard to count."""
LARGE = 1e9
"""From here on, too, in powers of ten."""
CORNER_DIGITS = 9
"""Of a step that is drawn: finer than anything that is seen, coarser than any last bit."""
NARROW = 1.0
"""Decades below which 1, 2, 5 would leave a single tick."""
MARGIN = 0.04
"""Share of the axis that stays free at either end."""


def corners(x: Floats, *ys: Floats) -> tuple[Floats, tuple[Floats, ...]]:
    """The points that a step function needs: where any y changes, and the last.

    A value that changes in its last bits alone has no corner.

    Args:
        x: ascending, shape (n,).
        ys: values from each x on, each of shape (n,).

    Returns:
        x and ys at the same m <= n points; drawn as steps they look exactly as before.
    """
    keep = np.zeros(len(x), dtype=bool)
    keep[:1] = keep[-1:] = True
    for y in ys:
        rounded, unknown = stables(y, CORNER_DIGITS), np.isnan(y)
        keep[1:] |= (rounded[1:] != rounded[:-1]) & ~(unknown[1:] & unknown[:-1])
    return x[keep], tuple(y[keep] for y in ys)


def from_x(x: Floats, y: Floats, start: float) -> Floats:
    """The values that a step function takes from ``start`` on; x and y of shape (n,)."""
    return y[max(int(np.searchsorted(x, start, side="right")) - 1, 0) :]


def wants_log(values: Floats) -> bool:
    """Whether values are positive and spread so far that a linear axis would hide the small."""
    known = stables(values[np.isfinite(values)])
    return bool(len(known) and known.min() > 0 and stable(known.max() / known.min()) >= LOG_FROM)


def fit(axes: Axes, values: Floats, *, log: bool, most: int = 20) -> None:
    """Let the y axis show ``values`` and no more; on a log axis, those above 0.

    Args:
        axes: whose y axis.
        values: all that is drawn, shape (n,).
        log: whether the axis is logarithmic.
        most: ticks of a logarithmic axis; a small panel has room for few.
    """
    shown = values[np.isfinite(values)]
    shown = shown[shown > 0] if log else shown
    if not len(shown):
        return
    low, high = float(shown.min()), float(shown.max())
    if not log:
        room = MARGIN * ((high - low) or 1.0)
        axes.set_ylim(low - room, high + room)
        return
    room = (high / low) ** MARGIN if high > low else 1.1
    axes.set_yscale("log", nonpositive="clip")
    # the least numbers that there are leave no room below them
    axes.set_ylim(max(low / room, min(low, sys.float_info.min)), high * room)
    plain_log_ticks(axes.yaxis, low, high, most)


def plain(value: float) -> str:
    """A tick's number as short as it can be read: 0.05, 200, 5 k, 20 M; others as powers."""
    far = 0 < value < SMALL or value >= LARGE
    if far and np.isclose(np.log10(value), power := round(np.log10(value))):
        return f"$10^{{{power}}}$"
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if size <= value < LARGE:
            return f"{value / size:g} {letter}"
    return f"{value:g}"


def plain_log_ticks(axis: Axis, low: float, high: float, most: int = 20) -> None:
    """Ticks 1, 2, 5, 10, 20, 50, as plain numbers.

    More where the axis is so short that few of them lie on it. Only powers of ten over three
    decades, or where there would be more than ``most``; some of them where that is still so.
    """
    decades = np.log10(high / low)
    subs: tuple[float, ...] = (1.0, 2.0, 5.0)
    if decades > 3 or 3 * decades > most:
        subs = (1.0,)
    elif decades < NARROW / 2:
        subs = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    elif decades < NARROW:
        subs = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=most))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axis.set_minor_locator(NullLocator())


BESIDE, ABOVE = 0.5, -0.1
"""Least room between two numbers over their height; above its digits a number's box is empty."""


def thin_ticks(drawn: Figure) -> None:
    """Leave out ticks of logarithmic axes whose numbers would touch; lays the figure out once.

    To be called when all panels are drawn and have their limits. Ticks that were chosen one by
    one stay, and so do those of an axis without numbers.
    """
    draw_once(drawn)
    for axes in drawn.axes:
        for axis, side in ((axes.xaxis, 0), (axes.yaxis, 1)):
            if not isinstance(axis.get_major_locator(), LogLocator):
                continue
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts = [tick.label1 for tick in ticks if tick.label1.get_visible()]
            if len(texts) < len(ticks) or not texts:
                continue
            spans = np.array([text.get_window_extent().get_points()[:, side] for text in texts])
            free = (BESIDE, ABOVE)[side] * texts[0].get_window_extent().height
            spans += [[-free / 2, free / 2]]
            kept = apart_enough(np.array([tick.get_loc() for tick in ticks]), spans)
            if len(kept) < len(ticks):
                axis.set_major_locator(FixedLocator(kept))


def apart_enough(values: Floats, spans: Floats) -> list[float]:
    """As many ticks as stand apart: all, or the powers of ten, or some of these or of those.

    Args:
        values: of the ticks, positive and ascending, shape (n,).
        spans: where each number begins and ends along the axis, shape (n, 2).
    """
    powers = np.flatnonzero(
        np.isclose(np.log10(values) % 1, 0) | np.isclose(np.log10(values) % 1, 1)
    )
    every = np.arange(len(values))
    is_compact = powers if len(powers) > 1 else every
    for chosen in [every, *(is_compact[::step] for step in range(1, len(is_compact) + 1))]:
        own = spans[chosen]
        if np.all(own[1:, 0] >= own[:-1, 1]):
            return [float(value) for value in values[chosen]]
    return []
