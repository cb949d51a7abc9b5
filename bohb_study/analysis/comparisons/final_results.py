"""The table at the end of a study: one row per task and method."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.analysis.frame_cells import Key, cells_of, narrow, require_complete
from bohb_study.analysis.incumbents.rules import incumbent
from bohb_study.analysis.statistics.aggregate import estimate
from bohb_study.budget import Account
from bohb_study.errors import StudyError


def summary(
    frame: pd.DataFrame,
    ledgers: Mapping[Key, Account],
    tops: Mapping[str, int],
    bootstrap_seed: int = 0,
    *,
    allow_missing: bool = False,
) -> pd.DataFrame:
    """What each method did and found, over its seeds.

    Args:
        frame: the tidy frame of a study, rows in any order.
        ledgers: the account of each (task, method, seed).
        tops: units of one full evaluation, by task.
        bootstrap_seed: of the intervals; see ``aggregate.bootstrap_seed``.
        allow_missing: go on where methods have unequal seeds; ``seeds`` then tells.

    Returns:
        One row per task and method, sorted:

        * ``task, method, seeds`` (their number);
        * ``trials, charged, unspent, train_seconds, search_seconds``: sums over the cells;
        * ``val_loss, val_low, val_high``: loss of the incumbent at the end under rule ``full``,
          over seeds; ``test_loss, test_low, test_high``: test loss of the same configurations;
          NaN where a seed has no full-fidelity report that succeeded, or that has no test loss;
        * ``label, kind``: what centre, and low and high, are;
        * ``undefined, test_undefined``: numbers of seeds without either.

    Raises:
        StudyError: methods of a task have unequal seeds, or a ledger or a top is missing.
    """
    require_complete(frame, allow_missing)
    cells = pd.DataFrame([_cell(key, rows, ledgers, tops) for key, rows in cells_of(narrow(frame))])
    return pd.DataFrame(
        [
            {"task": task, "method": method} | _over_seeds(own, bootstrap_seed)
            for (task, method), own in cells.groupby(["task", "method"], sort=True)
        ]
    )


def _cell(
    key: Key,
    rows: pd.DataFrame,
    ledgers: Mapping[Key, Account],
    tops: Mapping[str, int],
) -> dict[str, Any]:
    """What one cell contributes."""
    task, method, seed = key
    if key not in ledgers:
        raise StudyError(f"cell {task}/{method}/{seed}: its ledger is missing")
    if task not in tops:
        raise StudyError(f"task {task}: the cost of one full evaluation is not known")
    last = incumbent(rows, "full", tops[task]).iloc[-1]
    return {
        "task": task,
        "method": method,
        "trials": rows["trial"].nunique(),
        "charged": ledgers[key].charged,
        "unspent": ledgers[key].unspent,
        "train_seconds": rows["train_seconds"].sum(),
        "search_seconds": rows["search_seconds"].sum(),
        "val_loss": last["val_loss"],
        "test_loss": last["test_loss"],
    }


def _over_seeds(cells: pd.DataFrame, seed: int) -> dict[str, Any]:
    """The cells of one method on one task as one row."""
    val = estimate(cells["val_loss"].to_numpy(dtype=np.float64), seed)
    test = estimate(cells["test_loss"].to_numpy(dtype=np.float64), seed)
    sums = ["trials", "charged", "unspent", "train_seconds", "search_seconds"]
    return {
        "seeds": val.n,
        **{name: cells[name].sum() for name in sums},
        "val_loss": val.centre,
        "val_low": val.low,
        "val_high": val.high,
        "test_loss": test.centre,
        "test_low": test.low,
        "test_high": test.high,
        "label": val.label,
        "kind": val.kind,
        "undefined": val.undefined,
        "test_undefined": test.undefined,
    }
