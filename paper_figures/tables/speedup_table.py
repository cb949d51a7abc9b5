"""The table of the speed-ups over random search: a row a task and method, a column a target."""

from typing import Any

import numpy as np
import pandas as pd

from bohb_study.analysis.comparisons.speed_ups import FIRST, SHARES
from bohb_study.numbers import NONE, number
from bohb_study.summaries.table import Table, columns, rows
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.speedup_data import speedup_dots
from paper_figures.registry import TableSpec
from paper_figures.toolkit import style

NOT_REACHED = "not reached"


def table(study: FigureStudy) -> Table:
    """The speed-ups with their intervals, as the figure shows them.

    Raises:
        StudyError: no task has random search and another method, or methods have unequal seeds
            and that is not allowed.
    """
    shown = speedup_dots(study)
    found = [
        (
            "" if i else task.title,
            style.line(method).label,
            *(text(shown.of(task.name, method, share)) for share in SHARES),
            *(text(first_touch(shown.of(task.name, method, share)), False) for share in SHARES),
        )
        for group in shown.groups
        for task in group.tasks
        for i, method in enumerate(group.methods)
    ]
    counts = " or ".join(map(str, sorted(set(shown.found["seeds"]))))
    kinds = " or ".join(sorted(set(shown.found["kind"])))
    notes = (
        f"Kaplan-Meier median of random search's times over that of the method's, in {shown.time}, "
        f"over {counts} seeds [{kinds}]; above 1: faster than random search. Target: random's "
        "interquartile mean at that share of the budget. A time counts from where the target is "
        "held to the end of the budget; right, from its first touch, be it lost again.",
        f"{NOT_REACHED} (< x): the method's median is censored, and its speed-up is below x; "
        f"> x: random's is censored. An end of an interval that is {NONE} is censored.",
        *filter(None, [study.mark_in_words]),
        f"Source: {study.provenance}.",
    )
    shares = [f"{100 * share:g} %" for share in SHARES]
    touched = [f"first touch: {share}" for share in shares]
    headings = columns("task", "method", *shares, *touched)
    return Table("Speed-up over random search", headings, rows(found), notes)


def first_touch(own: "pd.Series[Any] | None") -> "pd.Series[Any] | None":
    """The same row, of the times at which the target was first reached."""
    if own is None:
        return None
    return own.filter(like=FIRST).rename(lambda name: str(name).removeprefix(FIRST))


def text(own: "pd.Series[Any] | None", spread: bool = True) -> str:
    """One speed-up as a cell of the table, with its interval or without."""
    if own is None:
        return NONE
    speedup, bound, low, high, median = (
        float(own[name]) for name in ("speedup", "bound", "low", "high", "median")
    )
    ends = ", ".join(number(end, 2) if 0 < end < np.inf else NONE for end in (low, high))
    interval = f" [{ends}]" if spread else ""
    if np.isfinite(speedup):
        return number(speedup, 2) + interval
    if not np.isfinite(bound):
        return NOT_REACHED
    shown = number(bound, 2)
    return f"{NOT_REACHED} (< {shown})" if np.isinf(median) else f"> {shown}{interval}"


TABLE = TableSpec("table-speedups", table)
