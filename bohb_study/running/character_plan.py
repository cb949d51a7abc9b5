"""Which evaluations a task's character takes: random configurations at every rung, and repeats."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.analysis.diagnostics.task_character import Draws
from bohb_study.identity import code_hash, task_parts
from bohb_study.numerics import Mode, check
from bohb_study.seeding import Config, config_id, retraining_seed
from bohb_study.study import Cell
from bohb_study.tasks import Evaluation, Report, Task
from bohb_study.tasks.random_sample import RandomSample, marginal_sample, random_sample

if TYPE_CHECKING:
    from bohb_study.engines.base import OnProgress
    from bohb_study.engines.guard import Start

COMPUTED, TRAINED = 200, 50
"""Random configurations of a task by default: where nothing is trained, and where it is."""
REPEATED, TIMES = 10, 3
"""Configurations that are evaluated again at full fidelity, and how often each."""
SEED = 0
"""Of the study under which all are evaluated."""


@dataclass(frozen=True)
class Draw(Cell):
    """One random configuration at every rung, or once more at the top."""

    number: int
    """Of the configuration, in the order drawn."""
    repeat: int | None
    """Number of the repetition, from 0; None where all rungs are evaluated."""

    def __str__(self) -> str:
        """The task, the configuration's number and the repetition."""
        again = "" if self.repeat is None else f", again {self.repeat}"
        return f"{self.task}, configuration {self.number}{again}"


@dataclass(frozen=True)
class Reached:
    """What came of a ``Draw``."""

    losses: tuple[float | None, ...]
    """At each level, ascending; None where it diverged or failed."""
    seconds: float | None
    """CPU seconds of a full evaluation; None where it did not succeed."""


@dataclass(frozen=True)
class DrawJob:
    """An evaluation with all that running it takes; picklable."""

    cell: Draw
    task: Task
    config: Config
    key: str
    """Equal for evaluations that must give the same: of task, options, code, seed, configuration
    and levels."""
    numerics: Mode = "portable"
    """By which kernels it is computed."""
    journal: None = None
    """It is short, so there is nothing in it from which it could go on."""

    def run(self, progress: "OnProgress | None" = None) -> Reached:
        """Evaluate it in this process; what goes wrong in a training is a loss that is not there.

        Raises:
            StudyError, UsageError: no configuration could avoid it, say for want of data.
            KeyboardInterrupt: Ctrl-C.
        """
        from bohb_study.engines.guard import interruptible

        check(self.numerics)
        ladder = self.task.ladder
        levels = ladder.costs if self.cell.repeat is None else ladder.costs[-1:]
        losses, seconds = list[float | None](), 0.0
        guarded, before = self._guarded(), 0
        with interruptible():
            for level in levels:
                if not ladder.resumable:  # each rung is paid whole, and stands for itself
                    guarded, before, seconds = self._guarded(), 0, 0.0
                began = process_time()
                report = guarded.advance(level, ladder.step_units(before, level))
                # neither what waited for a CPU nor what was loaded at the start
                seconds += min(process_time() - began, report.seconds)
                before = level
                losses.append(_loss(report))
        return Reached(tuple(losses), None if losses[-1] is None else seconds)

    def _guarded(self) -> Any:
        from bohb_study.engines.guard import GuardedEvaluation

        cell, retrained = self.cell, can_retrain(self.task)
        start: Start | None = None
        seed, training_seed = cell.seed, None
        if cell.repeat is not None and retrained:
            start = self._retrained
            training_seed = retraining_seed(cell.task, seed, self.config, cell.repeat)
        elif cell.repeat is not None:
            seed += 1 + cell.repeat
        return GuardedEvaluation(self.task, self.config, seed, start, training_seed)

    def _retrained(self, config: Config, seed: int) -> Evaluation:
        assert self.cell.repeat is not None
        return self.task.retrain(config, seed, self.cell.repeat)


def can_retrain(task: Task) -> bool:
    """Whether a repetition is a training with a fresh seed, and not another study seed."""
    return type(task).retrain is not Task.retrain


def _loss(report: Report) -> float | None:
    return float(report.val_loss) if report.status == "ok" else None


@dataclass(frozen=True, eq=False)
class CharacterPlan:
    """All evaluations of one task."""

    task: Task
    sample: RandomSample
    jobs: tuple[DrawJob, ...]
    """Those at every rung in the order drawn, then the repeats by configuration."""

    def draws(self, reached: Mapping[Draw, Reached]) -> Draws:
        """The evaluations as arrays.

        Args:
            reached: what came of each of ``jobs``.
        """
        task, configs = self.task, self.sample.configs
        found = [reached[job.cell] for job in self.jobs if job.cell.repeat is None]
        again = [reached[job.cell].losses[0] for job in self.jobs if job.cell.repeat is not None]
        levels = task.ladder.costs
        return Draws(
            task.name,
            SEED,
            levels,
            self.sample.names,
            self.sample.categories,
            self.sample.points,
            marginal_sample(task, SEED),
            np.array([[_number(loss, np.inf) for loss in one.losses] for one in found]),
            np.array([_number(loss, np.inf) for loss in again]).reshape(-1, TIMES),
            np.array([[task.duration(c, 0, level) for level in levels] for c in configs]),
            np.array([np.nan if task.computed else _number(one.seconds, np.nan) for one in found]),
        )


def _number(value: float | None, default: float) -> float:
    return default if value is None else value


def character_plan(task: Task, count: int | None, numerics: Mode, source: bytes) -> CharacterPlan:
    """What is evaluated for the character of a task.

    Args:
        task: which.
        count: random configurations; by default ``COMPUTED`` or ``TRAINED``.
        numerics: by which kernels.
        source: text of the user's file that the task is of; empty for a registered task.

    Raises:
        UsageError: something in the task's space is not supported.
    """
    sample = random_sample(task, count or (COMPUTED if task.computed else TRAINED), SEED)
    code = code_hash(task_parts(task.name, source))
    about = [repr(task), task.data_sha256, code, numerics]

    def job(number: int, repeat: int | None) -> DrawJob:
        config = sample.configs[number]
        cell = Draw(task.name, "random", SEED, number, repeat)
        parts = repr([*about, config_id(config), repeat])
        return DrawJob(cell, task, config, hashlib.sha256(parts.encode()).hexdigest(), numerics)

    everywhere = [job(number, None) for number in range(len(sample.configs))]
    again = [
        job(number, repeat)
        for number in range(min(REPEATED, len(sample.configs)))
        for repeat in range(TIMES)
    ]
    return CharacterPlan(task, sample, (*everywhere, *again))
