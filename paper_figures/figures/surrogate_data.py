"""BOHB's model as it was at a moment of a run, rebuilt from the rows of one cell.

The searcher's own generator observes the same losses in the same order, so that what it fits is
what the searcher had: the same observations, at the highest fidelity that has enough of them, and
the same bandwidths. Nothing is drawn from it.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bohb_study.arrays import Floats
from bohb_study.errors import StudyError, UsageError
from bohb_study.schema import HP
from bohb_study.tasks import make_task
from paper_figures.figure_study import FigureStudy, FigureTask

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

    from bohb_study.methods.hpbandster.generator import SeededBOHB


METHOD = "bohb"
LATER = (0.1, 1.0)
"""Shares of the budget at the second and the third moment; the first is when a model exists."""
POINTS = 401
"""Of the grid on which densities are computed."""


@dataclass(frozen=True, eq=False)
class Marginal:
    """The model on one hyperparameter at one moment."""

    full_evals: float
    """Full evaluations spent when the model learned last."""
    level: int
    """Fidelity of its observations, in units."""
    unit: Floats
    """The hyperparameter on the unit interval on which the model sees it, shape (g,)."""
    values: Floats
    """The same on the hyperparameter's own scale, shape (g,)."""
    good_at: Floats
    """Observations behind l, on the hyperparameter's own scale."""
    bad_at: Floats
    """Observations behind g."""
    good: Floats
    """l on the unit interval, shape (g,)."""
    bad: Floats
    """g, the same."""

    @property
    def ratio(self) -> Floats:
        """The good over the bad, shape (g,)."""
        ratio: Floats = self.good / self.bad
        return ratio


def space_of(task: str) -> "tuple[ConfigurationSpace, tuple[str, ...]]":
    """The space of a task, and its hyperparameters, most important first.

    Raises:
        StudyError: the task is not known here, or what it needs is not installed.
    """
    try:
        found = make_task(task)
        space = found.space(0)
    except (UsageError, ImportError) as error:
        raise StudyError(f"surrogate: {task}: its space cannot be built here: {error}") from error
    if space.conditions:
        raise StudyError(
            f"surrogate: {task} has hyperparameters that may be inactive; what a model puts in "
            "their place is drawn at random, so that it cannot be rebuilt"
        )
    return space, found.grid_order


def observed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one cell of ``bohb`` that its model observes, in order: those at rungs."""
    return rows[rows["rung"].notna()].sort_values("seq", kind="stable")


def first_model(rows: pd.DataFrame, space: "ConfigurationSpace") -> float:
    """Full evaluations spent when the first model can exist.

    Raises:
        StudyError: it never does.
    """
    from bohb_study.methods.hpbandster.model_after import (
        bohb_model_after,  # takes seconds to import
    )

    seen = observed(rows)
    ready = seen[seen.groupby("level").cumcount() + 1 >= bohb_model_after(len(space))]
    if ready.empty:
        raise StudyError(f"surrogate: {METHOD} never had observations enough for a model")
    return float(ready["full_evals"].iloc[0])


def generator_at(
    rows: pd.DataFrame, space: "ConfigurationSpace", full_evals: float
) -> "SeededBOHB":
    """HpBandSter's generator as the searcher of ``bohb`` had it.

    Args:
        rows: all rows of one cell of ``bohb``.
        space: of its task.
        full_evals: the moment; what was reported at it counts.

    Raises:
        StudyError: a configuration is not of this space, as where the task had other options.
    """
    from bohb_study.methods.hpbandster.generator import SeededBOHB  # takes seconds to import

    seen = observed(rows)
    generator = SeededBOHB(space, seed=0)
    for _, row in seen[seen["full_evals"] <= full_evals].iterrows():
        config = {
            name: plain
            for name, parameter in space.items()
            if (plain := _plain(row[HP + name], parameter)) is not None
        }
        try:
            # what failed is worse than all that did not; only their order matters to the model
            loss = float(row["val_loss"]) if row["status"] == "ok" else float("inf")
            generator.new_result(_job(config, int(row["level"]), loss))
        except ValueError as error:
            raise StudyError(
                f"surrogate: trial {row['trial']} is not of the task's space as it is by default"
            ) from error
    return generator


def _job(config: dict[str, Any], level: int, loss: float) -> SimpleNamespace:
    """What the generator looks at of one of HpBandSter's jobs."""
    # the searcher counts budgets in scheduler time, which rises with the level: only the order
    # of budgets matters
    return SimpleNamespace(
        kwargs={"budget": level, "config": config},
        result={"loss": loss, "info": {}},
        exception=None,
    )


