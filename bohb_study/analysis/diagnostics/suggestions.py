"""Model-based and random suggestions: does the model suggest better configurations than chance?

Methods with a model draw some configurations at random all the time, or to begin with: within one
cell the two kinds compete under the same conditions.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bohb_study.analysis.frame_cells import cells_of, narrow, top_of
from bohb_study.schema import CELL

PARTS = 3
"""Stretches of the budget: what a model has learnt by then differs."""
QUARTILES = (25, 50, 75)
SUMMARY = (*CELL, "part", "model_based", "quantity", "trials", "low", "median", "high")
"""Columns of ``suggestions_summary``."""


def suggestions(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a trial of the cells that have a model.

    Args:
        frame: the tidy frame of a study with all its rows, in any order.

    Returns:
        ``task, method, seed, trial``; ``full_evals`` at its first report; ``level``, the highest
        that it reached, in units; ``val_loss`` there (NaN where it failed); ``true_loss`` (NaN
        where unknown); ``model_based``: whether the model suggested it. Sorted by cell and trial.
    """
    ordered = narrow(frame).sort_values([*CELL, "seq"], kind="stable")
    own = ordered[ordered["model_based"].notna()]
    own = own.assign(val_loss=own["val_loss"].where(own["status"] == "ok"))
    key = [*CELL, "trial"]
    first = own.drop_duplicates(key).set_index(key)
    highest = own.drop_duplicates(key, keep="last")  # a trial's levels rise
    found = highest.set_index(key)[["level", "val_loss", "true_loss"]]
    found.insert(0, "full_evals", first["full_evals"])
    found["model_based"] = first["model_based"].astype(bool)
    return found.sort_index().reset_index()


def suggestions_summary(
    suggested: pd.DataFrame, tops: Mapping[str, int], budget: float, parts: int = PARTS
) -> pd.DataFrame:
    """How good either kind of suggestion was in each stretch of the budget, cell by cell.

    Where the noise-free loss of a task is known it is that of all suggestions. Elsewhere it is the
    validation loss of those that reached full fidelity, which where trials are halved are the best
    of either kind only. A suggestion that failed is worse than all that did not.

    Args:
        suggested: from ``suggestions``.
        tops: units of one full evaluation, by task.
        budget: full evaluations of a cell.
        parts: number of stretches.

    Returns:
        ``SUMMARY``: a row per cell, part (from 1) and kind that has a trial: the ``quantity``
        (``true_loss`` or ``val_loss``), the number of ``trials``, and the quartiles of their loss;
        NaN where so many failed that one falls on them.

    Raises:
        StudyError: a task's top is not given.
    """
    rows = []
    for (task, method, seed), own in cells_of(suggested):
        quantity = quantity_of(own)
        shown = own if quantity == "true_loss" else own[own["level"] == top_of(tops, task)]
        part = np.minimum(shown["full_evals"] * parts // budget, parts - 1).astype("int64") + 1
        for (number, model_based), group in shown.groupby([part, shown["model_based"]], sort=True):
            quartiles = _quartiles(group[quantity].mask(group["val_loss"].isna(), np.inf))
            kind = [number, bool(model_based), quantity, len(group)]
            rows.append([task, method, seed, *kind, *quartiles])
    found = pd.DataFrame(rows, columns=list(SUMMARY))
    text, whole, real = ("task", "method", "quantity"), ("seed", "part", "trials"), SUMMARY[-3:]
    return found.astype(
        dict.fromkeys(text, "str")
        | dict.fromkeys(whole, "int64")
        | dict.fromkeys(real, "float64")
        | {"model_based": "bool"}
    )


def _quartiles(losses: "pd.Series[float]") -> list[float]:
    """The quartiles of losses of which some may be infinite; NaN for those that then would be."""
    finite = losses.where(np.isfinite(losses), losses[np.isfinite(losses)].max())
    found = np.percentile(finite, QUARTILES)
    beyond = np.isinf(np.percentile(losses, QUARTILES, method="higher"))
    return [float(one) for one in np.where(beyond, np.nan, found)]


def quantity_of(suggested: pd.DataFrame) -> str:
    """The loss by which suggestions on one task are compared."""
    return "true_loss" if suggested["true_loss"].notna().all() else "val_loss"
