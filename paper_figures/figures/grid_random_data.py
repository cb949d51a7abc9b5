"""What grid and random tried in one cell, projected on two hyperparameters; computed, not drawn."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import kstest, spearmanr

from bohb_study.arrays import Bools, Floats
from bohb_study.errors import StudyError
from bohb_study.numbers import stable
from bohb_study.schema import HP
from paper_figures.figure_study import FigureStudy, FigureTask

METHODS = ("grid", "random")
DISTINCT = 10
"""Values of a hyperparameter that random must have tried for it to be an axis."""


@dataclass(frozen=True, eq=False)
class Tried:
    """The configurations of one method that reached full fidelity; n of them."""

    method: str
    x: Floats
    y: Floats
    """Values of the two hyperparameters, both of shape (n,)."""
    loss: Floats
    """At full fidelity, shape (n,)."""
    ok: Bools
    """Whether the loss is a result and does not stand for a training that failed, shape (n,)."""


@dataclass(frozen=True, eq=False)
class Projection:
    """One cell of each method on two hyperparameters."""

    task: FigureTask
    seed: int
    names: tuple[str, str]
    """The hyperparameters on x and y; the loss depends more on the first."""
    correlations: tuple[float, float]
    """Spearman correlation of each with the loss among random's trials."""
    logs: tuple[bool, bool]
    """Whether each is drawn on a logarithmic axis."""
    methods: tuple[Tried, ...]


def projection(study: FigureStudy) -> Projection:
    """The first task and seed of which grid and random are stored whole.

    The axes are the two numerical hyperparameters with the largest absolute Spearman correlation
    with the loss among random's trials that came to a result, of those of which random tried more
    than ``DISTINCT`` values. An axis is logarithmic where random's values are the more evenly
    spread on that scale.

    Raises:
        StudyError: no such cell is stored whole, or it has no two such hyperparameters.
    """
    for task in study.tasks:
        own = study.derived_frame("whole")
        if not own.empty:
            full = (own["task"] == task.name) & (own["level"] == task.top)
            own = own[full & own["method"].isin(METHODS)]
            counts = own.groupby("seed")["method"].nunique()
            seeds = counts.index[counts == len(METHODS)]
            if len(seeds):
                return _of_cell(own[own["seed"] == min(seeds)], task, int(min(seeds)))
    raise StudyError("grid-random: no cell of both grid and random is stored with all its rows")


def _of_cell(rows: pd.DataFrame, task: FigureTask, seed: int) -> Projection:
    random = rows[(rows["method"] == "random") & (rows["status"] == "ok")]
    found = {}
    for column in (name for name in rows if str(name).startswith(HP)):
        values = random[column].dropna()
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > DISTINCT:
            loss = random.loc[values.index, "val_loss"]
            found[str(column)] = _correlation(values.astype("float64"), loss)
    if len(found) < 2:
        raise StudyError(
            f"grid-random: {task.name} has {len(found)} numerical hyperparameters of which random "
            f"tried more than {DISTINCT} values; two are needed"
        )
    # of equals, as stored
    first, second = sorted(found, key=lambda name: -abs(stable(found[name])))[:2]
    return Projection(
        task,
        seed,
        (first.removeprefix(HP), second.removeprefix(HP)),
        (found[first], found[second]),
        (_is_log(random[first]), _is_log(random[second])),
        tuple(_tried(rows[rows["method"] == name], name, first, second) for name in METHODS),
    )


def _correlation(values: "pd.Series[float]", losses: "pd.Series[float]") -> float:
    """Spearman's; 0 where all losses are equal."""
    return 0.0 if losses.min() == losses.max() else float(spearmanr(values, losses).statistic)


def _tried(rows: pd.DataFrame, method: str, first: str, second: str) -> Tried:
    drawn = rows.sort_values("seq").dropna(subset=[first, second])
    x, y, loss = (drawn[name].to_numpy(dtype=np.float64) for name in (first, second, "val_loss"))
    return Tried(method, x, y, loss, (drawn["status"] == "ok").to_numpy(dtype=bool))


def _is_log(values: "pd.Series[float]") -> bool:
    """Whether the values are nearer to an even spread on a logarithmic scale than as they are."""
    plain = np.asarray(values.dropna(), dtype=np.float64)
    if plain.min() <= 0:
        return False
    return _unevenness(np.log(plain)) < _unevenness(plain)


def _unevenness(values: npt.NDArray[np.floating]) -> float:
    low, high = values.min(), values.max()
    return float(kstest((values - low) / (high - low), "uniform").statistic)
