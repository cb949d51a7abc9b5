"""The legend that several panels share, and what their lines and bands are, in words."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bohb_study.analysis import MethodCurves
from paper_figures import style
from paper_figures.panels import banded

LETTERS, HANDLE_LETTERS = 84, 8
"""Letters that a line of the legend holds, and what a handle takes of them."""
LINE_INCHES = 0.15
"""Inches that each line of the legend takes beyond the second."""


def shared_legend(drawn: Figure, everything: Sequence[MethodCurves]) -> None:
    """One legend above all panels; its title says what lines and bands are.

    Raises:
        UsageError: a method has no line in ``style``.
    """
    handles = []
    for method in style.in_order({curves.method for curves in everything}):
        look = style.line(method)
        handles.append(Line2D([], [], label=name_of(method, everything), **style.strokes(look)))
    lines = 1 if len(handles) <= 5 else max(2, math.ceil(len(handles) / 4))
    room = LETTERS * drawn.get_figwidth() / 5.5
    while _letters([str(handle.get_label()) for handle in handles], lines) > room:
        if lines == len(handles):
            break
        lines += 1
    # of many methods the panels keep their height
    drawn.set_figheight(drawn.get_figheight() + LINE_INCHES * max(0, lines - 2))
    drawn.legend(
        handles=handles,
        loc="outside upper center",
        ncols=math.ceil(len(handles) / lines),
        title=spread_in_words(everything),
        handlelength=3.2,
        columnspacing=1.4 if lines <= 2 else 1.0,
    )


def _letters(labels: list[str], lines: int) -> int:
    """How wide a legend is, in letters; it is filled column by column."""
    columns = [labels[i : i + lines] for i in range(0, len(labels), lines)]
    return sum(HANDLE_LETTERS + max(map(len, column)) for column in columns)


def name_of(method: str, everything: Sequence[MethodCurves]) -> str:
    """The method's label; with its number of seeds where the methods of a task differ in it."""
    label = style.line(method).label
    counts: dict[str, set[int]] = {}
    for curves in everything:
        counts.setdefault(curves.task, set()).add(curves.over_seeds.n)
    if all(len(own) == 1 for own in counts.values()):
        return label
    own = sorted({curves.over_seeds.n for curves in everything if curves.method == method})
    return f"{label} (n = {', '.join(map(str, own))})"


def spread_in_words(everything: Sequence[MethodCurves]) -> str:
    """What centre, band and thin lines are, and over how many seeds."""
    counts = sorted({curves.over_seeds.n for curves in everything})
    number = " or ".join(str(n) for n in counts)
    labels = " or ".join(sorted({curves.over_seeds.label for curves in everything}))
    kinds = " or ".join(sorted({curves.over_seeds.kind for curves in everything}))
    thin = "; thin: every run" if "range" in kinds else ""
    methods = {curves.method for curves in everything}
    bands = style.in_order(banded(methods))
    of = "" if len(bands) == len(methods) else f" ({', '.join(style.line(m).label for m in bands)})"
    return f"{labels} of {number} seed{'s' if counts != [1] else ''}; band: {kinds}{of}{thin}"


def sentence(words: str) -> str:
    """The words with a capital letter first; names within keep theirs."""
    return words[:1].upper() + words[1:]


def yardstick_in_words(method: str, factor: int) -> str:
    """One sentence of a caption about a method with a multiple of the budget."""
    label = style.line(method).label
    return f"{label}: a yardstick, which has spent {factor} times what the axis says."
