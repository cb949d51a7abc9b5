"""A method: how to build a Ray Tune searcher and scheduler for a task, and what is known of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from bohb_study.losses import LOSS_LIMIT
from bohb_study.seeding import model_seed, space_seed
from bohb_study.tasks import Ladder, Task
from bohb_study.tasks.base import Status

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ray.tune.search import Searcher

    from bohb_study.methods.recording.recording_scheduler import RecordingScheduler
    from bohb_study.methods.recording.recording_searcher import RecordingSearcher

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


class Visible(Protocol):
    """What of a report methods may see; what has a test loss is sealed when it comes here."""

    @property
    def val_loss(self) -> float:
        """NaN where ``status`` is not ok."""

    @property
    def status(self) -> Status:
        """Whether there is a result."""


def seen(report: Visible, time: int) -> dict[str, Any]:
    """What searcher and scheduler see of a report at scheduler time ``time``; never a test loss."""
    loss = report.val_loss if report.status == "ok" else WORST
    return {METRIC: loss, TIME: time, STATUS: report.status}


def succeeded(result: Mapping[str, Any]) -> bool:
    """Whether a result is a training's, and no number that stands for want of one."""
    return bool(result.get(STATUS, "ok") == "ok")


@dataclass(frozen=True)
class Pair:
    """A searcher and a scheduler for one cell, both of which record what they decide."""

    searcher: "RecordingSearcher"
    scheduler: "RecordingScheduler"

    def __post_init__(self) -> None:
        """Give the scheduler its searcher, whose time is not the scheduler's own."""
        self.scheduler.searcher = self.searcher

    def forget(self, trial_id: str) -> None:
        """Drop what was recorded of a trial that ended and whose rows are stored."""
        self.searcher.forget(trial_id)
        self.scheduler.forget(trial_id)


@dataclass(frozen=True)
class Problem:
    """What a method is built for."""

    task: Task
    method: str
    """Name of the method."""
    seed: int
    """The study's seed."""
    full_evaluations: int
    """Whole full evaluations that the budget allows (grid search lays its points out for it)."""
    stream: str = ""
    """Name from which the method's random stream is seeded, where that is not ``method``."""

    @property
    def ladder(self) -> Ladder:
        """The task's ladder of fidelities."""
        return self.task.ladder

    def space(self, seed: int | None = None) -> "ConfigurationSpace":
        """The task's space as methods see it; ``recording`` translates what they suggest.

        Args:
            seed: seeds the space's stream; by default all methods draw the same configurations.
        """
        from bohb_study.tasks.encoding import encoding  # imports ConfigSpace

        if seed is None:
            seed = space_seed(self.task.name, self.seed)
        return encoding(self.task, seed).space

    def recording(self, searcher: "Searcher") -> "RecordingSearcher":
        """``searcher``, whose suggestions are recorded in the task's own values."""
        from bohb_study.methods.recording.recording_searcher import RecordingSearcher  # Ray
        from bohb_study.tasks.encoding import decoder

        return RecordingSearcher(searcher, decoder(self.task))

    @property
    def model_seed(self) -> int:
        """Seed of the method's own random stream."""
        return model_seed(self.task.name, self.stream or self.method, self.seed)


@dataclass(frozen=True)
class Rung:
    """One planned rung of a bracket."""

    level: int
    """Units of fidelity."""
    trials: int
    """How many trials reach it."""


Halving = Literal["brackets", "stopping", "promotion"]
"""How it is decided who goes on from a rung, always by the lowest validation losses: the planned
number of a bracket's rung once all have reported; at once, who is among the best 1 / eta so far
(ASHA as Ray has it); or, when a worker is free, whoever is by then (ASHA as its paper has it)."""

Plan = Callable[[Ladder], list[list[Rung]]]
"""The brackets of one band, in the order in which they are opened."""


@dataclass(frozen=True)
class Method:
    """A method before it is built for a task; the audit checks what is declared here."""

    name: str
    """As on the command line, in the results and, by default, in legends."""
    build: Callable[[Problem], Pair]
    """Makes the searcher and the scheduler of one cell."""
    searcher: str
    """What suggests configurations, in a few words."""
    scheduler: str
    """What stops trials early, in a few words."""
    uses_fidelity: bool
    """Whether it stops trials below full fidelity."""
    source: str
    """Where it comes from: paper, package, class."""
    plan: Plan | None = None
    """Rungs and their sizes, bracket by bracket; None where no sizes are fixed."""
    model_after: Callable[[int], int] | None = None
    """Number of hyperparameters that vary -> observations at one fidelity without which the model
    cannot exist. An observation is a report at a rung or at full fidelity. None: no model."""
    budget_factor: int = 1
    """Multiple of the study's budget that each of its cells gets. Above 1 it is a baseline with a
    larger budget: drawn, and left out of tests and tables of equal budgets."""
    halving: Halving | None = None
    """Who goes on from a rung; None where nobody is halved, or by a rule that is not one of these.
    """
    pauses: bool = False
    """Whether it pauses trials and resumes some of them."""
    known_defect: str | None = None
    """A departure from its plan that is known: the audit reports it and still passes."""
    label: str = ""
    """What figures call it; empty: as they call its name."""
    stream: str = ""
    """Name that seeds its random stream where that is not ``name``: that of before a renaming."""
