"""The table at the end of a study: one row per task and method."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from bohb_study.analysis.frame_cells import require_complete
from bohb_study.analysis.incumbents.traces import IncumbentTrace, traces
from bohb_study.analysis.statistics.aggregate import BOOTSTRAP_SEED, Estimate, estimate
from bohb_study.budget import Account
from bohb_study.errors import StudyError
from bohb_study.schema import CellKey

Which = Literal["val", "test"]
"""The loss by which is chosen, or the one that is only ever reported."""


def summary(
    frame: pd.DataFrame,
    ledgers: Mapping[CellKey, Account],
    tops: Mapping[str, int],
    bootstrap_seed: int = BOOTSTRAP_SEED,
    *,
    allow_missing: bool = False,
) -> pd.DataFrame:
    """What each method did and found, over its seeds.

    Args:
        frame: the tidy frame of a study, rows in any order.
        ledgers: the account of each (task, method, seed).
        tops: units of one full evaluation, by task.
        bootstrap_seed: of the intervals; see ``aggregate.BOOTSTRAP_SEED``.
        allow_missing: go on where methods have unequal seeds; ``seeds`` then says so.

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
    cells = pd.DataFrame([_cell(key, own, ledgers) for key, own in traces(frame, tops, "full")])
    return pd.DataFrame(
        [
            {"task": task, "method": method} | _over_seeds(own, bootstrap_seed)
            for (task, method), own in cells.groupby(["task", "method"], sort=True)
        ]
    )


def _cell(
    key: CellKey, found: IncumbentTrace, ledgers: Mapping[CellKey, Account]
) -> dict[str, Any]:
    """What one cell contributes to the table."""
    task, method, seed = key
    if key not in ledgers:
        raise StudyError(f"cell {task}/{method}/{seed}: its ledger is missing")
    rows = found.reports
    return {
        "task": task,
        "method": method,
        "trials": rows["trial"].nunique(),
        "charged": ledgers[key].charged,
        "unspent": ledgers[key].unspent,
        "train_seconds": rows["train_seconds"].sum(),
        "search_seconds": rows["search_seconds"].sum(),
        "val_loss": found.value[-1],
        "test_loss": found.of_incumbent("test_loss")[-1],
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


def loss_over_seeds(row: "Mapping[str, Any] | pd.Series", which: Which) -> Estimate:
    """One of the two losses in a row of ``summary``."""
    centre, low, high = (float(row[f"{which}_{part}"]) for part in ("loss", "low", "high"))
    undefined = int(row["undefined" if which == "val" else "test_undefined"])
    return Estimate(centre, low, high, row["kind"], row["label"], int(row["seeds"]), undefined)
