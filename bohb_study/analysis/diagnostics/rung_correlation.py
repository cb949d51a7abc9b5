"""Rank correlation between rungs: does a cheap evaluation show which configuration is good?

What a method evaluates at two rungs is a selected sample. Successive halving sends only the best
of a rung on, and a model draws most configurations where losses are low: in such a sample the
losses range less, and their correlation is nearer to 0 than that of random configurations (range
restriction). Only a sample with ``selected`` False says how a task's fidelities agree.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, kendalltau, rankdata

from bohb_study.analysis.frame_cells import cells_of, narrow
from bohb_study.analysis.statistics.bootstrap import RESAMPLES
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError
from bohb_study.schema import CELL
from bohb_study.seeding import derive

LEAST = 4
"""Configurations from which a correlation is given."""
COLUMNS = (
    *CELL, "lower", "upper", "reached", "both", "selected", "spearman", "kendall", "low", "high",
    "off_ledger",
)  # fmt: skip
"""Of a frame of correlations; see ``rung_correlations``."""

_TYPES = {
    "seed": "int64", "lower": "int64", "upper": "int64", "reached": "int64", "both": "int64",
    "selected": "bool", "off_ledger": "bool",
    **dict.fromkeys(("spearman", "kendall", "low", "high"), "float64"),
}  # fmt: skip


class WithTop(NamedTuple):
    """How alike one rung and the top rank random configurations."""

    level: int
    """In units."""
    spearman: float
    kendall: float
    low: float
    """Of the 95 % bootstrap interval of Spearman's correlation over configurations."""
    high: float


class Correlation(NamedTuple):
    """How two rungs rank the same configurations; NaN where that cannot be said."""

    spearman: float
    kendall: float
    """Tau-b, which allows for ties."""


def rung_correlations(frame: pd.DataFrame, rungs: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """The correlation of validation losses between each pair of rungs, cell by cell.

    A configuration counts once however often it was suggested: the same configuration has the same
    losses. One that diverged or failed ranks behind all that did not.

    Args:
        frame: the tidy frame of a study with all its rows, in any order.
        rungs: levels of the rungs of each task, ascending, the top last.

    Returns:
        One row per cell and pair of rungs that some configuration reached both of, ``COLUMNS``:

        * ``task, method, seed, lower, upper``: the cell, and the two levels in units;
        * ``reached``: configurations that were evaluated at the lower level; ``both``: at both;
        * ``selected``: some of those at the lower level were stopped or left paused before the
          upper one, or a model suggested configurations: the sample is not a random one;
        * ``spearman, kendall``: NaN below ``LEAST`` configurations, or where all losses of a rung
          are equal;
        * ``low, high``: NaN; ``off_ledger``: False.

    Raises:
        StudyError: a task's rungs are not given.
    """
    rows = []
    for (task, method, seed), cell in cells_of(narrow(frame)):
        if task not in rungs:
            raise StudyError(f"task {task}: its rungs are not known")
        for lower, upper, *found in _of_cell(cell, rungs[task]):
            rows.append([task, method, seed, lower, upper, *found, np.nan, np.nan, False])
    return correlation_frame(rows)


def correlation_frame(rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """Rows in the order of ``COLUMNS`` as a typed frame."""
    frame = pd.DataFrame([list(row) for row in rows], columns=list(COLUMNS))
    return frame.astype({"task": "str", "method": "str", **_TYPES})


def _of_cell(cell: pd.DataFrame, rungs: Sequence[int]) -> list[tuple[object, ...]]:
    """(lower, upper, reached, both, selected, spearman, kendall) of each pair that has any."""
    ordered = cell.sort_values("seq", kind="stable")
    by_model = bool(ordered["model_based"].fillna(False).any())
    last = ordered.drop_duplicates("trial", keep="last")
    dropped = set(last.loc[last["decision"].isin(["stop", "pause"]), "config_id"])
    at_rung = ordered[ordered["level"].isin(rungs)].drop_duplicates(["config_id", "level"])
    failed = at_rung["status"] != "ok"
    at_rung = at_rung.assign(val_loss=at_rung["val_loss"].mask(failed, np.inf))
    # one column a level, NaN where a configuration was not evaluated there
    losses = at_rung.pivot_table(
        index="config_id", columns="level", values="val_loss", aggfunc="first"
    )
    levels = [int(level) for level in losses.columns]
    column = dict(zip(levels, losses.to_numpy(dtype=np.float64).T, strict=True))
    was_dropped = losses.index.isin(dropped)
    found: list[tuple[object, ...]] = []
    for lower, upper in combinations([level for level in rungs if level in column], 2):
        at_lower = ~np.isnan(column[lower])
        both = at_lower & ~np.isnan(column[upper])
        if both.any():
            selected = by_model or bool((was_dropped & at_lower & ~both).any())
            x, y = column[lower][both], column[upper][both]
            counts = int(at_lower.sum()), int(both.sum())
            found.append((lower, upper, *counts, selected, *correlate(x, y)))
    return found


def correlate(x: Floats, y: Floats) -> Correlation:
    """The two rank correlations of paired losses, each of shape (n,); infinite ones rank last."""
    x, y = rankdata(x), rankdata(y)
    if len(x) < LEAST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlation(np.nan, np.nan)
    return Correlation(float(spearman(x, y)), float(kendalltau(x, y).statistic))


def spearman(x: Floats, y: Floats, axis: int = -1) -> Floats:
    """Spearman's correlation along an axis: the correlation of ranks, ties at their mean rank.

    Args:
        x: of any shape.
        y: of the same shape.
        axis: the one along which losses are paired.

    Returns:
        The shape without that axis; NaN where x or y is constant.
    """
    ranks = [rankdata(values, axis=axis).astype(np.float64) for values in (x, y)]
    a, b = (rank - rank.mean(axis=axis, keepdims=True) for rank in ranks)
    scale = np.sqrt((a * a).sum(axis=axis) * (b * b).sum(axis=axis))
    together = (a * b).sum(axis=axis)
    found: Floats = np.full(np.shape(together), np.nan)
    np.divide(together, scale, out=found, where=scale > 0)
    return found


def correlations_with_top(
    losses: Floats, levels: Sequence[int], task: str, seed: int
) -> list[WithTop]:
    """The correlation of each rung below the top with it; none of a single fidelity.

    Args:
        losses: of configurations that no method has selected, at every rung, shape (n, rungs);
            infinite where an evaluation failed.
        levels: of the rungs, ascending, the top last.
        task: its name, which with ``seed`` and the level seeds the bootstrap.
        seed: the study's.
    """
    found = []
    for level, at_level in zip(levels[:-1], losses.T, strict=False):
        x, y = at_level, losses[:, -1]
        ends = spearman_interval(x, y, derive("bootstrap", task, seed, level))
        found.append(WithTop(level, *correlate(x, y), *ends))
    return found


def spearman_interval(x: Floats, y: Floats, seed: int) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of Spearman's correlation over configurations.

    Args:
        x: losses at one rung, shape (n,).
        y: losses of the same configurations at another.
        seed: of the bootstrap.

    Returns:
        Its ends; NaN where there is no correlation.
    """
    if np.isnan(correlate(x, y).spearman):
        return np.nan, np.nan
    resampled = bootstrap(
        (x, y),
        spearman,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).bootstrap_distribution
    # of few configurations a resample can be one of them again and again, without a correlation
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)
