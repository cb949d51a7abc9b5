"""The legend that several panels share, and what their lines and bands are, in words."""

import math
from collections.abc import Collection, Sequence
from textwrap import fill

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from bohb_study.analysis import RULES, MethodCurves, Rule
from bohb_study.summaries.wording import larger_budget
from paper_figures.toolkit import style
from paper_figures.toolkit.curve_panel import banded

LETTERS, HANDLE_LETTERS = 84, 8
"""Letters that a line of the legend holds, and what a handle takes of them."""
LETTER = 0.58
"""Width of a letter over the font size, on average."""
LINE_INCHES = 0.15
"""Inches that each line of the legend takes beyond the second."""


def shared_legend(drawn: Figure, everything: Sequence[MethodCurves], before: str = "") -> None:
    """One legend above all panels; its title says what lines and bands are.

    Args:
        drawn: the figure; a legend of many lines makes it higher.
        everything: all curves of all panels.
        before: what the title says first.
    """
    handles = _handles(everything)
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
        title=wrapped(before + spread_in_words(everything), drawn.get_figwidth()),
        handlelength=3.2,
        columnspacing=1.4 if lines <= 2 else 1.0,
    )


def legend_in(drawn: Figure, everything: Sequence[MethodCurves], place: Bbox) -> None:
    """The same legend in a free part of the page, which the layout does not see.

    Args:
        drawn: the figure.
        everything: all curves of all panels.
        place: in shares of the figure.
    """
    handles = _handles(everything)
    width = place.width * drawn.get_figwidth()
    columns = (
        3
        if _letters([str(h.get_label()) for h in handles], -(-len(handles) // 3))
        <= (width * 72 / (LETTER * style.legend_size()))
        else 2
    )
    drawn.legend(
        handles=handles,
        loc="center",
        bbox_to_anchor=place,
        ncols=columns,
        title=wrapped(spread_in_words(everything), width),
        handlelength=3.2,
        columnspacing=1.0,
    )


def wrapped(words: str, width: float) -> str:
    """The words in lines of at most so many inches, at the legend's size."""
    return fill(words, max(8, int(width * 72 / (LETTER * style.legend_size()))))


def _handles(everything: Sequence[MethodCurves]) -> list[Line2D]:
    methods = style.in_order({curves.method for curves in everything})
    return [
        Line2D([], [], label=name_of(method, everything), **style.strokes(style.line(method)))
        for method in methods
    ]


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


def spread_sentence(everything: Sequence[MethodCurves], *, thin: bool = True) -> str:
    """The same as a sentence of a caption.

    Args:
        everything: all curves of all panels.
        thin: whether single runs are drawn where seeds are few.
    """
    counts = sorted({curves.over_seeds.n for curves in everything})
    number = " or ".join(map(str, counts))
    labels = " or ".join(sorted({curves.over_seeds.label for curves in everything}))
    kinds = sorted({curves.over_seeds.kind for curves in everything})
    bands = " or ".join(_KINDS.get(kind, kind) for kind in kinds)
    methods = {curves.method for curves in everything}
    kept = [style.line(method).label for method in style.in_order(banded(methods))]
    of = f" of {' and '.join(kept)} only, as more would overlap"
    runs = thin and any("range" in kind for kind in kinds)
    return (
        f"Lines: {labels} of {number} seed{'s' if counts != [1] else ''}; bands"
        f"{'' if len(kept) == len(methods) else of}: {bands}"
        f"{'; thin lines: every run' if runs else ''}."
    )


def whose(methods: Collection[str]) -> str:
    """Whose bands are drawn, as " of A and B"; empty where all methods have one."""
    bands = style.in_order(banded(methods))
    if len(bands) == len(set(methods)):
        return ""
    return f" of {' and '.join(style.line(method).label for method in bands)}"


_KINDS = {"95 % interval": "95 % bootstrap interval"}


def rule_sentence(rule: Rule) -> str:
    """How incumbents are chosen under a rule, in words that need no other rule."""
    return f"Rule {rule}: {_RULES.get(rule, RULES[rule])}."


_RULES: dict[Rule, str] = {
    "highest": "best report at the highest fidelity so far; rises where the first report at a "
    "higher one is worse",
    "validated": "best report at the highest fidelity so far, of which the noise-free loss is "
    "shown; it may rise",
}


def larger_budget_in_words(method: str, factor: int) -> str:
    """One sentence of a caption about a method with a multiple of the budget."""
    label = style.line(method).label
    return f"{label}: {larger_budget(factor)}; its axis is divided by {factor}."
