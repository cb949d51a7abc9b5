"""Tasks that are computed: a loss is a function of configuration, level and seed, nothing more.

Nothing is trained, so nothing resumes and there is no learning curve: an evaluation goes straight
to the level that is asked for, and each level is paid whole.
"""

from abc import abstractmethod
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, derive, trial_seed
from bohb_study.tasks.base import Evaluation, Report, Task, number
from bohb_study.tasks.ladder import Ladder
from bohb_study.tasks.spaces import Given, make_space, names_of

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


@dataclass(frozen=True)
class ComputedTask(Task):
    """A loss that is computed in microseconds; subclasses say what is searched and what is lost.

    Needed are ``hyperparameters``, ``levels`` and ``loss``; all else has defaults.
    """

    name: str = field(default="", kw_only=True)
    lowest_rung: int = field(default=0, kw_only=True)
    """How many of the lowest levels are left out of the ladder."""

    val_metric = "loss"
    eta_of_levels = 3
    """Halving rate of ``levels``."""
    unit = "unit"
    """What the levels count, in the singular."""

    def __post_init__(self) -> None:
        """A task without a name is called as its class; raises UsageError where no rung is left."""
        if not self.name:
            object.__setattr__(self, "name", type(self).__name__)
        levels = self.levels
        if not levels or any(type(level) is not int or level < 1 for level in levels):
            raise UsageError(
                f"{self.name}: levels {levels}: must be whole numbers, at least 1, increasing; "
                "count in a smaller unit where they are fractions"
            )
        most = len(levels) - 1
        if not 0 <= self.lowest_rung <= most:
            raise UsageError(
                f"{self.name}.lowest_rung={self.lowest_rung}: must be 0 to {most}",
                parameter="task_options",
            )

    @property
    @abstractmethod
    def hyperparameters(self) -> Given:
        """The search space: a list, a ConfigurationSpace, or a dict as ConfigSpace takes it.

        The order is the grid's, most important first.
        """

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """Units of each rung, increasing; the last one is a full evaluation."""

    @abstractmethod
    def loss(self, config: Config, level: int, seed: int) -> float:
        """The loss of ``config`` at ``level`` (units); noise, if any, is a function of all three.

        Args:
            config: hyperparameters in plain Python types.
            level: one of ``levels``.
            seed: the STUDY's seed; ``rng`` gives a generator for the three.
        """

    def rng(self, config: Config, level: int, seed: int) -> np.random.Generator:
        """A generator that depends on configuration, level and study seed alone."""
        return np.random.default_rng(derive(trial_seed(self.name, seed, config), level))

    @property
    def summary(self) -> str:
        """The first line of the class's docstring."""
        return (type(self).__doc__ or self.name).strip().splitlines()[0]

    @property
    def test_metric(self) -> str:
        """The validation loss itself: nothing is held out of a formula."""
        return self.val_metric

    @property
    def grid_order(self) -> tuple[str, ...]:
        """All hyperparameters, in the order in which they are given."""
        return names_of(self.hyperparameters)

    @property
    def computed(self) -> bool:
        """Always true: nothing is trained."""
        return True

    @property
    def own_ladder(self) -> Ladder:
        """A rung for each of ``levels`` from ``lowest_rung`` on, each paid whole."""
        levels = self.levels[self.lowest_rung :]
        return Ladder(self.unit, levels, eta=self.eta_of_levels, curve=False, resumable=False)

    def space(self, seed: int) -> "ConfigurationSpace":
        """All of ``hyperparameters``, with their conditions and forbidden clauses, if any."""
        return make_space(self.hyperparameters, seed)

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin evaluating ``config`` under the study's ``seed``; nothing is computed yet."""
        return ComputedEvaluation(self, config, seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        """One modelled second a unit."""
        return float(end)


class ComputedEvaluation(Evaluation):
    """Has no state: each level is evaluated for itself."""

    def __init__(self, task: ComputedTask, config: Config, seed: int) -> None:
        """An evaluation of ``config`` under the study's ``seed``."""
        self._task = task
        self._config = config
        self._seed = seed

    def advance(self, level: int) -> Report:
        """The loss at ``level``; it is the test loss too."""
        begin = perf_counter()
        loss = number(self._task.loss(self._config, level, self._seed), "the loss")
        return Report(loss, loss, perf_counter() - begin, units=level)

    def state(self) -> dict[str, Any]:
        """Nothing has to be kept: an evaluation depends on its arguments alone."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to resume from."""
