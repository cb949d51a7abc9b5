"""Names of lines at their right ends, moved apart where lines end close together."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Affine2D, ScaledTranslation, blended_transform_factory

from bohb_study.arrays import Floats
from bohb_study.numbers import stable
from paper_figures.toolkit import style

LINE = 1.2
"""Height of a line of a label over its font size."""
LETTERS = 16
"""Letters of a label's line; longer names take another."""
LETTER = 0.62
"""Width of a letter over the font size, of bold ones at most."""
WIDEST = 0.32
"""Share of the page's width that labels may take."""
PLACE_DIGITS = 6
"""Of a label's place, as a share of the axes."""
LEADER, HANDLE, GAP = 7.0, 17.0, 3.0
"""Points from the axes to a label's piece of line, of that piece, and from there to the name."""


@dataclass(frozen=True)
class End:
    """Where a line ends, and its name."""

    method: str
    y: float
    """In data coordinates of the axes."""
    text: str = ""
    """Default: the method's label."""
    x: float | None = None
    """In data coordinates; default: the right edge of the axes."""

    @property
    def name(self) -> str:
        """What is written, in one line or several."""
        return fill(self.text or style.line(self.method).label, LETTERS)

    @property
    def lines(self) -> int:
        """How many lines the name takes."""
        return self.name.count("\n") + 1


def fit(axes: Axes, ends: Sequence[End]) -> bool:
    """Whether the names have room beside the axes, as ``end_labels`` would write them.

    Call it after the layout was made once.
    """
    drawn, font = _figure(axes), style.legend_size()
    letters = max((len(line) for end in ends for line in end.name.split("\n")), default=0)
    width = (LEADER + HANDLE + GAP + letters * font * LETTER) / 72
    height = sum(end.lines for end in ends) * font * LINE / 72
    return bool(width <= WIDEST * drawn.get_figwidth() and height <= _height_in_points(axes) / 72)


def _figure(axes: Axes) -> Figure:
    drawn = axes.get_figure(root=True)  # axes may stand in a part of it
    assert drawn is not None
    return drawn


def _height_in_points(axes: Axes) -> float:
    return float(axes.get_window_extent().height / _figure(axes).dpi * 72)


def end_labels(axes: Axes, ends: Sequence[End]) -> None:
    """Write each line's name right of the axes, at its end, beside a piece of the line.

    To be called when the limits and the scale of the y axis are final, and after the layout was
    made once (``draw_without_rendering``), for how far labels are moved depends on the height of
    the axes. The next layout makes room for the names.

    Args:
        axes: what the lines were drawn in.
        ends: one a line; those outside the y axis are labelled at its edge.
    """
    font, height = style.legend_size(), _height_in_points(axes)
    bottom, top = sorted(axes.get_ylim())
    to_axes = axes.transData + axes.transAxes.inverted()
    right = axes.get_xlim()[1]
    # rounded: lines that end alike but for a last bit keep their order
    wanted = [
        stable(float(to_axes.transform((right, np.clip(end.y, bottom, top)))[1]), PLACE_DIGITS)
        for end in ends
    ]
    heights = [font * LINE * end.lines for end in ends]
    places = apart(np.array(wanted) * height, np.array(heights), 0.0, height) / height
    # x in points right of the axes, y as their share: true at every size and resolution
    beside = Affine2D().scale(1 / 72) + _figure(axes).dpi_scale_trans
    beside += ScaledTranslation(1, 0, axes.transAxes)  # type: ignore[arg-type]
    place = blended_transform_factory(beside, axes.transAxes)
    for end, start, y in zip(ends, wanted, places, strict=True):
        look = style.line(end.method)
        if end.x is not None and end.x < right:
            axes.plot([end.x, right], [end.y] * 2, color=look.color, linewidth=0.4, zorder=1.5)
        begin, stop = LEADER, LEADER + HANDLE
        leader = Line2D([0, begin], [start, y], color=look.color, linewidth=0.4)
        handle = Line2D(
            [begin, (begin + stop) / 2, stop], [y] * 3, markevery=[1], **style.strokes(look)
        )
        for line in (leader, handle):
            line.set_transform(place)
            line.set_clip_on(False)
            axes.add_artist(line)
        axes.text(
            stop + GAP,
            y,
            end.name,
            transform=place,
            color=look.color,
            fontsize=font,
            fontweight="bold" if end.method == "bohb" else "normal",
            va="center",
            linespacing=1.0,
            label=f"_end/{end.method}",
        )


def apart(wanted: Floats, heights: Floats, low: float = -np.inf, high: float = np.inf) -> Floats:
    """Places as near to the wanted ones as may be, where no two labels overlap.

    Those that collide are spread about their own middle. With each place less the heights below
    it this is isotonic regression, whose solution within bounds is the free one, clipped.

    Args:
        wanted: middles, shape (n,), in any order.
        heights: of the labels, shape (n,), positive, in the same unit.
        low: where the lowest label may begin.
        high: where the highest may end. Where the labels do not fit they stick out alike at
            either end.

    Returns:
        Shape (n,), in the order of ``wanted``; their order by size is kept.
    """
    if not len(wanted):
        return np.empty(0)
    order = np.argsort(wanted, kind="stable")
    tall = heights[order]
    offsets = np.concatenate([[0.0], np.cumsum((tall[:-1] + tall[1:]) / 2)])
    blocks: list[tuple[float, int]] = []  # of (mean, count), means ascending
    for value in (wanted[order] - offsets).tolist():
        mean, count = value, 1
        while blocks and blocks[-1][0] >= mean:
            before, n = blocks.pop()
            mean, count = (before * n + mean * count) / (n + count), n + count
        blocks.append((mean, count))
    level = np.repeat([mean for mean, _ in blocks], [count for _, count in blocks])
    first, last = low + tall[0] / 2, high - tall[-1] / 2 - offsets[-1]
    if first > last:
        first = last = (first + last) / 2
    placed = np.empty(len(wanted))
    placed[order] = np.clip(level, first, last) + offsets
    return placed
