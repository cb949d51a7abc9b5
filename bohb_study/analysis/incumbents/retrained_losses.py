"""Validation losses of final configurations that were trained again: without the winner's curse.

A cell's incumbent was chosen among many for its validation loss, and so for its luck; a method that
looks at more trainings chooses more luck. Trained again with fresh seeds the same configuration
shows what it is worth, to the choice's own measure. So where all incumbents of a task were
retrained, methods are compared by these losses at the end of the budget, and what the chosen
trainings said stands beside it.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bohb_study.analysis.incumbents.final_incumbents import check_finals, final_incumbents
from bohb_study.analysis.incumbents.rules import main_rule

Retrained = Mapping[str, pd.DataFrame]
"""Task -> losses: one row a seed, one column a method; infinite where there is none."""

RETRAINED, CHOSEN = "retrained", "chosen training"
"""By which loss incumbents are compared."""


def retrained_losses(
    frame: pd.DataFrame, tops: Mapping[str, int], finals: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """What the final configurations of each task are worth on validation, retrained.

    A cell's loss is the mean of its trainings; infinite where one of them diverged or failed, or
    the cell has no incumbent.

    Args:
        frame: the tidy frame of a study, without methods that are not compared.
        tops: units of one full evaluation, by task.
        finals: one row a training, from ``store.finals_frame``; None where none was retrained.

    Returns:
        Of the tasks whose main rule is ``full`` and all of whose incumbents were retrained.

    Raises:
        StudyError: a training is not of its cell's incumbent.
    """
    if finals is None or finals.empty:
        return {}
    again = finals[finals["kind"] == "retrained"]
    found = {}
    for name, own in frame.groupby("task", sort=True):
        task = str(name)
        mine = again[(again["task"] == task) & again["method"].isin(own["method"].unique())]
        if mine.empty or main_rule(own) != "full":
            continue
        incumbents = final_incumbents(own, tops)
        check_finals(incumbents, mine)
        losses = mine["val_loss"].where(mine["status"] == "ok", np.inf)
        means = losses.groupby([mine["method"], mine["seed"]]).mean()
        keys = pd.MultiIndex.from_frame(incumbents[["method", "seed"]])
        by_cell = means.reindex(keys)
        trained = incumbents["config_id"].notna().to_numpy()
        if by_cell[trained].isna().any():
            continue  # some were not retrained: the task is compared by what was chosen
        cells = incumbents.assign(loss=by_cell.fillna(np.inf).to_numpy())
        found[task] = cells.pivot_table(index="seed", columns="method", values="loss")
    return found


def with_retrained(readings: pd.DataFrame, retrained: Retrained, at: float) -> pd.DataFrame:
    """The readings of ``incumbent_at``, those of one moment replaced where there are others.

    Args:
        readings: ``task, method, seed, at, value``.
        retrained: from ``retrained_losses``.
        at: the end of the budget.
    """
    value = readings["value"].to_numpy(dtype=np.float64).copy()
    moment = (readings["at"] == at).to_numpy()
    for task, losses in retrained.items():
        mine = np.flatnonzero(moment & (readings["task"] == task).to_numpy())
        cells = readings.iloc[mine]
        seeds = losses.index.get_indexer(pd.Index(cells["seed"]))
        value[mine] = losses.to_numpy()[
            seeds, losses.columns.get_indexer(pd.Index(cells["method"]))
        ]
    return readings.assign(value=value)
