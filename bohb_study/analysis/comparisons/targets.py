"""Which targets each cell reached, and when: empirical distributions of runtimes.

As COCO does it (Hansen et al., COCO: a platform for comparing continuous optimizers in a black-box
setting, Optimization Methods and Software 36(1), 2021): 51 targets a task, evenly spaced on a
logarithmic scale, and the share of all (task, seed, target) that was reached at a given cost.
COCO's targets are distances to the optimum from 1e2 to 1e-8. Losses of trainings have scales of
their own and a floor of noise, so that targets are normalised here: from 1, the median random
configuration, down to 1e-2, a hundredth of its distance to the best known.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bohb_study.analysis.frame_cells import require_complete
from bohb_study.analysis.incumbents.rules import Rule
from bohb_study.analysis.incumbents.step_functions import Axis
from bohb_study.analysis.incumbents.traces import traces
from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.analysis.statistics.stratified import Runs, Spread, family_weights, spread
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError

LEVELS: Floats = np.logspace(0, -2, 51)
"""The targets, as normalised losses."""


def runtimes(
    frame: pd.DataFrame,
    tops: Mapping[str, int],
    references: Mapping[str, Reference],
    rule: Rule | None = None,
    *,
    axis: Axis = "full_evals",
    larger_budgets: Mapping[str, int] | None = None,
    allow_missing: bool = False,
    levels: Floats = LEVELS,
    held: bool = True,
) -> pd.DataFrame:
    """What each cell paid for each target, on the tasks that have a reference.

    Args:
        frame: the tidy frame of a study, rows in any order, whole or compacted.
        tops: units of one full evaluation, by task.
        references: what losses are normalised with, by task.
        rule: how incumbents are chosen; default: each task's main rule.
        axis: what a runtime is counted in.
        larger_budgets: methods with a multiple of the budget, and that multiple: their runtimes are
            divided by it.
        allow_missing: go on where methods have unequal seeds.
        levels: the targets as normalised losses, shape (k,).
        held: a target counts from where it is held to the end of the cell; else from where it is
            first reached, be it lost again.

    Returns:
        k rows a cell: ``task, method, seed, target, runtime``, the place of the report from which
        on the incumbent's value stays at or below the target, or first is; infinite where it never
        does.

    Raises:
        StudyError: methods of a task have unequal seeds, or no task has a reference.
    """
    known = frame[frame["task"].isin(list(references))]
    if known.empty:
        raise StudyError("no task has a reference: there are no targets")
    require_complete(known, allow_missing)
    parts = []
    for (task, method, seed), own in traces(known, tops, rule):
        reference = references[task]
        losses = reference.best + levels * (reference.median - reference.best)
        steps = own.steps(axis, (larger_budgets or {}).get(method, 1))
        when = steps.held_at_or_below if held else steps.first_at_or_below
        cell = {"task": task, "method": method, "seed": seed, "target": levels}
        parts.append(pd.DataFrame({**cell, "runtime": when(losses)}))
    return pd.concat(parts, ignore_index=True)


def reached(times: pd.DataFrame) -> pd.DataFrame:
    """The share of targets that each method had reached, as a step function of the cost.

    Families count alike, in a family its tasks, in a task its seeds and targets.

    Args:
        times: from ``runtimes``; a method's share is over the tasks that it has.

    Returns:
        ``method, x, share``, sorted: from each ``x`` on, ``share`` of the targets are reached.
        Before a method's first x it is 0. A method that reached none has no row.
    """
    parts = []
    for _, own in times.groupby("method", sort=True):
        weights = family_weights(own["task"].unique().tolist())
        counts = own.groupby("task")["runtime"].transform("size")
        parts.append(own.assign(share=own["task"].map(weights) / counts))
    weighted = pd.concat(parts)
    finite = weighted[np.isfinite(weighted["runtime"])]
    steps = finite.groupby(["method", "runtime"], sort=True)["share"].sum()
    cumulated: pd.Series[float] = steps.groupby("method").cumsum().clip(upper=1.0)
    return cumulated.rename_axis(["method", "x"]).reset_index()


def reached_spread(times: pd.DataFrame, at: Floats, seed: int) -> Spread:
    """How sure the share is that one method had reached at each of some costs.

    Args:
        times: from ``runtimes``, of one method.
        at: the costs, shape (g,), ascending.
        seed: of the bootstrap; see ``aggregate.BOOTSTRAP_SEED``.

    Returns:
        Ends of shape (g,): of the bootstrap over seeds, drawn anew within each task, or of the
        seeds' own shares where seeds are few.

    Raises:
        StudyError: as ``stratified.spread``.
    """
    runs = {}
    for task, own in times.groupby("task", sort=True):
        cells = {int(str(n)): np.sort(cell) for n, cell in own.groupby("seed")["runtime"]}
        shares = [np.searchsorted(cell, at, side="right") / len(cell) for cell in cells.values()]
        runs[str(task)] = Runs(tuple(cells), np.array(shares))
    return spread(runs, family_weights(list(runs)), seed)