def _plain(value: Any, parameter: "Hyperparameter[Any, Any]") -> Any:
    """A value of a joined frame as its space knows it: columns of several tasks share a type."""
    if pd.isna(value):
        return None
    for choice in getattr(parameter, "choices", ()):
        if choice == value or str(choice) == str(value):
            return choice
    if hasattr(parameter, "choices"):
        return value  # not legal: ConfigSpace says so
    return int(value) if isinstance(parameter.default_value, int) else float(value)


def marginal_at(
    rows: pd.DataFrame, space: "ConfigurationSpace", name: str, full_evals: float
) -> Marginal:
    """The model's two densities on one continuous hyperparameter.

    A density with product kernels has an exact marginal: the mean of the kernels of that one
    dimension, at its observations and with its bandwidth. The others integrate to 1, each over
    the whole line (the model does not cut its kernels at the ends of the unit interval).

    Args:
        rows: all rows of one cell of ``bohb``.
        space: of its task.
        name: the hyperparameter, not a categorical one.
        full_evals: the moment.

    Raises:
        StudyError: there is no model yet, or the rows are not of this space.
    """
    generator = generator_at(rows, space, full_evals)
    if not generator.kde_models:
        raise StudyError(f"surrogate: no model after {full_evals:g} full evaluations")
    level = max(generator.kde_models)
    model = generator.kde_models[level]
    index, parameter = list(space).index(name), space[name]
    unit = np.linspace(0.0, 1.0, POINTS)
    good, bad = (marginal(model[key], index, unit) for key in ("good", "bad"))
    at = [model[key].data[:, index] for key in ("good", "bad")]
    seen = observed(rows)
    last = seen[(seen["full_evals"] <= full_evals) & (seen["level"] == level)]
    values, good_at, bad_at = (
        np.asarray(parameter.to_value(units), dtype=np.float64) for units in (unit, *at)
    )
    when = float(last["full_evals"].iloc[-1])
    return Marginal(when, int(level), unit, values, good_at, bad_at, good, bad)


def marginal(kde: Any, index: int, unit: Floats) -> Floats:
    """The density of one continuous variable of a ``KDEMultivariate``.

    Args:
        kde: ``data`` of shape (n, d) and ``bw`` of shape (d,).
        index: of the variable.
        unit: where to evaluate, shape (g,).

    Returns:
        Shape (g,).
    """
    width = float(kde.bw[index])
    z = (unit[:, np.newaxis] - kde.data[np.newaxis, :, index]) / width
    kernels = np.exp(-0.5 * z**2) / (width * np.sqrt(2 * np.pi))
    density: Floats = kernels.mean(axis=1)
    return density


def moments(
    study: FigureStudy, hyperparameter: str | None = None
) -> tuple[FigureTask, int, str, tuple[Marginal, ...]]:
    """The model of the first cell of ``bohb`` that is stored whole, at three moments.

    Args:
        study: the study.
        hyperparameter: a continuous one; the most important of them, as the task ranks them for
            grid search, by default.

    Returns:
        The task, the seed, the hyperparameter, and its densities: when the first model exists,
        and after the shares ``LATER`` of the budget.

    Raises:
        StudyError: no such cell is stored whole, its space cannot be built here, it has no
            continuous hyperparameter, or there never was a model.
    """
    whole = study.derived_frame("whole")
    own = whole[whole["method"] == METHOD] if len(whole) else whole
    task = next((t for t in study.tasks if len(own) and t.name in set(own["task"])), None)
    if task is None:
        raise StudyError(f"surrogate: no cell of {METHOD} is stored with all its rows")
    rows = own[own["task"] == task.name]
    seed = int(rows["seed"].min())
    rows = rows[rows["seed"] == seed]
    space, order = space_of(task.name)
    continuous = [name for name in order if not hasattr(space[name], "choices")]
    if hyperparameter is None and not continuous:
        raise StudyError(f"surrogate: {task.name} has no continuous hyperparameter")
    name = hyperparameter or continuous[0]
    if name not in continuous:
        raise StudyError(
            f"surrogate: {task.name} has no continuous hyperparameter {name}; "
            f"there are {', '.join(continuous)}"
        )
    when = [first_model(rows, space), *(share * task.budget for share in LATER)]
    return task, seed, name, tuple(marginal_at(rows, space, name, at) for at in when)
