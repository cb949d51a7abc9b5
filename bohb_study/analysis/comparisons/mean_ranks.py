"""Who leads when: ranks of methods over time, over seeds, tasks and families of tasks.

A rank is taken within one task and seed: 1 is the best, ties share their mean, an undefined
incumbent is worse than any defined one. Ranks are averaged over seeds, then over the tasks of a
family, then over families, so that no collection of tasks outvotes the rest by its size.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from bohb_study.analysis.comparisons.endpoint import SHARES
from bohb_study.analysis.frame_cells import require_complete
from bohb_study.analysis.incumbents.at_moment import incumbent_at
from bohb_study.analysis.incumbents.retrained_losses import Retrained, with_retrained
from bohb_study.analysis.incumbents.rules import Rule, main_rule
from bohb_study.analysis.statistics.aggregate import SpreadKind
from bohb_study.analysis.statistics.stratified import Runs, family_weights, spread
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from bohb_study.numbers import stables

POINTS = 200
"""Moments, evenly spaced on a logarithmic axis, at which ranks are taken, besides ``SHARES``."""


@dataclass(frozen=True, eq=False)
class RankCurves:
    """Mean ranks of m methods at g moments."""

    methods: tuple[str, ...]
    """Their names, sorted."""
    shares: Floats
    """Moments as shares of each task's budget, shape (g,); the last is 1."""
    centre: Floats
    """Shape (m, g)."""
    low: Floats
    high: Floats
    kind: SpreadKind
    """What ``low`` and ``high`` are; a range is that of the seeds, each averaged over tasks."""
    seeds: tuple[int, ...]
    """Number of seeds of each task, each number once, ascending."""
    by_task: dict[str, Floats]
    """Mean ranks over seeds on each task, shape (m, g)."""
    left_out: tuple[str, ...]
    """``task/seed`` without all methods; empty unless missing cells were allowed."""

    @property
    def final(self) -> pd.DataFrame:
        """Mean rank over seeds at the whole budget: one row a task, one column a method."""
        rows = [ranks[:, -1] for ranks in self.by_task.values()]
        tasks = pd.Index(list(self.by_task), name="task")
        return pd.DataFrame(rows, index=tasks, columns=list(self.methods))

    def leader(self, share: float, without: str = "") -> tuple[str, float]:
        """The method of the best mean rank at one of ``SHARES``, and that rank.

        Args:
            share: of the budget.
            without: a task that is left out: what the lead rests on.
        """
        tasks = [task for task in self.by_task if task != without]
        weights, at = family_weights(tasks), self.at(share)
        ranks = np.sum([weights[task] * self.by_task[task][:, at] for task in tasks], axis=0)
        best = int(np.argmin(stables(ranks)))
        return self.methods[best], float(ranks[best])

    @property
    def read(self) -> tuple[float, ...]:
        """Those of ``SHARES`` by which every cell had spent one full evaluation."""
        return tuple(share for share in SHARES if share in self.shares)

    def at(self, share: float) -> int:
        """Where ``shares`` has one of ``SHARES``.

        Raises:
            StudyError: every cell had spent less than one full evaluation by then.
        """
        found = np.flatnonzero(self.shares == share)
        if not len(found):
            raise StudyError(f"ranks begin at {self.shares[0]:g} of the budget, after {share:g}")
        return int(found[0])


def common_methods(frame: pd.DataFrame, without: Collection[str] = ()) -> tuple[str, ...]:
    """The methods that every task of the frame has, sorted: what can be ranked together."""
    by_task = [set(own["method"].unique()) for _, own in frame.groupby("task")]
    return tuple(sorted(set.intersection(*by_task) - set(without))) if by_task else ()


def rank_curves(
    frame: pd.DataFrame,
    tops: Mapping[str, int],
    budgets: Mapping[str, float],
    seed: int,
    *,
    rule: Rule | None = None,
    allow_missing: bool = False,
    retrained: Retrained | None = None,
) -> RankCurves:
    """Rank all methods of a frame against each other.

    Args:
        frame: the tidy frame of a study, rows in any order, without methods of a larger budget.
        tops: units of one full evaluation, by task.
        budgets: full evaluations that each cell was allowed, by task.
        seed: of the bootstrap over seeds, stratified by task; see ``aggregate.BOOTSTRAP_SEED``.
        rule: how incumbents are chosen; default: each task's main rule.
        allow_missing: leave out the seeds of a task that lack a method, and name them.
        retrained: losses of final configurations, by task: at the end of the budget they are
            ranked by these; before it, as everywhere else, by what was chosen.

    Raises:
        StudyError: a method has no rows on one of the tasks (see ``common_methods``), methods
            have unequal seeds, or there are fewer than two methods.
    """
    require_complete(frame, allow_missing)
    retrained = retrained or {}
    methods = tuple(sorted(frame["method"].unique()))
    _require_block(frame, methods)
    # every task has spent one full evaluation at the first moment
    first = 1 / min(budgets[task] for task in frame["task"].unique())
    exact = [share for share in SHARES if share > first]
    shares: Floats = np.unique(np.append(np.geomspace(first, 1.0, POINTS), exact))
    runs: dict[str, Runs] = {}
    left_out: list[str] = []
    for name, own in frame.groupby("task", sort=True):
        task = str(name)
        at = shares * budgets[task]
        found = incumbent_at(own, rule or main_rule(own), tops, at.tolist(), budgets[task])
        if task in retrained:
            found = with_retrained(found, {task: retrained[task]}, at[-1])
        values = _values(found, methods, len(shares))
        if not values:
            raise StudyError(f"{task}: no seed has all methods")
        blocks = rankdata([values[number] for number in values], axis=1)
        # sorted, the order of the seeds changes nothing, not even the last bit
        order = np.lexsort(blocks.reshape(len(blocks), -1).T)
        runs[task] = Runs(tuple(list(values)[i] for i in order), blocks[order])
        left_out += [f"{task}/{n}" for n in sorted(set(own["seed"]) - set(values))]
    weights = family_weights(list(runs))
    return RankCurves(
        methods,
        shares,
        np.sum([weights[task] * own.outcomes.mean(axis=0) for task, own in runs.items()], axis=0),
        *spread(runs, weights, seed),
        tuple(sorted({len(own.seeds) for own in runs.values()})),
        by_task={task: own.outcomes.mean(axis=0) for task, own in runs.items()},
        left_out=tuple(left_out),
    )


def _require_block(frame: pd.DataFrame, methods: Sequence[str]) -> None:
    if len(methods) < 2:
        raise StudyError(f"ranks need two methods; only {methods[0]} has rows")
    for task, own in frame.groupby("task", sort=True):
        if absent := sorted(set(methods) - set(own["method"])):
            raise StudyError(
                f"{task}: no rows of {', '.join(absent)}; only methods that every task has can be "
                "ranked together"
            )


def _values(found: pd.DataFrame, methods: Sequence[str], moments: int) -> dict[int, Floats]:
    """Seed -> losses of shape (m, g), infinite where undefined; of seeds that have all methods."""
    # one cell after the other, each at all moments
    losses = found["value"].fillna(np.inf).to_numpy(dtype=np.float64).reshape(-1, moments)
    cells = found.iloc[::moments]
    by_cell = dict(zip(zip(cells["seed"], cells["method"], strict=True), losses, strict=True))
    return {
        int(seed): np.stack([by_cell[seed, method] for method in methods])
        for seed in sorted(cells["seed"].unique())
        if all((seed, method) in by_cell for method in methods)
    }
