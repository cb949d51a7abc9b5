"""Each cell's incumbent as a step function: what areas, targets and speed-ups are read from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bohb_study.analysis.frame_cells import narrow
from bohb_study.analysis.incumbents.alignment import Axis
from bohb_study.analysis.incumbents.rules import Rule, chosen, main_rule
from bohb_study.errors import StudyError, UsageError
from bohb_study.numbers import stables
from bohb_study.schema import CELL

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellSteps:
    """What one cell had found after each of its n reports."""

    task: str
    method: str
    seed: int
    x: Floats
    """Where the reports stand on the axis, ascending, shape (n,)."""
    full_evals: Floats
    """The same in full evaluations."""
    y: Floats
    """Plotted value of the incumbent from there on, shape (n,); NaN while there is none."""

    def first(self, levels: Floats) -> Floats:
        """Where on the axis the running minimum is first at or below each level.

        Of several reports at one place the last counts, as where the steps are drawn: what workers
        report at the same second is one step, and a value between them held for no time.

        Args:
            levels: of any order, shape (k,); NaN is never reached.

        Returns:
            Shape (k,); infinite where it never is.
        """
        held = np.append(self.x[1:] != self.x[:-1], True)
        lowest = np.minimum.accumulate(np.where(np.isnan(self.y), np.inf, self.y)[held])
        # rounded: a target is a mean, whose last bits are not to decide whether it was reached
        # the negative ascends: the first that is not above -level from the left
        at = np.searchsorted(-stables(lowest), -stables(levels), side="left")
        return np.append(self.x[held], np.inf)[at]


def cell_steps(
    frame: pd.DataFrame,
    tops: Mapping[str, int],
    rule: Rule | None = None,
    *,
    axis: Axis = "full_evals",
    larger_budgets: Mapping[str, int] | None = None,
) -> list[CellSteps]:
    """The incumbents of every cell, sorted by task, method and seed.

    Args:
        frame: the tidy frame of a study, rows in any order, whole or thinned.
        tops: units of one full evaluation, by task.
        rule: how incumbents are chosen; each task's main rule where not given.
        axis: what the steps run along.
        larger_budgets: methods with a multiple of the budget, and that multiple: their axes are
            divided by it, as in ``curves.anytime``.

    Raises:
        StudyError: a task's top is not given, or a level lies above it.
        UsageError: the rule or the axis does not fit the frame.
    """
    return [
        step
        for task, own in narrow(frame).groupby("task", sort=True)
        for step in _of_task(str(task), own, tops, rule, axis, larger_budgets or {})
    ]


def _of_task(
    task: str,
    own: pd.DataFrame,
    tops: Mapping[str, int],
    rule: Rule | None,
    axis: Axis,
    larger_budgets: Mapping[str, int],
) -> Iterator[CellSteps]:
    if task not in tops:
        raise StudyError(f"task {task}: the cost of one full evaluation is not known")
    top, rule = tops[task], rule or main_rule(own)
    if own["level"].max() > top:
        raise StudyError(f"task {task}: a level lies above the {top} units of a full evaluation")
    if rule == "validated" and own["true_loss"].isna().all():
        raise UsageError(f"rule 'validated' needs true_loss, which {task} does not know")
    if axis == "virtual_seconds" and own[axis].isna().any():
        raise UsageError(f"task {task}: its virtual seconds are not known; use full evaluations")
    rows = own.sort_values([*CELL, "seq"], kind="stable", ignore_index=True)
    value = rows["true_loss" if rule == "validated" else "val_loss"].to_numpy(dtype=np.float64)
    evals = rows["units_total"].to_numpy(dtype=np.float64) / top
    places = evals if axis == "full_evals" else rows[axis].to_numpy(dtype=np.float64)
    looked_at = rows[["level", "val_loss", "status"]]
    # one cell after the other: to build a frame of each incumbent takes most of the time
    for at in rows.groupby(["method", "seed"], sort=True).indices.values():
        held = chosen(looked_at.iloc[at[0] : at[-1] + 1], rule, top)
        y = np.where(held >= 0, value[at][held], np.nan)
        method, seed = str(rows["method"].iloc[at[0]]), int(rows["seed"].iloc[at[0]])
        factor = larger_budgets.get(method, 1)
        yield CellSteps(task, method, seed, places[at] / factor, evals[at] / factor, y)
