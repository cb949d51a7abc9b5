"""Anytime curves: what each method had found after how many full evaluations.

The order of operations is the protocol's: incumbent per cell, then alignment, and only then the
aggregate over seeds.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from bohb_study.analysis.aggregate import Aggregate, aggregate
from bohb_study.analysis.align import align
from bohb_study.analysis.cells import cells_of, require_complete
from bohb_study.analysis.incumbent import Rule, incumbent
from bohb_study.errors import StudyError


@dataclass(frozen=True, eq=False)
class MethodCurves:
    """One method on one task."""

    task: str
    method: str
    runs: pd.DataFrame
    """The seeds' step curves: g rows indexed by ``full_evals``, one column a seed, NaN where the
    seed has no incumbent yet or its cell has ended."""
    over_seeds: Aggregate
    """The same over all seeds; ``x`` in full evaluations."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, ascending."""
        return tuple(int(seed) for seed in self.runs.columns)


class AnytimeData(NamedTuple):
    """What an anytime figure draws under one rule."""

    rule: Rule
    curves: tuple[MethodCurves, ...]
    """Sorted by task and method."""
    missing: tuple[str, ...]
    """``task/method/seed`` of cells that are not in the frame; empty unless that was allowed."""


def anytime(
    frame: pd.DataFrame,
    rule: Rule,
    tops: Mapping[str, int],
    bootstrap_seed: int = 0,
    *,
    allow_missing: bool = False,
) -> AnytimeData:
    """The curves of all methods on all tasks of a frame.

    Each curve is a function of its own method's rows alone: adding a method moves no other.

    Args:
        frame: the tidy frame of a study, rows in any order.
        rule: how incumbents are chosen.
        tops: units of one full evaluation, by task.
        bootstrap_seed: of the intervals; see ``aggregate.bootstrap_seed``.
        allow_missing: go on where methods have unequal seeds; the gaps are then named.

    Raises:
        StudyError: methods of a task have unequal seeds, or a task's top is not given.
        UsageError: the rule does not fit the frame.
    """
    missing = require_complete(frame, allow_missing)
    incumbents: dict[tuple[str, str], dict[Hashable, pd.DataFrame]] = {}
    for (task, method, seed), rows in cells_of(frame):
        if task not in tops:
            raise StudyError(f"task {task}: the cost of one full evaluation is not known")
        incumbents.setdefault((task, method), {})[seed] = incumbent(rows, rule, tops[task])
    curves = tuple(
        _method_curves(task, method, cells, tops[task], bootstrap_seed)
        for (task, method), cells in incumbents.items()
    )
    return AnytimeData(rule, curves, missing)


def _method_curves(
    task: str, method: str, cells: Mapping[Hashable, pd.DataFrame], top: int, seed: int
) -> MethodCurves:
    runs = align(cells)
    runs.index = pd.Index(runs.index.to_numpy() / top, name="full_evals")
    return MethodCurves(task, method, runs, aggregate(runs, seed))
