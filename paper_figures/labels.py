"""Names of lines at their right ends, moved apart where lines end close together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from paper_figures import style

LINE = 1.15
"""Height of a label over its font size."""
LEADER, GAP = 9.0, 2.0
"""Points from the axes to a label, and between the leader and either."""


@dataclass(frozen=True)
class End:
    """Where a line ends."""

    method: str
    y: float
    """In data coordinates of the axes."""
    text: str = ""
    """The method's label where not given."""


def end_labels(axes: Axes, ends: Sequence[End]) -> None:
    """Write each line's name right of the axes, at its end, with a thin leader.

    To be called when the limits and the scale of the y axis are final. The layout makes room for
    the names.

    Args:
        axes: what the lines were drawn in.
        ends: one a line; those outside the y axis are labelled at its edge.
    """
    size = float(axes.figure.dpi) / 72  # pixels a point
    font = style.legend_size()
    bottom, top = axes.get_ylim()
    height = axes.get_window_extent().height / size
    to_axes = axes.transData + axes.transAxes.inverted()
    clipped = [min(max(end.y, min(bottom, top)), max(bottom, top)) for end in ends]
    wanted = np.array([to_axes.transform((axes.get_xlim()[1], y))[1] for y in clipped]) * height
    for end, start, place in zip(ends, wanted, apart(wanted, font * LINE), strict=True):
        look = style.line(end.method)
        axes.annotate(
            end.text or look.label,
            xy=(1.0, start / height),
            xycoords="axes fraction",
            xytext=(LEADER, place - start),
            textcoords="offset points",
            color=look.color,
            fontsize=font,
            fontweight="bold" if end.method == "bohb" else "normal",
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": look.color,
                "linewidth": 0.5,
                "shrinkA": 0,
                "shrinkB": GAP,
                "relpos": (0.0, 0.5),
            },
        )


def apart(wanted: np.ndarray, distance: float) -> np.ndarray:
    """Places as near to the wanted ones as may be, none closer than ``distance`` to another.

    Those that collide are spread about their own middle, as isotonic regression does.

    Args:
        wanted: shape (n,), in any order.
        distance: least distance, in the same unit.

    Returns:
        Shape (n,), in the order of ``wanted``; their order by size is kept.
    """
    order = np.argsort(wanted, kind="stable")
    shifted = wanted[order] - distance * np.arange(len(wanted))
    blocks: list[list[float]] = []  # of (mean, count), means ascending
    for value in shifted:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, count = blocks.pop()
            before, n = blocks[-1]
            blocks[-1] = [(before * n + mean * count) / (n + count), n + count]
    level = np.concatenate([np.full(int(count), mean) for mean, count in blocks] or [np.empty(0)])
    placed = np.empty(len(wanted))
    placed[order] = level + distance * np.arange(len(wanted))
    return placed
