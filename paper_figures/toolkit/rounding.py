"""What is drawn is rounded before it is drawn, so that a last bit of a number changes no byte.

Statistics of the same rows differ in their last bits from processor to processor: sums are added
in another order, or with fused multiply-add. A figure is made of such numbers, and a file of it
would differ in a coordinate or in the colour of a pixel.

Where data stand on a linear axis they are rounded to a millionth of what the axis shows, which is a
five-hundredth of a pixel of a figure in print; on a logarithmic axis, and where they have no axis,
to six significant digits. The limits of the axes are rounded first, alike. Each number is first
rounded to twelve digits (``bohb_study.numbers.stable``): of numbers that the rows themselves place
halfway between two, such as the mean of 0.1 and 0.2 at one digit, all then go one way. A number
that is halfway by chance can still go either way: one in a thousand million.

Decisions that are taken while a figure is built (whether an axis is logarithmic, which labels stand
above which, where steps have corners) are taken of rounded numbers where they are taken.
"""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator

from bohb_study.arrays import Floats
from bohb_study.numbers import stable, stables

DIGITS = 6
"""Significant digits; on a linear axis, of what it shows."""


def settle(figure: Figure) -> None:
    """Round all that a finished figure draws; a second time changes nothing."""
    for axes in figure.axes:
        _settle_limits(axes)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            _settle_ticks(axis)
        for artist in axes.get_children():
            _settle(artist, axes)


def _settle_limits(axes: Axes) -> None:
    for axis, limits, set_limits in (
        (axes.xaxis, axes.get_xlim(), axes.set_xlim),
        (axes.yaxis, axes.get_ylim(), axes.set_ylim),
    ):
        ends = np.array(limits, dtype=np.float64)
        if axis.get_scale() == "linear":
            # near to 0 an end is a difference, of which only so much is known as of the larger one
            ends = _to_grid(ends, float(np.abs(ends).max()))
        else:
            ends = stables(ends, DIGITS)
        if ends[0] != ends[1]:
            set_limits(float(ends[0]), float(ends[1]), auto=None)


def _settle_ticks(axis: Axis) -> None:
    """Ticks that were chosen one by one."""
    locator = axis.get_major_locator()
    if isinstance(locator, FixedLocator):
        chosen = np.asarray(locator.tick_values(0.0, 0.0), dtype=np.float64)
        axis.set_major_locator(FixedLocator(_on(axis, chosen).tolist()))


def _settle(artist: Artist, axes: Axes) -> None:
    if isinstance(artist, Line2D):
        x, y = (np.asarray(part) for part in (artist.get_xdata(), artist.get_ydata()))
        if x.dtype.kind in "fiu" and y.dtype.kind in "fiu":
            artist.set_data(*_place(artist, axes, x.astype(np.float64), y.astype(np.float64)))
    elif isinstance(artist, Collection):
        _settle_collection(artist, axes)
    elif isinstance(artist, Rectangle) and artist is not axes.patch:
        x0, y0 = artist.get_xy()
        xs, ys = np.array([x0, x0 + artist.get_width()]), np.array([y0, y0 + artist.get_height()])
        (left, right), (bottom, top) = _place(artist, axes, xs, ys)
        artist.set_bounds(left, bottom, right - left, top - bottom)
    elif isinstance(artist, Text):
        _settle_text(artist, axes)


def _settle_text(artist: Text, axes: Axes) -> None:
    if isinstance(artist, Annotation):  # its text stands so many points from what it points at
        x, y = (np.array([part], dtype=np.float64) for part in artist.xy)
        artist.xy = float(_on(axes.xaxis, x)[0]), float(_on(axes.yaxis, y)[0])
        return
    given = (np.array([part], dtype=np.float64) for part in artist.get_position())
    x, y = _place(artist, axes, *given)
    artist.set_position((float(x[0]), float(y[0])))


def _settle_collection(artist: Collection, axes: Axes) -> None:
    offsets = np.ma.getdata(artist.get_offsets())
    if artist.get_offset_transform().contains_branch(axes.transData):
        # marks that stand at points: their own paths are constants
        x, y = (
            _on(axis, part) for axis, part in zip((axes.xaxis, axes.yaxis), offsets.T, strict=True)
        )
        artist.set_offsets(np.column_stack([x, y]))
    else:
        for path in artist.get_paths():
            x, y = _place(artist, axes, *np.asarray(path.vertices, dtype=np.float64).T)
            path.vertices = np.column_stack([x, y])
    values = artist.get_array()
    if values is not None:
        artist.set_array(stables(np.ma.getdata(values), DIGITS))


def _place(artist: Artist, axes: Axes, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Coordinates of an artist, each by what its transform takes it for."""
    of_x, of_y = artist.get_transform().contains_branch_seperately(axes.transData)
    return (
        _on(axes.xaxis, x) if of_x else stables(x, DIGITS),
        _on(axes.yaxis, y) if of_y else stables(y, DIGITS),
    )


def _on(axis: Axis, values: Floats) -> Floats:
    """Values as an axis can show them."""
    if axis.get_scale() != "linear":
        return stables(values, DIGITS)
    low, high = axis.get_view_interval()
    return _to_grid(values, abs(float(high) - float(low)))


def _to_grid(values: Floats, span: float) -> Floats:
    """Values rounded to ``DIGITS`` digits of what an axis shows.

    Args:
        values: of any shape.
        span: what it shows, from end to end.
    """
    span = stable(span, DIGITS)
    if not span or not np.isfinite(span):
        return stables(values, DIGITS)
    power = int(f"{span:e}".partition("e")[2]) - DIGITS
    # by multiplication with a whole power of ten: one tenth is no number of a computer
    once = stables(values)
    rounded = np.rint(once / 10.0**power) * 10.0**power if power > 0 else _decimals(once, -power)
    return stables(rounded)


def _decimals(values: Floats, decimals: int) -> Floats:
    if decimals > 300:  # 10.0**decimals would be infinite
        return stables(values, DIGITS)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * 10.0**decimals
        rounded = np.rint(scaled) / 10.0**decimals
    # far outside of the axis the product overflows: what is not seen keeps its digits
    return np.where(np.isfinite(scaled), rounded, values)
