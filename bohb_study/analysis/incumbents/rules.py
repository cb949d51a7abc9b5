"""Which report is the incumbent of a cell, under a named rule.

The rule decides what a figure says, so it is named wherever a value is shown. Every rule chooses
on ``val_loss``; ``test_loss`` and ``true_loss`` are only ever looked up for what was chosen. A
report that failed is chosen by none: a cell in which nothing has succeeded has no incumbent.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bohb_study.arrays import Bools, Floats, Ints, Places

Rule = Literal["full", "highest", "validated", "paper", "any"]
"""How an incumbent is chosen among reports of different fidelities."""

RULES: dict[Rule, str] = {
    "full": "best report at full fidelity",
    "highest": "highest fidelity so far; may rise",
    "validated": "chosen as highest; its noise-free loss",
    "paper": "BOHB paper: level not lower, loss lower",
    "any": "lowest loss at any fidelity",
}
"""One line a rule, printed on the axes that use it."""


def _lower(level: Ints, loss: Floats) -> Bools:
    """Which of m reports in order is below all before it."""
    return loss < _before(np.minimum.accumulate(loss), np.inf)


def _higher(level: Ints, loss: Floats) -> Bools:
    """Which of m reports in order is of a higher level than all before it, or of as high, lower."""
    # one number a report: its place in the order (level, -loss), equals sharing one
    order = np.lexsort((-loss, level))
    new = np.ones(len(order), dtype=np.int64)
    new[1:] = (np.diff(level[order]) != 0) | (np.diff(loss[order]) != 0)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(new)
    return place > _before(np.maximum.accumulate(place), 0)


def _not_cheaper_and_lower(level: Ints, loss: Floats) -> Bools:
    """Which of m reports in order beats, in both level and loss, the one that is held by then."""
    beats = np.zeros(len(loss), dtype=bool)
    # what it beats lies above it, but not every report below all before it is of a level to count
    held = (-1, np.inf)
    for i, report in enumerate(zip(level.tolist(), loss.tolist(), strict=True)):
        if report[0] >= held[0] and report[1] < held[1]:
            held, beats[i] = report, True
    return beats


def _before(running: npt.NDArray[Any], start: float) -> npt.NDArray[Any]:
    """The running value before each of m reports; ``start`` before the first."""
    return np.concatenate([np.full(min(1, len(running)), start), running[:-1]])


# All comparisons are strict: of equals, the first to arrive stays.
_BECOMES: dict[Rule, Callable[[Ints, Floats], Bools]] = {
    "full": _lower,
    "highest": _higher,
    "validated": _higher,
    "paper": _not_cheaper_and_lower,
    "any": _lower,
}


def main_rule(frame: pd.DataFrame) -> Rule:
    """The rule that a task's results are read by: ``validated`` where it ``can_validate``."""
    return "validated" if can_validate(frame) else "full"


def can_validate(frame: pd.DataFrame) -> bool:
    """Whether ``true_loss`` is known of every report that succeeded, so curves have no gap.

    It is not where a configuration that did well at a low fidelity would diverge at full fidelity.
    """
    known = frame.loc[frame["status"] == "ok", "true_loss"].notna()
    return bool(len(known) and known.all())


def chosen(rows: pd.DataFrame, rule: Rule, top: int) -> Places:
    """Row number of the incumbent after each of the n rows of one cell, which are in order.

    Returns:
        Shape (n,); -1 before the first report that succeeded.
    """
    level = rows["level"].to_numpy(dtype="int64")
    loss = rows["val_loss"].to_numpy(dtype="float64")
    # a failed report has no loss, and is never an incumbent
    may = np.isfinite(loss) & (rows["status"] == "ok").to_numpy(dtype=bool)
    if rule == "full":
        may &= level == top
    held = np.full(len(rows), -1, dtype=np.intp)
    one = np.flatnonzero(may)
    new = one[_BECOMES[rule](level[one], loss[one])]
    held[new] = new
    return np.maximum.accumulate(held)  # each new one is a later row
