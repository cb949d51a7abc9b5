"""What the final configurations are worth when they are retrained, beside what was reported.

A cell's incumbent was chosen among many for its validation loss, and with it for its luck: on
validation it flatters itself. Its test loss does so less, as the choice looked at it only through
the validation loss; fresh training seeds show what is left of either.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.analysis.incumbents.traces import traces
from bohb_study.analysis.statistics.aggregate import BOOTSTRAP_SEED, estimate
from bohb_study.errors import StudyError
from bohb_study.schema import CELL

IDENTITY = ("seq", "config_id", "val_loss", "test_loss")
"""Columns that say which training it was."""


def final_incumbents(frame: pd.DataFrame, tops: Mapping[str, int]) -> pd.DataFrame:
    """What each cell recommends at its end: the incumbent under rule ``full``.

    Args:
        frame: the tidy frame of a study.
        tops: units of one full evaluation, by task.

    Returns:
        One row a cell, sorted: ``task, method, seed`` and the incumbent's ``seq, config_id,
        val_loss, test_loss``; all four are NA where no full evaluation succeeded. The test loss
        may be NA by itself.
    """
    rows = []
    for key, found in traces(frame, tops, "full"):
        last = found.last
        rows.append([*key, *(None if last is None else last[name] for name in IDENTITY)])
    table = pd.DataFrame(rows, columns=[*CELL, *IDENTITY])
    return table.astype({"seq": "Int64", "val_loss": "float64", "test_loss": "float64"})


def finals_summary(
    incumbents: pd.DataFrame, finals: pd.DataFrame, bootstrap_seed: int = BOOTSTRAP_SEED
) -> pd.DataFrame:
    """What each method's final configurations are worth on the test part, retrained.

    A seed's value is the mean of its repetitions; the estimate is over seeds, as that of what was
    reported. Where a training diverged or failed, or a cell of the method has no incumbent or was
    not retrained, there is no estimate: the others would be a better-looking, selected sample.

    Args:
        incumbents: of all cells, from ``final_incumbents``.
        finals: one row a training, from ``store.finals_frame``.
        bootstrap_seed: of the intervals; see ``aggregate.BOOTSTRAP_SEED``.

    Returns:
        One row per task and method that was retrained, sorted:

        * ``task, method``;
        * ``repeats``: the least and the most trainings of a cell, a tuple;
        * ``diverged, failed``: trainings that did, of either kind;
        * ``test_loss, test_low, test_high, label, kind``: of the cells' own split;
        * ``seeds, undefined``: its cells, and those of them without a value;
        * ``all_data, all_data_seed``: test loss of the refit on all training data and the seed
          of the cell whose configuration it was; NaN and None where there is none.

    Raises:
        StudyError: a training is not of its cell's incumbent.
    """
    check_finals(incumbents, finals)
    return pd.DataFrame(
        [
            {"task": task, "method": method} | _method(own, _seeds(incumbents, own), bootstrap_seed)
            for (task, method), own in finals.groupby(["task", "method"], sort=True)
        ]
    )


def check_finals(incumbents: pd.DataFrame, finals: pd.DataFrame) -> None:
    """Raise StudyError for a training that is not of its cell's incumbent."""
    chosen = incumbents.set_index(list(CELL))["config_id"].to_dict()
    for row in finals.to_dict("records"):
        key = tuple(row[name] for name in CELL)
        if chosen.get(key) != row["config_id"]:
            raise StudyError(
                f"{'/'.join(map(str, key))}: its final training is not of its incumbent; run the "
                "same command again"
            )


def _seeds(incumbents: pd.DataFrame, own: pd.DataFrame) -> int:
    """Number of cells of the method whose trainings ``own`` are."""
    task, method = own[["task", "method"]].iloc[0]
    mine = (incumbents["task"] == task) & (incumbents["method"] == method)
    return int(mine.sum())


def _method(own: pd.DataFrame, cells: int, seed: int) -> dict[str, Any]:
    """The trainings of one method on one task as one row."""
    again = own[own["kind"] == "retrained"]
    usable = again.assign(test_loss=again["test_loss"].where(again["status"] == "ok"))
    by_seed = usable.groupby("seed")["test_loss"]
    means = np.full(cells, np.nan)  # a cell that was not retrained leaves a gap
    means[: len(by_seed)] = by_seed.agg(lambda losses: losses.mean(skipna=False))
    over = estimate(means, seed)
    counts = by_seed.size()
    whole = own[(own["kind"] == "all data") & (own["status"] == "ok")]
    return {
        "repeats": (int(counts.min()), int(counts.max())) if len(counts) else (0, 0),
        "diverged": int((own["status"] == "diverged").sum()),
        "failed": int((own["status"] == "failed").sum()),
        "test_loss": over.centre,
        "test_low": over.low,
        "test_high": over.high,
        "label": over.label,
        "kind": over.kind,
        "seeds": over.n,
        "undefined": over.undefined,
        "all_data": float(whole["test_loss"].iloc[0]) if len(whole) else float("nan"),
        "all_data_seed": int(whole["seed"].iloc[0]) if len(whole) else None,
    }
