"""How many times sooner than random search a method reaches what random search reaches.

The target is random's interquartile mean over seeds at a share of the budget. A cell's time is that
of the report from which on its plotted value stays at or below the target; the cell is censored
where there is none before its budget ends. Where an incumbent's value may rise, as its noise-free
loss may, the first touch of a target says little: one early draw that looked good and was given up
again would count. It is reported beside. The speed-up is the Kaplan-Meier median of random's times
over that of the method's. Random goes through the same estimator, so that its own is 1.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bohb_study.analysis.frame_cells import require_complete
from bohb_study.analysis.incumbents.rules import Rule
from bohb_study.analysis.incumbents.step_functions import Axis, StepFunction
from bohb_study.analysis.incumbents.traces import IncumbentTrace, traces
from bohb_study.analysis.statistics.aggregate import TRIM, iqm, kind_of
from bohb_study.analysis.statistics.bootstrap import observed_interval, resampled_counts
from bohb_study.analysis.statistics.survival import median_time, resampled_medians
from bohb_study.arrays import Bools, Floats
from bohb_study.errors import StudyError

BASE = "random"
"""The method that sets the targets."""
SHARES = (0.25, 0.5, 1.0)
"""Shares of the budget at which it sets one each."""


class _Times(NamedTuple):
    """One method on one task: all of shape (n,), by seed."""

    time: Floats
    """Of the target, or else of the cell's end."""
    reached: Bools


def speedups(
    frame: pd.DataFrame,
    tops: Mapping[str, int],
    budgets: Mapping[str, float],
    bootstrap_seed: int,
    rule: Rule | None = None,
    *,
    axis: Axis = "full_evals",
    larger_budgets: Collection[str] = (),
    allow_missing: bool = False,
) -> pd.DataFrame:
    """The speed-up of every method on the tasks that random search was run on.

    Args:
        frame: the tidy frame of a study, rows in any order, whole or compacted.
        tops: units of one full evaluation, by task.
        budgets: full evaluations that each cell was allowed, by task. What was left of them after
            the last report was too little for another step: a cell ends with them.
        bootstrap_seed: of the intervals; see ``aggregate.BOOTSTRAP_SEED``.
        rule: how incumbents are chosen; default: each task's main rule.
        axis: what times are counted in. The targets are those at a share of the full evaluations.
        larger_budgets: methods with another budget, which are left out.
        allow_missing: go on where methods have unequal seeds.

    Returns:
        One row a task, method and share, sorted:

        * ``task, method, share``, and the ``target`` as a loss;
        * ``seeds, reached``: their number, and that of those that reached the target and held it;
        * ``median, base_median``: Kaplan-Meier medians of the method's times and of random's, in
          units of the axis; infinite where censored;
        * ``speedup``: their ratio; NaN where one of them is censored;
        * ``bound``: what the ratio is below where the method's median is censored, above where
          random's is, as the cells ended; NaN where it is neither or both;
        * ``low, high``: from 10 seeds a 95 % bootstrap over paired seeds, else the range
          of the seeds' own ratios; ``kind`` says which. Where a median is censored, its resample
          counts with the least, or the most, that the ratio can be: ``low`` is 0 or
          ``high`` is infinite where the interval is open;
        * all but the first three and ``seeds`` again with ``first_`` before them: of the times at
          which the target was first reached, be it lost again.

        A target that random has not in every seed is left out.

    Raises:
        StudyError: methods of a task have unequal seeds, or random search is on no task.
    """
    compared = frame[~frame["method"].isin(list(larger_budgets))]
    with_base = set(compared.loc[compared["method"] == BASE, "task"])
    compared = compared[compared["task"].isin(with_base)]
    if compared.empty:
        raise StudyError(f"no task has {BASE}, which sets the targets: there are no speed-ups")
    require_complete(compared, allow_missing)
    cells: dict[str, dict[str, dict[int, IncumbentTrace]]] = {}
    for (task, method, seed), own in traces(compared, tops, rule):
        cells.setdefault(task, {}).setdefault(method, {})[seed] = own
    rows = [
        {"task": task, **row}
        for task, methods in cells.items()
        for row in _of_task(methods, budgets[task], bootstrap_seed, axis)
    ]
    found = pd.DataFrame(rows, columns=["task", *_COLUMNS])
    return found.sort_values(["task", "method", "share"], ignore_index=True)


_OUTCOME = ("reached", "median", "base_median", "speedup", "bound", "low", "high", "kind")
FIRST = "first_"
"""Before the names of columns that are of the first time that a target was reached."""
_COLUMNS = (
    "method", "share", "target", "seeds", *_OUTCOME, *(FIRST + name for name in _OUTCOME)
)  # fmt: skip


