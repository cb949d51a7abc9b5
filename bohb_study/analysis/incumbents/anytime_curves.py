"""Anytime curves: what each method had found after how many full evaluations or virtual seconds.

The order of operations is the protocol's: incumbent per cell, then alignment, and only then the
aggregate over seeds.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from bohb_study.analysis.frame_cells import require_complete
from bohb_study.analysis.incumbents.alignment import align
from bohb_study.analysis.incumbents.rules import Rule
from bohb_study.analysis.incumbents.step_functions import Axis, StepFunction
from bohb_study.analysis.incumbents.traces import traces
from bohb_study.analysis.statistics.aggregate import BOOTSTRAP_SEED, Aggregate, aggregate


@dataclass(frozen=True, eq=False)
class MethodCurves:
    """One method on one task."""

    task: str
    method: str
    runs: pd.DataFrame
    """The seeds' step curves: g rows indexed by the axis, one column a seed, NaN where the seed
    has no incumbent yet or its cell has ended."""
    over_seeds: Aggregate
    """The same over all seeds; ``x`` in units of the axis."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in ascending order."""
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
    bootstrap_seed: int = BOOTSTRAP_SEED,
    *,
    axis: Axis = "full_evals",
    allow_missing: bool = False,
    larger_budgets: Mapping[str, int] | None = None,
) -> AnytimeData:
    """The curves of all methods on all tasks of a frame.

    Each curve is a function of its own method's rows alone: adding a method moves no other.

    Args:
        frame: the tidy frame of a study, rows in any order.
        rule: how incumbents are chosen.
        tops: units of one full evaluation, by task.
        bootstrap_seed: of the intervals; see ``aggregate.BOOTSTRAP_SEED``.
        axis: what the curves run along.
        allow_missing: go on where methods have unequal seeds; the gaps are then named.
        larger_budgets: methods with a multiple of the budget, and that multiple: their axis is
            divided by it, so that they end where the others do.

    Raises:
        StudyError: methods of a task have unequal seeds, or a task's top is not given.
        UsageError: the rule or the axis does not fit the frame.
    """
    missing = require_complete(frame, allow_missing)
    steps: dict[tuple[str, str], dict[Hashable, StepFunction]] = {}
    for (task, method, seed), own in traces(frame, tops, rule):
        factor = (larger_budgets or {}).get(method, 1)
        steps.setdefault((task, method), {})[seed] = own.steps(axis, factor)
    aligned = {key: align(cells, axis) for key, cells in steps.items()}
    curves = tuple(
        MethodCurves(task, method, runs, aggregate(runs, bootstrap_seed))
        for (task, method), runs in aligned.items()
    )
    return AnytimeData(rule, curves, missing)
