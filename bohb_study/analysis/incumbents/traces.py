"""From rows to incumbents: the one way, of which all curves, tables and comparisons are made.

``traces`` goes through the cells of a frame, ``trace`` is of one, and ``incumbent`` shows the same
as a frame. While nothing has succeeded there is no incumbent, and its value is NaN everywhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd

from bohb_study.analysis.frame_cells import cells_of, narrow, top_of
from bohb_study.analysis.incumbents.rules import Rule, chosen, main_rule
from bohb_study.analysis.incumbents.step_functions import Axis, StepFunction
from bohb_study.arrays import Floats, Places
from bohb_study.errors import StudyError, UsageError
from bohb_study.schema import CELL, CellKey

IDENTITY = ("seq", "trial", "config_id", "level", "val_loss", "test_loss", "status")
"""Columns that say which report is the incumbent."""


@dataclass(frozen=True, eq=False)
class IncumbentTrace:
    """The incumbent of one cell after each of its n reports, in order; arrays of shape (n,)."""

    reports: pd.DataFrame
    """The n rows of the cell in order of arrival."""
    rule: Rule
    """How incumbents are chosen."""
    full_evals: Floats
    """Full evaluations charged by then."""
    held: Places
    """Position of the incumbent among the reports; -1 while there is none."""
    value: Floats
    """Its plotted loss, ``true_loss`` under ``validated``, else ``val_loss``."""

    @property
    def key(self) -> CellKey:
        """Task, method and seed of the cell."""
        first: Any = self.reports[[*CELL]].iloc[0]
        task, method, seed = first
        return str(task), str(method), int(seed)

    @property
    def virtual_seconds(self) -> Floats:
        """Modelled time of each report; NaN where it is not known."""
        return self.reports["virtual_seconds"].to_numpy(dtype=np.float64)

    @property
    def report_counts(self) -> Floats:
        """Number of each report, from 1; of compacted cells only some are there."""
        return self.reports["seq"].to_numpy(dtype=np.float64) + 1

    def of_incumbent(self, column: str) -> Floats:
        """What a column of numbers says of the incumbent; NaN while there is none."""
        values = self.reports[column].to_numpy(dtype=np.float64)
        return np.where(self.held >= 0, values[self.held], np.nan)

    @property
    def last(self) -> "pd.Series | None":
        """The report that is the incumbent at the end; None where there is none."""
        return self.reports.iloc[self.held[-1]] if self.held[-1] >= 0 else None

    def steps(self, axis: Axis = "full_evals", factor: float = 1) -> StepFunction:
        """The plotted loss as a step function along an axis.

        Args:
            axis: what it runs along.
            factor: what places are divided by: a larger budget's multiple.

        Raises:
            UsageError: the virtual seconds of the cell are not known.
        """
        places = self.full_evals if axis == "full_evals" else self.virtual_seconds
        if np.isnan(places).any():
            raise UsageError(
                f"cell {'/'.join(map(str, self.key))}: its virtual seconds are not known, as "
                "engine tune has none with several workers; use full evaluations"
            )
        return StepFunction(places / factor, self.value)


def traces(
    frame: pd.DataFrame, tops: Mapping[str, int], rule: Rule | None = None
) -> Iterator[tuple[CellKey, IncumbentTrace]]:
    """The incumbents of every cell of a frame, sorted by task, method and seed.

    Args:
        frame: the tidy frame of a study, rows in any order, whole or compacted.
        tops: units of one full evaluation, by task.
        rule: how incumbents are chosen; default: each task's main rule.

    Raises:
        StudyError: a task's top is not given, or a level lies above it.
        UsageError: the rule does not fit a task.
    """
    rows = narrow(frame)
    rules: dict[str, Rule] = {}
    for (task, method, seed), own in cells_of(rows):
        if task not in rules:
            top_of(tops, task)
            rules[task] = rule or main_rule(rows[rows["task"] == task])
        yield (task, method, seed), _trace(own, rules[task], tops[task])


def trace(frame: pd.DataFrame, rule: Rule, top: int) -> IncumbentTrace:
    """The incumbents of one cell.

    Args:
        frame: the n rows of one (task, method, seed), in any order.
        rule: how the incumbent is chosen.
        top: level of one full evaluation, in units.

    Raises:
        UsageError: the rule is unknown, or is ``validated`` and no ``true_loss`` is known.
        StudyError: a level lies above ``top``.
        ValueError: the rows are of several cells.
    """
    if len(frame) and any((frame[name] != frame[name].iloc[0]).any() for name in CELL):
        raise ValueError("an incumbent belongs to one cell; the frame holds several")
    return _trace(frame, rule, top)


def _trace(frame: pd.DataFrame, rule: Rule, top: int) -> IncumbentTrace:
    _check(frame, rule, top)
    seq = frame["seq"].to_numpy()
    if np.any(seq[1:] < seq[:-1]):
        frame = frame.take(np.argsort(seq, kind="stable"))
    held = chosen(frame, rule, top)
    plotted = frame["true_loss" if rule == "validated" else "val_loss"].to_numpy(dtype=np.float64)
    return IncumbentTrace(
        frame,
        rule,
        frame["units_total"].to_numpy(dtype=np.int64) / top,
        held,
        np.where(held >= 0, plotted[held], np.nan),
    )


def incumbent(frame: pd.DataFrame, rule: Rule, top: int) -> pd.DataFrame:
    """The incumbent after each report of one cell, as a frame.

    Args:
        frame: the n rows of one (task, method, seed), in any order.
        rule: how the incumbent is chosen.
        top: level of one full evaluation, in units.

    Returns:
        n rows, one a report in order of arrival: ``units_total``, ``full_evals``,
        ``virtual_seconds``, ``value`` (the plotted loss: ``true_loss`` under ``validated``, else
        ``val_loss``; NaN while there is no incumbent), and the incumbent's own ``IDENTITY``
        columns (its ``seq``, not the report's; NA while there is none).

    Raises:
        UsageError, StudyError, ValueError: as ``trace``.
    """
    found = trace(frame, rule, top)
    rows = found.reports.reset_index(drop=True)
    which = rows[[*IDENTITY]].astype({"seq": "Int64", "trial": "Int64", "level": "Int64"})
    own = which.reindex(found.held).reset_index(drop=True)  # -1 is no row: NA
    result = pd.DataFrame(
        {
            "units_total": rows["units_total"].astype("int64"),
            "full_evals": found.full_evals,
            "virtual_seconds": found.virtual_seconds,
            "value": found.value,
        }
    )
    return pd.concat([result, own], axis="columns")


def _check(frame: pd.DataFrame, rule: Rule, top: int) -> None:
    if rule not in get_args(Rule):
        raise UsageError(f"{rule}: no such rule; allowed: {', '.join(get_args(Rule))}", "rule")
    if len(frame) and int(frame["level"].max()) > top:
        raise StudyError(
            f"level {frame['level'].max()} lies above the {top} units of a full evaluation: "
            "the frame and the ladder do not belong together"
        )
    if rule == "validated" and frame["true_loss"].isna().all():
        raise UsageError(
            "validated: needs true_loss, which this task does not know; allowed: full", "rule"
        )
