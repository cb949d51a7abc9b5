"""Did the trials with the lowest validation losses of their rung go on, and no others?

Read off the rows alone, by a plain reading of each rule: whoever decides by another number, a test
loss say, lets a trial go on that should not.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf
from sys import float_info

import numpy as np
import pandas as pd

from bohb_study.analysis.frame_cells import cells_of
from bohb_study.arrays import Floats
from bohb_study.audit.evidence import Checked, Evidence, Finding, MethodFacts, TaskFacts, more

CHECK = "promotions"
EQUAL = 1e-9
"""Relative difference within which a loss is at a cutoff, which an interpolation has rounded."""

Wrong = Iterator[tuple[int, str]]
"""Seed, and what is wrong."""


def check_promotions(study: Evidence) -> Checked:
    """Every promotion is one that the method's own rule allows, by the validation losses."""
    checked = Checked()
    without = []
    for task, method in study.pairs():
        facts = study.methods[method]
        rule = _RULES.get(facts.halving or "")
        if rule is None or len(study.tasks[task].costs) < 2:
            without.append(method)
            continue
        rows = study.rows(task, method)
        rows = rows[rows["rung"].notna()]
        checked.places += rows["seed"].nunique()
        if rows.empty:
            continue
        wrong = list(rule(rows, study.rows(task, method), study.tasks[task], facts, task))
        if wrong:
            seed, what = wrong[0]
            text = f"seed {seed}: {what}{more(len(wrong) - 1)}"
            checked.findings.append(Finding(CHECK, f"{task}/{method}", text))
    if without:
        names = ", ".join(dict.fromkeys(without))
        checked.notes.append(f"not applicable: {names}: no halving that is known here")
    return checked


def _losses(rows: pd.DataFrame) -> Floats:
    """Validation losses; infinite where there is none, so that it ranks last."""
    loss = rows["val_loss"].to_numpy(dtype=np.float64)
    return np.where((rows["status"] == "ok").to_numpy(dtype=bool), loss, inf)


def _brackets(
    rows: pd.DataFrame, whole: pd.DataFrame, task: TaskFacts, method: MethodFacts, name: str
) -> Wrong:
    """Successive halving: of a bracket's rung at most the planned number goes on, the lowest.

    Args:
        rows: at rungs.
        whole: all rows of the method on the task.
        task: where its rungs are.
        method: its plan.
        name: of the task.
    """
    plan = method.plans.get(name)
    if plan is None:
        return
    own = rows[rows["bracket"].notna()]
    # a method that waits reports once at each rung
    own = own.drop_duplicates(["seed", "trial", "level"])
    bracket = own["bracket"].to_numpy(dtype=np.int64)
    seed, level = (own[column].to_numpy(dtype=np.int64) for column in ("seed", "level"))
    loss = _losses(own)
    reached = whole.groupby(["seed", "trial"])["level"].max()
    last = reached.reindex(pd.MultiIndex.from_frame(own[["seed", "trial"]])).to_numpy()
    places: dict[tuple[int, int], int] = {}
    for number, rungs in enumerate(plan):
        for (at, _), (_, go_on) in pairwise(rungs):
            places[number, at] = go_on
    order = np.lexsort((loss, level, bracket, seed))
    same = np.ones(len(order), dtype=bool)
    for column in (seed, bracket, level):
        same[1:] &= np.diff(column[order]) == 0
    starts = np.flatnonzero(~same | (np.arange(len(order)) == 0))
    ends = np.append(starts[1:], len(order))
    for first, end in zip(starts.tolist(), ends.tolist(), strict=True):
        group = order[first:end]
        one = group[0]
        go_on = places.get((int(bracket[one]) % len(plan), int(level[one])), len(group))
        if go_on >= len(group):
            continue
        limit = loss[group[go_on - 1]]
        for i in group[(last[group] > level[group]) & (loss[group] > limit)]:
            yield (
                int(seed[one]),
                f"bracket {bracket[one]}, level {level[one]}: trial {own['trial'].iloc[i]} went on "
                f"with {loss[i]:.6g}, where the {go_on} lowest are at most {limit:.6g}",
            )


def _stopping(
    rows: pd.DataFrame, whole: pd.DataFrame, task: TaskFacts, method: MethodFacts, name: str
) -> Wrong:
    """ASHA as Ray has it: a trial goes on at once if it is among the best 1 / eta so far."""
    for (_, _, seed), own in cells_of(rows):
        by_level: dict[int, list[float]] = {}
        ordered = own.sort_values("seq")
        for level, loss, decision, trial in zip(
            ordered["level"].tolist(),
            _losses(ordered).tolist(),
            ordered["decision"].tolist(),
            ordered["trial"].tolist(),
            strict=True,
        ):
            ascending = by_level.setdefault(level, [])
            cutoff = _cutoff(ascending, task.eta)
            insort(ascending, -loss)
            if level == task.top or decision == "end":
                continue
            if abs(-loss - cutoff) <= EQUAL * abs(loss) < inf:
                continue
            expected = "stop" if -loss < cutoff else "promote"
            if decision != expected:
                yield (
                    seed,
                    f"level {level}: trial {trial} with {loss:.6g}, decision {decision}, where the "
                    f"best 1 / {task.eta} so far are at most {-cutoff:.6g}",
                )


def _cutoff(rewards: list[float], eta: int) -> float:
    """The percentile that Ray takes of the rewards of a rung; -inf lets everyone go on."""
    if not rewards:
        return -inf
    place = (len(rewards) - 1) * (1 - 1 / eta)
    index = int(place)
    below, above = rewards[index], rewards[min(index + 1, len(rewards) - 1)]
    if below == -inf:  # a failure stops, where anything else is above it
        return -inf if above == -inf or place == index else -float_info.max
    return below + (above - below) * (place - index)


def _promotion(
    rows: pd.DataFrame, whole: pd.DataFrame, task: TaskFacts, method: MethodFacts, name: str
) -> Wrong:
    """ASHA as its paper has it: whoever goes on was among the best 1 / eta of its rung by then."""
    for (_, _, seed), own in cells_of(rows):
        rungs: dict[int, list[tuple[float, int, int]]] = {}
        promotable: set[tuple[int, int]] = set()
        before: dict[int, int] = {}
        ordered = own.sort_values("seq")
        for number, (level, loss, trial) in enumerate(
            zip(
                ordered["level"].tolist(),
                _losses(ordered).tolist(),
                ordered["trial"].tolist(),
                strict=True,
            )
        ):
            if trial in before and (before[trial], trial) not in promotable:
                yield (
                    seed,
                    f"level {before[trial]}: trial {trial} went on, and was never among the best "
                    f"1 / {task.eta} of those that had reported there",
                )
            before[trial] = level
            rung = rungs.setdefault(level, [])
            entry = (loss, number, trial)
            insort(rung, entry)
            places = len(rung) // task.eta
            # of those within, all but these two were so before
            promotable |= {(level, one[2]) for one in rung[max(0, places - 1) : places]}
            if places and entry <= rung[places - 1]:
                promotable.add((level, trial))


_RULES: dict[str, Callable[..., Wrong]] = {
    "brackets": _brackets,
    "stopping": _stopping,
    "promotion": _promotion,
}
"""By ``Method.halving``."""
