"""Who optimises: a method is a recipe for a pair of a Ray Tune searcher and scheduler."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray.tune.search import Searcher

from bohb_study.losses import LOSS_LIMIT
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.seeding import model_seed
from bohb_study.tasks import Ladder, Report, Task
from bohb_study.tasks.encoding import decoder, encoding

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

METRIC = "val_loss"
"""The one number that searchers and schedulers see."""
MODE = "min"
TIME = "rung_time"
"""Scheduler time: the epoch on a curve, ``eta**i`` at rung i elsewhere (Ray's ``time_attr``)."""
STATUS = "status"
"""Whether the training has a result; ``succeeded`` reads it."""
WORST = LOSS_LIMIT
"""The loss of a training without a result, for those that must be given a number.

Finite, as a trial of NaN survives Ray's halving; above every loss at any scale, so that the trial
is ranked last; and sums, means and percentiles of it do not overflow.
"""


def seen(report: Report, time: int) -> dict[str, Any]:
    """What searcher and scheduler see of a report at scheduler time ``time``; never a test loss."""
    loss = report.val_loss if report.status == "ok" else WORST
    return {METRIC: loss, TIME: time, STATUS: report.status}


def succeeded(result: Mapping[str, Any]) -> bool:
    """Whether a result is a training's, and no number that stands for want of one."""
    return bool(result.get(STATUS, "ok") == "ok")


@dataclass(frozen=True)
class Pair:
    """A searcher and a scheduler for one cell, both with notes for the recorder."""

    searcher: RecordingSearcher
    scheduler: RecordingScheduler

    def __post_init__(self) -> None:
        """Tell the scheduler whose time is not its own."""
        self.scheduler.searcher = self.searcher

    def forget(self, trial_id: str) -> None:
        """Drop what was noted of a trial that ended and was recorded."""
        self.searcher.forget(trial_id)
        self.scheduler.forget(trial_id)


@dataclass(frozen=True)
class Problem:
    """What a method is built for."""

    task: Task
    method: str
    seed: int
    """The study's seed."""
    full_evaluations: int
    """Whole full evaluations that the budget allows (grid search lays its points out for it)."""

    @property
    def ladder(self) -> Ladder:
        """The task's ladder."""
        return self.task.ladder

    def space(self, seed: int) -> "ConfigurationSpace":
        """The task's space as methods see it; what they suggest goes through ``noted``."""
        return encoding(self.task, seed).space

    def recording(self, searcher: Searcher) -> RecordingSearcher:
        """The searcher with notes, in the task's own values."""
        return RecordingSearcher(searcher, decoder(self.task))

    @property
    def model_seed(self) -> int:
        """Seed of the method's own stream."""
        return model_seed(self.task.name, self.method, self.seed)


@dataclass(frozen=True)
class Rung:
    """One planned rung of a bracket."""

    level: int
    """Units of fidelity."""
    trials: int
    """How many trials reach it."""


Plan = Callable[[Ladder], list[list[Rung]]]
"""The brackets of one band, in the order in which they are opened."""


@dataclass(frozen=True)
class Method:
    """What is known of a method before it is built."""

    name: str
    searcher: str
    """What suggests configurations, in a few words."""
    scheduler: str
    """What stops trials early, in a few words."""
    uses_fidelity: bool
    """Whether it stops trials below full fidelity."""
    source: str
    """Where it comes from: paper, package, class."""
    build: Callable[[Problem], Pair]
    plan: Plan | None = None
    """The rungs it declares; None where it declares none."""
    model_after: Callable[[int], int] | None = None
    """Observations at one fidelity without which its model cannot exist, by the number of
    hyperparameters that vary; None for methods without a model. An observation is a report at a
    rung or at full fidelity."""
    budget_factor: int = 1
    """How many times the study's budget a cell of it gets. Above 1 it is a yardstick: drawn, and
    left out of tests and tables of equal budgets."""
    pauses: bool = False
    """Whether it puts trials away and takes some of them up again."""
    known_defect: str | None = None
    """A departure from its plan that is known and reported, and fails no audit."""
    global_numpy: bool = False
    """Whether its classes draw from numpy's global generator, which the engine then seeds."""
