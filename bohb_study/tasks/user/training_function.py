"""A user's own training function as a task, without a class.

Two kinds of function will do:

* A generator ``train(config, seed)`` that yields one report an epoch: the validation loss, or a
  mapping with it. With a third parameter, ``train(config, seed, state=None)``, every report has a
  ``"state"`` with which the function, called again, goes on with the next epoch.
* A function ``train(config)`` as in Ray Tune's tutorials, which calls ``tune.report`` once an epoch
  and goes on from ``tune.get_checkpoint``. Only engine ``tune`` runs it.
"""

import inspect
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal

from ConfigSpace import ConfigurationSpace

from bohb_study.errors import StudyError, UsageError
from bohb_study.seeding import Config, retraining_seed, trial_seed
from bohb_study.tasks.base import Evaluation, Task, defined, number
from bohb_study.tasks.ladder import Ladder, is_power, powers
from bohb_study.tasks.spaces import Given, fixed_given, make_space, names_of
from bohb_study.tasks.user.function_kinds import (
    STATE,
    called,
    is_generator,
    is_ray_function,
    takes_state,
    unwrapped,
    written,
)


@dataclass(frozen=True)
class FunctionTask(Task):
    """Train by a user's function: ``FunctionTask(train, hyperparameters, max_epochs)``.

    The training seed that a generator is given belongs to (task, study seed, configuration); the
    global generators of Python, numpy and PyTorch are seeded with it for either kind of function.
    A generator has them to itself, also where trainings take turns, and finds them as it left them
    after a pause. What it draws while it sets up would come on top of that: one that draws from
    them in its epochs and takes a state must ``yield`` once, with nothing, between the two.
    """

    train: Callable[..., Any]
    hyperparameters: Given = field(hash=False)
    """The search space: a list, a ConfigurationSpace, or a dict as ConfigSpace takes it; conditions
    and forbidden clauses of a ConfigurationSpace are kept."""
    max_epochs: int
    """Epochs of one full evaluation; a power of eta."""
    name: str = field(default="", kw_only=True)
    """Default: the function's name, with - for _."""
    metric: str = field(default="loss", kw_only=True)
    """Key of the validation loss in a report."""
    mode: Literal["min", "max"] = field(default="min", kw_only=True)
    """"max" where more is better: the metric is then stored negated."""
    test_mode: Literal["min", "max"] | None = field(default=None, kw_only=True)
    """The same of ``test``; None: as ``mode``."""
    test: str | None = field(default=None, kw_only=True)
    """Key of what is measured on test data; None: the validation loss stands in."""
    extra_names: tuple[str, ...] = field(default=(), kw_only=True)
    """Keys of further numbers in every report, stored as ``extra.<name>``; keys that are declared
    nowhere are ignored."""
    grid_order: tuple[str, ...] = field(default=(), kw_only=True)
    """Hyperparameters, most important first; default: in the space's order."""
    data_parallel: bool = field(default=False, kw_only=True)
    """Whether a generator makes use of the process group that it finds initialised where
    ``data_parallel`` of the study is above 1: every rank runs it, and rank 0's reports count."""
    seconds: float | Callable[[Config], float] = field(default=1.0, kw_only=True)
    """Modelled seconds of an epoch, or a function of the configuration that gives them."""
    failure_loss: InitVar[float | None] = field(default=None, kw_only=True)
    """No longer needed, and ignored: no number stands for a training that failed."""

    def __post_init__(self, failure_loss: float | None) -> None:
        """Fill in the defaults.

        Raises:
            UsageError: the function is of neither kind, or an argument cannot be.
        """
        if not self.name:
            self._set("name", called(self.train).replace("_", "-"))
        try:
            self._set("hyperparameters", fixed_given(self.hyperparameters))
        except UsageError as error:
            raise UsageError(f"FunctionTask {self.name}: {error}") from None
        order = names_of(self.hyperparameters)
        self._set("extra_names", tuple(self.extra_names))
        self._set("grid_order", tuple(self.grid_order) or order)
        self._check()
        if failure_loss is not None:
            warnings.warn(
                f"FunctionTask {self.name}: failure_loss= is no longer needed: a training that "
                "fails is ranked last whatever the losses are",
                FutureWarning,
                stacklevel=3,
            )

    def _set(self, field_name: str, value: Any) -> None:
        object.__setattr__(self, field_name, value)

    def _check(self) -> None:
        eta = self.eta or 3
        epochs = self.max_epochs
        keys = [key for key in (self.metric, self.test, *self.extra_names, STATE) if key]
        wrong = None
        if not is_ray_function(self.train) and not is_generator(self.train):
            wrong = (
                "must be a generator train(config, seed) or train(config, seed, state=None), or a "
                f"function train(config) that calls tune.report, not {written(self.train)}"
            )
        elif isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
            wrong = f"max_epochs {epochs!r}: must be a whole number, at least 1"
        elif eta < 2:
            wrong = f"eta {eta}: must be at least 2"
        elif self.own_ladder.top != epochs:
            below = eta ** (len(self.own_ladder.costs) - 2)
            etas = " or ".join(str(e) for e in range(2, epochs + 1) if is_power(epochs, e))
            wrong = (
                f"max_epochs {epochs}: must be a power of eta {eta}: {below} or {below * eta} fit "
                f"eta {eta}; {epochs} fits eta {etas}"
            )
        elif self.mode not in ("min", "max"):
            wrong = f"mode {self.mode!r}: must be 'min' or 'max'"
        elif self.test_mode not in (None, "min", "max") or (self.test_mode and not self.test):
            wrong = f"test_mode {self.test_mode!r}: must be 'min' or 'max', and goes with test="
        elif len(set(keys)) < len(keys):
            wrong = f"metric, test, extra_names and {STATE!r} must differ: {', '.join(keys)}"
        elif self.data_parallel and not is_generator(self.train):
            wrong = "data_parallel=True: only for a generator, not for what calls tune.report"
        elif not callable(self.seconds) and not 0 <= self.seconds < math.inf:
            wrong = f"seconds {self.seconds}: must be finite, 0 or above"
        if wrong:
            raise UsageError(f"FunctionTask {self.name}: {wrong}")

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (
            inspect.getdoc(unwrapped(self.train)) or f"{self.name}, a training function"
        ).splitlines()[0]

    @property
    def val_metric(self) -> str:
        """The key, with a minus where it is negated."""
        return ("-" if self.mode == "max" else "") + self.metric

    @property
    def test_metric(self) -> str:
        """The same for what is measured on test data."""
        return ("-" if (self.test_mode or self.mode) == "max" else "") + (self.test or self.metric)

    @property
    def can_pause(self) -> bool:
        """Whether the function takes a state back, or a checkpoint of Ray's."""
        return takes_state(self.train) or self.only_engine == "tune"

    @property
    def only_engine(self) -> Literal["tune"] | None:
        """What calls ``tune.report`` runs in Ray Tune alone."""
        return "tune" if is_ray_function(self.train) else None

    @property
    def own_ladder(self) -> Ladder:
        """Epochs 1, eta, eta**2, ... up to ``max_epochs``."""
        eta = self.eta or 3
        return Ladder("epoch", powers(eta, self.max_epochs), eta=eta, curve=True, resumable=True)

    def space(self, seed: int) -> ConfigurationSpace:
        """A copy of the space with its own stream."""
        return make_space(self.hyperparameters, seed)

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin a training of ``config`` under the study's ``seed``.

        Raises:
            StudyError: the function runs in Ray Tune alone.
        """
        return self._start(config, trial_seed(self.name, seed, config))

    def retrain(self, config: Config, seed: int, repeat: int) -> Evaluation:
        """Begin a training with another training seed; raises as ``start``."""
        return self._start(config, retraining_seed(self.name, seed, config, repeat))

    def _start(self, config: Config, training_seed: int) -> Evaluation:
        from bohb_study.tasks.user.generator_training import FunctionEvaluation  # imports torch

        if self.only_engine:
            raise StudyError(
                f"{self.name} calls tune.report: engine {self.only_engine} alone runs it"
            )
        return FunctionEvaluation(self, config, training_seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        """``seconds`` for each epoch, in modelled seconds."""
        return (end - start) * (self.seconds(config) if callable(self.seconds) else self.seconds)

    def losses(self, report: Mapping[str, Any]) -> tuple[float, float, dict[str, float]]:
        """Validation loss, test loss and further measurements in what the function reported.

        All but the first decide nothing: one that is missing or no number is NaN.

        Raises:
            ValueError: the validation loss is missing or no number.
        """
        self.check_metric(report)
        sign = -1.0 if self.mode == "max" else 1.0
        val = sign * number(report[self.metric], f"the function's {self.metric!r}")
        test_sign = -1.0 if (self.test_mode or self.mode) == "max" else 1.0
        test = val if self.test is None else test_sign * defined(report.get(self.test))
        return val, test, {name: _measured(report.get(name)) for name in self.extra_names}

    def check_metric(self, report: Mapping[str, Any]) -> None:
        """Raise ValueError, naming what was reported, where that has no validation loss."""
        if self.metric not in report:
            found = ", ".join(str(key) for key in report if key not in FILLED_IN)
            but = f"{found}; metric= names another key" if found else "nothing"
            raise ValueError(f"the function reported no {self.metric!r} but {but}")


FILLED_IN = {STATE, "done", "training_iteration", "trial_id", "date", "timestamp", "pid"} | {
    *("time_this_iter_s", "time_total_s", "time_since_restore", "iterations_since_restore"),
    *("hostname", "node_ip", "config", "checkpoint_dir_name", "should_checkpoint"),
}
"""Keys of a report that are not measurements: Ray fills in most of them."""


def _measured(value: Any) -> float:
    """A further measurement, which may be infinite; NaN where it is no number."""
    try:
        return number(value, "it")
    except ValueError:
        return math.nan
