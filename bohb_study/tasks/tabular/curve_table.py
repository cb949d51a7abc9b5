"""A table of curves: what configurations of a task gave at every rung."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.arrays import Floats, Ints
from bohb_study.seeding import Config
from bohb_study.tasks.base import Status, Task
from bohb_study.tasks.ladder import Ladder
from bohb_study.tasks.space_json import space_from_json, space_to_json

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

STATUSES: tuple[Status, ...] = ("ok", "diverged", "failed")
"""By the number that stands for each in ``Curves.status``."""
MOST_SUMMARY = 200
"""Letters of a task's own summary that are kept."""
LEAST_SECONDS = 1e-9
"""Of a step, whatever was measured: time goes on."""


@dataclass(frozen=True)
class About:
    """What a table is of: all that decides what its numbers mean."""

    task: str
    """Name of the task that was evaluated."""
    summary: str
    val_metric: str
    test_metric: str
    unit: str
    """What levels count, in the singular."""
    costs: tuple[int, ...]
    """Units of each rung, the top last."""
    eta: int
    resumable: bool
    """Whether an evaluation that goes on pays the difference alone."""
    computed: bool
    """Whether the task is computed, so that its seconds are those of its model alone."""
    grid_order: tuple[str, ...]
    space: Mapping[str, Any]
    """Of ``space_to_json``."""

    @cached_property
    def ladder(self) -> Ladder:
        """The rungs; evaluations between them were not recorded."""
        return Ladder(self.unit, self.costs, self.eta, curve=False, resumable=self.resumable)

    @cached_property
    def search_space(self) -> "ConfigurationSpace":
        """The task's own; shared, so it is never drawn from."""
        return space_from_json(self.space)


@dataclass(frozen=True, eq=False)
class Curves:
    """What was measured; every array has the shape (configurations, seeds, rungs)."""

    val_loss: Floats
    """NaN where ``status`` is not ok."""
    test_loss: Floats
    """NaN where it is not defined."""
    seconds: Floats
    """Measured, of the step that ended at the rung."""
    modelled: Floats
    """Seconds of that step by the task's own model."""
    status: Ints
    """Places in ``STATUSES``."""


@dataclass(frozen=True, eq=False)
class CurveTable:
    """A table as it was read: configurations in the order of their design, and their curves."""

    sha256: str
    """Of the file."""
    about: About
    configs: tuple[Config, ...]
    curves: Curves

    @cached_property
    def durations(self) -> Floats:
        """Seconds of the step that ends at each rung, shape (configurations, rungs).

        Means over the seeds of what was measured; modelled where the task is computed, and where a
        training failed, for what it measured then is no training.
        """
        curves = self.curves
        failed = curves.status == STATUSES.index("failed")
        modelled = failed | (curves.seconds <= 0) | self.about.computed
        seconds = np.where(modelled, curves.modelled, curves.seconds)
        return np.maximum(_mean_over_seeds(seconds), LEAST_SECONDS)

    @cached_property
    def mean_losses(self) -> Floats:
        """Validation losses over the seeds that have one, shape (configurations, rungs)."""
        return _mean_over_seeds(self.curves.val_loss)

    @cached_property
    def mean_test_losses(self) -> Floats:
        """The same of test losses."""
        return _mean_over_seeds(self.curves.test_loss)


def _mean_over_seeds(values: Floats) -> Floats:
    """Means along the second axis, of what is not NaN; NaN where all is.

    Added one seed after the other, so that the last bit depends on no library's kernels.
    """
    known = ~np.isnan(values)
    total, count = np.zeros(values.shape[::2]), known.sum(axis=1)
    for seed in range(values.shape[1]):
        total += np.where(known[:, seed], values[:, seed], 0.0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def about_task(task: Task) -> About:
    """What a table of ``task`` is of.

    Raises:
        TypeError: a value of its space cannot be written.
    """
    ladder = task.ladder
    return About(
        task.name,
        " ".join(task.summary.split())[:MOST_SUMMARY],
        task.val_metric,
        task.test_metric,
        ladder.unit,
        ladder.costs,
        ladder.eta,
        ladder.resumable,
        task.computed,
        tuple(task.grid_order),
        space_to_json(task.space(0)),
    )
