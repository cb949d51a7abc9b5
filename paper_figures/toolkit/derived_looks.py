"""Looks for methods that declare none: by their names, and unlike all that are taken.

Eight colours, dash patterns and markers, none of which a declared method has. The colours keep a
distance from those and from each other also to readers without red or green cones; the dashes and
markers differ in print without colour.
"""

import hashlib
from collections.abc import Iterable

from paper_figures.toolkit.line import Dashes, Line, Marker

COLORS = (
    *("#4426d9", "#258cf4", "#dd3cdd", "#089191"),
    *("#08914c", "#955073", "#6c5e13", "#c66653"),
)
DASHES: tuple[Dashes, ...] = (
    (0, (6, 1, 2, 1)),
    (0, (3, 2, 1, 2)),
    (0, (10, 1, 2, 1, 2, 1)),
    (0, (1.5, 0.8)),
    (0, (7, 3)),
    (0, (4, 1, 4, 3)),
    (0, (2, 1, 1, 1)),
    (0, (14, 2, 1, 2)),
)
MARKERS: tuple[Marker, ...] = (
    "8",
    (4, 1, 0),
    (6, 1, 0),
    (3, 1, 0),
    (4, 1, 45),
    (3, 1, 180),
    (8, 1, 0),
    (5, 0, 180),
)


def derived_look(method: str, taken: Iterable[Line] = ()) -> Line:
    """The look of a method, unlike all of ``taken``; its label is the method's name.

    Args:
        method: its name; equal names have equal looks where nothing is taken.
        taken: looks of other methods of the same figures.
    """
    used = {(look.color, look.dashes, look.marker) for look in taken}
    colors = {look.color for look in taken}
    first = int.from_bytes(hashlib.sha256(method.encode()).digest()[:4], "big") % len(COLORS)
    places = [(first + step) % len(COLORS) for step in range(len(COLORS))]
    # a colour that nobody has, as long as there is one; then a combination that nobody has
    for shift in range(len(COLORS)):
        for place in places:
            look = _look(method, place, shift)
            new = (look.color, look.dashes, look.marker) not in used
            if new and (look.color not in colors or len(colors) >= len(COLORS)):
                return look
    return _look(method, first, 0)


def _look(method: str, place: int, shift: int) -> Line:
    count = len(COLORS)
    return Line(
        method,
        COLORS[place],
        DASHES[(place + shift) % count],
        MARKERS[(place + 3 * shift) % count],
        size=4.2,
    )
