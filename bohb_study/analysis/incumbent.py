"""Who was the best so far: the incumbent of one cell under a named rule.

The rule decides what a figure says, so it is named wherever a value is shown. Every rule chooses
on ``val_loss``; ``test_loss`` and ``true_loss`` are only ever looked up for what was chosen.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from bohb_study.columns import CELL
from bohb_study.errors import StudyError, UsageError

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


class _Report(NamedTuple):
    """What a rule may look at."""

    level: int
    loss: float


def _lower(new: _Report, held: _Report) -> bool:
    return new.loss < held.loss


def _higher(new: _Report, held: _Report) -> bool:
    return (new.level, -new.loss) > (held.level, -held.loss)


def _not_cheaper_and_lower(new: _Report, held: _Report) -> bool:
    return new.level >= held.level and new.loss < held.loss


# All comparisons are strict: of equals, the first to arrive stays.
_BEATS: dict[Rule, Callable[[_Report, _Report], bool]] = {
    "full": _lower,
    "highest": _higher,
    "validated": _higher,
    "paper": _not_cheaper_and_lower,
    "any": _lower,
}


def main_rule(frame: pd.DataFrame) -> Rule:
    """The rule that a task's results are read by: ``validated`` where ``true_loss`` exists."""
    return "validated" if frame["true_loss"].notna().any() else "full"


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
    _check(frame, rule, top)
    rows = frame.sort_values("seq", kind="stable", ignore_index=True)
    held = chosen(rows, rule, top)
    who = rows[[*WHO, "true_loss"]].astype({"seq": "Int64", "trial": "Int64", "level": "Int64"})
    own = who.reindex(held).reset_index(drop=True)  # -1 is no row: NA
    units = rows["units_total"].astype("int64")
    value = own["true_loss" if rule == "validated" else "val_loss"]
    result = pd.DataFrame(
        {
            "units_total": units,
            "full_evals": units / top,
            "virtual_seconds": rows["virtual_seconds"],
            "value": value.astype("float64"),
        }
    )
    return pd.concat([result, own[list(WHO)]], axis="columns")


def chosen(rows: pd.DataFrame, rule: Rule, top: int) -> npt.NDArray[np.intp]:
    """Row number of the incumbent after each of the n rows of one cell, which are in order.

    Returns:
        Shape (n,); -1 before the first.
    """
    level, loss = rows["level"].to_numpy(), rows["val_loss"].to_numpy(dtype="float64")
    finite = np.isfinite(loss)
    ok = finite & (rows["status"] == "ok").to_numpy(dtype=bool)
    may = finite & (level == top) if rule == "full" else finite
    # A failed report stands in only while nothing has succeeded, and yields to what does.
    may = np.flatnonzero(may & (ok | ~np.logical_or.accumulate(ok)))
    reports = map(_Report._make, zip(level[may].tolist(), loss[may].tolist(), strict=True))
    beats = _BEATS[rule]
    held = np.full(len(rows), -1, dtype=np.intp)
    best, best_ok = None, False
    for i, succeeded, report in zip(may.tolist(), ok[may].tolist(), reports, strict=True):
        if best is None or (succeeded and not best_ok) or beats(report, best):
            best, best_ok = report, succeeded
            held[i] = i
    return np.maximum.accumulate(held)  # each new one is a later row


def _check(frame: pd.DataFrame, rule: Rule, top: int) -> None:
    if rule not in get_args(Rule):
        raise UsageError(f"rule {rule!r}: no such rule; allowed: {', '.join(get_args(Rule))}")
    if len(frame[list(CELL)].drop_duplicates()) > 1:
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
