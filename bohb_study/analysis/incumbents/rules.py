"""Who was the best so far: the incumbent of one cell under a named rule.

The rule decides what a figure says, so it is named wherever a value is shown. Every rule chooses
on ``val_loss``; ``test_loss`` and ``true_loss`` are only ever looked up for what was chosen. A
report that failed is chosen by none: a cell in which nothing has succeeded has no incumbent.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from bohb_study.errors import StudyError, UsageError
from bohb_study.schema import CELL

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

WHO = ("seq", "trial", "config_id", "level", "val_loss", "test_loss", "status")
"""Columns that say which report is the incumbent."""


Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def _lower(level: Ints, loss: Floats) -> npt.NDArray[np.bool_]:
    """Which of m reports in order is below all before it."""
    return loss < _before(np.minimum.accumulate(loss), np.inf)


def _higher(level: Ints, loss: Floats) -> npt.NDArray[np.bool_]:
    """Which of m reports in order is of a higher level than all before it, or of as high, lower."""
    # one number a report: its place in the order (level, -loss), equals sharing one
    order = np.lexsort((-loss, level))
    new = np.ones(len(order), dtype=np.int64)
    new[1:] = (np.diff(level[order]) != 0) | (np.diff(loss[order]) != 0)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(new)
    return place > _before(np.maximum.accumulate(place), 0)


def _not_cheaper_and_lower(level: Ints, loss: Floats) -> npt.NDArray[np.bool_]:
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
_BECOMES: dict[Rule, Callable[[Ints, Floats], npt.NDArray[np.bool_]]] = {
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


def incumbent(frame: pd.DataFrame, rule: Rule, top: int) -> pd.DataFrame:
    """The incumbent after each report of one cell.

    Args:
        frame: the n rows of one (task, method, seed), in any order.
        rule: how the incumbent is chosen.
        top: level of one full evaluation, in units.

    Returns:
        n rows, one a report in order of arrival: ``units_total``, ``full_evals``,
        ``virtual_seconds``, ``value`` (the plotted loss: ``true_loss`` under ``validated``, else
        ``val_loss``; NaN while there is no incumbent), and the incumbent's own ``WHO`` columns
        (its ``seq``, not the report's; NA while there is none).

    Raises:
        UsageError: the rule is unknown, or is ``validated`` and no ``true_loss`` is known.
        StudyError: a level lies above ``top``.
    """
    rows = frame.sort_values("seq", kind="stable", ignore_index=True)
    found = trace(rows, rule, top)
    who = rows[[*WHO]].astype({"seq": "Int64", "trial": "Int64", "level": "Int64"})
    own = who.reindex(found.held).reset_index(drop=True)  # -1 is no row: NA
    result = pd.DataFrame(
        {
            "units_total": rows["units_total"].astype("int64"),
            "full_evals": found.full_evals,
            "virtual_seconds": found.virtual_seconds,
            "value": found.value,
        }
    )
    return pd.concat([result, own], axis="columns")


class Trace(NamedTuple):
    """The incumbent of one cell after each of its n reports, in order; arrays of shape (n,)."""

    full_evals: Floats
    virtual_seconds: Floats
    value: Floats
    """The plotted loss; NaN while there is no incumbent."""
    held: npt.NDArray[np.intp]
    """Place of the incumbent among the reports in order of arrival; -1 while there is none."""


def trace(frame: pd.DataFrame, rule: Rule, top: int) -> Trace:
    """As ``incumbent``, without saying who it is: a tenth of its time.

    Args:
        frame: the n rows of one cell, in any order.
        rule: how the incumbent is chosen.
        top: level of one full evaluation, in units.

    Raises:
        UsageError, StudyError: as ``incumbent``.
    """
    _check(frame, rule, top)
    seq = frame["seq"].to_numpy()
    if np.any(seq[1:] < seq[:-1]):
        frame = frame.take(np.argsort(seq, kind="stable"))
    held = chosen(frame, rule, top)
    plotted = frame["true_loss" if rule == "validated" else "val_loss"].to_numpy(dtype="float64")
    return Trace(
        frame["units_total"].to_numpy(dtype="int64") / top,
        frame["virtual_seconds"].to_numpy(dtype="float64"),
        np.where(held >= 0, plotted[held], np.nan),
        held,
    )


def chosen(rows: pd.DataFrame, rule: Rule, top: int) -> npt.NDArray[np.intp]:
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


def _check(frame: pd.DataFrame, rule: Rule, top: int) -> None:
    if rule not in get_args(Rule):
        raise UsageError(f"rule {rule!r}: no such rule; allowed: {', '.join(get_args(Rule))}")
    if len(frame) and any((frame[name] != frame[name].iloc[0]).any() for name in CELL):
        raise ValueError("an incumbent belongs to one cell; the frame holds several")
    if len(frame) and int(frame["level"].max()) > top:
        raise StudyError(
            f"level {frame['level'].max()} lies above the {top} units of a full evaluation: "
            "the frame and the ladder do not belong together"
        )
    if rule == "validated" and frame["true_loss"].isna().all():
        raise UsageError(
            "rule 'validated' needs true_loss, which this task does not know; use 'full'"
        )