def _of_task(
    methods: Mapping[str, Mapping[int, IncumbentTrace]], budget: float, seed: int, axis: Axis
) -> Iterator[dict[str, Any]]:
    seeds = sorted(set().union(*methods.values()))
    for share in SHARES:
        target = target_at([own.steps() for own in methods[BASE].values()], share * budget)
        if np.isnan(target):
            continue
        base, first_base = _times(methods[BASE], seeds, target, budget, axis)
        for method, cells in methods.items():
            own, first = _times(cells, seeds, target, budget, axis)
            at_first = _speedup(first_base, first, seed)
            yield {
                "method": method,
                "share": share,
                "target": target,
                "seeds": len(cells),
                **_speedup(base, own, seed),
                **{FIRST + name: value for name, value in at_first.items()},
            }


def target_at(cells: Sequence[StepFunction], at: float) -> float:
    """What random had after ``at`` full evaluations: the interquartile mean over its cells.

    Args:
        cells: along full evaluations.
        at: the moment.

    Returns:
        The target; NaN where a cell has nothing yet.
    """
    now = [own.at(np.array([min(at, own.x[-1])]))[0] for own in cells]
    values = np.sort(np.array(now, dtype=np.float64))
    if np.isnan(values).any():
        return float("nan")
    out = int(TRIM * len(values))
    # the mean of equal values can round to below them, where no cell would reach it
    return float(np.clip(iqm(values[:, None])[0], values[out], values[-1 - out]))


def _times(
    cells: Mapping[int, IncumbentTrace],
    seeds: Sequence[int],
    target: float,
    budget: float,
    axis: Axis,
) -> tuple[_Times, _Times]:
    """When each seed reached the target for good, and first; a cell that is missing is NaN."""
    held, first, ends = np.full((3, len(seeds)), np.nan)
    level = np.array([target])
    for i, seed in enumerate(seeds):
        if seed in cells:
            own = cells[seed].steps(axis)
            held[i], first[i] = own.held_at_or_below(level)[0], own.first_at_or_below(level)[0]
            ends[i] = max(own.x[-1], budget) if axis == "full_evals" else own.x[-1]
    both = []
    for time in (held, first):
        reached = np.isfinite(time)
        both.append(_Times(np.where(reached, time, ends), reached))
    return both[0], both[1]


def _speedup(base: _Times, own: _Times, seed: int) -> dict[str, Any]:
    mine, others = _median(own), _median(base)
    n = int(np.isfinite(own.time).sum())
    low, high = _interval(base, own, seed) if kind_of(n) == "95 % interval" else _range(base, own)
    both = np.isfinite([mine, others])
    bound = float("nan")
    if both.any() and not both.all():
        bound = (others / np.nanmax(own.time)) if both[1] else (np.nanmax(base.time) / mine)
    return {
        "reached": int(own.reached.sum()),
        "median": mine,
        "base_median": others,
        "speedup": others / mine if both.all() else float("nan"),
        "bound": bound,
        "low": low,
        "high": high,
        "kind": kind_of(n),
    }


def _median(times: _Times) -> float:
    there = np.isfinite(times.time)
    return median_time(times.time[there], times.reached[there])


def _interval(base: _Times, own: _Times, seed: int) -> tuple[float, float]:
    """The 95 % interval of the ratio over resampled seeds, open where censored."""
    # Sorted as pairs, the order of the seeds changes nothing.
    order = np.lexsort([own.reached, own.time, base.reached, base.time])
    counts = resampled_counts(len(order), seed)

    def medians(times: _Times) -> Floats:
        time, reached = times.time[order], times.reached[order]
        there = np.isfinite(time)
        return resampled_medians(time[there], reached[there], counts[:, there])

    ends = float(np.nanmax(base.time)), float(np.nanmax(own.time))
    return observed_interval(*_bounds(medians(base), medians(own), *ends), len(order))


def _range(base: _Times, own: _Times) -> tuple[float, float]:
    """The least and the largest ratio of any seed; the ratio of the medians lies between them."""
    there = np.isfinite(base.time) & np.isfinite(own.time)
    first, mine = (np.where(times.reached, times.time, np.inf)[there] for times in (base, own))
    low, high = _bounds(first, mine, base.time[there], own.time[there])
    return float(low.min(initial=np.inf)), float(high.max(initial=0.0))


def _bounds(
    base: Floats, own: Floats, base_end: Floats | float, own_end: Floats | float
) -> tuple[Floats, Floats]:
    """The least and the most that each base / own can be.

    They are equal where both are known. A time that is not is infinite, and not below its end.
    """
    return np.minimum(base, base_end) / own, base / np.minimum(own, own_end)
