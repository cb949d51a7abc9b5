"""A trial on the virtual clock, and the steps that it takes."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from ray.tune.experiment import Trial

from bohb_study.engines.sealed_report import SealedReport
from bohb_study.seeding import Config
from bohb_study.tasks import Ladder


class VirtualTrial:
    """What a scheduler sees of one of Ray's trials, and what the engine keeps of it."""

    __slots__ = (
        "config", "hyperparameters", "is_saving", "level", "report", "status", "step",
        "trial_id",
    )  # fmt: skip

    def __init__(self, trial_id: str, hyperparameters: Config) -> None:
        """A trial that waits for a worker."""
        self.trial_id = trial_id
        self.hyperparameters = hyperparameters
        self.config: dict[str, Any] = dict(hyperparameters)
        """The scheduler's own copy, to which it adds the first rung."""
        self.status: str = Trial.PENDING
        self.is_saving = False
        self.level = 0
        self.report: SealedReport
        """At ``level``; none at 0."""
        self.step: Step
        """The one in flight, else the last one."""


class Step(NamedTuple):
    """From one report to the next."""

    begin: int
    """Level from which work is done: 0 where nothing resumes."""
    target: int
    """Level at which the trial reports."""
    time: int
    """Scheduler time of that level."""
    units: int
    """What it is charged."""


class StepTaken(NamedTuple):
    """A step: what it reaches, and what it costs."""

    level: int
    units: int


def steps_of(ladder: Ladder) -> Callable[[int, int], Step]:
    """(Level, first rung) -> the next step on ``ladder``."""

    @cache
    def step(level: int, first_rung: int) -> Step:
        target = ladder.next_level(level, first_rung)
        begin = level if ladder.resumable else 0
        return Step(begin, target, ladder.time(target), ladder.step_units(level, target))

    return step
