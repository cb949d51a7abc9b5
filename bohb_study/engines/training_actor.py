"""The actor of Ray that trains trials for the virtual clock, several of them in turn."""

import os
import pickle
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import ray

from bohb_study.engines.guard import CELL_ERRORS, GuardedEvaluation, NoStateError, interruptible
from bohb_study.engines.ranks import RankError, RankGroup
from bohb_study.engines.virtual_trial import StepTaken
from bohb_study.numerics import Mode, check, is_portable
from bohb_study.seeding import Config
from bohb_study.tasks import Report, Task

NOT_SAVED = b""
"""Stands for a state that could not be had."""


class Started(NamedTuple):
    """Which process an actor is."""

    node: str
    """Ray's id of its node."""
    process: int


class Trained(NamedTuple):
    """What came of a call."""

    report: Report
    """Of the step that was asked for."""
    repeated: tuple[Report, ...]
    """Of the steps that were trained again to get there."""
    seconds: float
    """Of training and of saving since the last call; not of importing and loading what that
    takes."""


class TrainingHost:
    """Keeps the evaluations of the trials that are at home here, and trains one at a time."""

    def __init__(
        self, task: Task, seed: int, numerics: Mapping[str, str], ranks: RankGroup | None = None
    ) -> None:
        """Host trials of ``task`` under the study's ``seed``.

        Args:
            task: the task of the cell.
            seed: the study's.
            numerics: ``numerics.record`` of the process that runs the cell.
            ranks: train each trial together, in processes of their own; None where this one trains.
        """
        self._task, self._seed, self._numerics = task, seed, numerics
        self._ranks = ranks
        self._evaluations: dict[str, GuardedEvaluation] = {}
        self._saving = 0.0

    def check(self) -> Started:
        """Get ready; says which process this is.

        Raises:
            StudyError: it computes by other kernels than the cell's.
        """
        mode: Mode = "portable" if self._numerics["mode"] == "portable" else "native"
        check(mode, baseline=is_portable(self._numerics))
        if self._ranks is not None:
            self._ranks.open()  # who waits for their CPUs is given nothing to train
        return Started(ray.get_runtime_context().get_node_id(), os.getpid())

    def train(
        self,
        trial_id: str,
        config: Config,
        step: StepTaken,
        again: Sequence[StepTaken] | None = None,
        state: bytes | None = None,
    ) -> Trained:
        """Take one step of a trial.

        Args:
            trial_id: the trial.
            config: its hyperparameters.
            step: the step to take.
            again: None where the trial is at home here. Else it begins, from ``state`` or from
                nothing, and takes these steps again before ``step``.
            state: of ``save``.

        Raises:
            StudyError, UsageError: the cell cannot go on.
            NoStateError: there is no such state.
            RankError: a process of the trial has died, and with it all that trained beside it.
        """
        if state == NOT_SAVED:
            raise NoStateError
        with interruptible():
            if again is not None:
                start = self._ranks.start if self._ranks else None
                evaluation = GuardedEvaluation(
                    self._task, config, self._seed, start, passes=(RankError,)
                )
                if state is not None:
                    evaluation.restore(pickle.loads(state))
                self._evaluations[trial_id] = evaluation
            evaluation = self._evaluations[trial_id]
            repeated = tuple(evaluation.advance(*before) for before in again or ())
            report = evaluation.advance(*step)
        seconds = self._saving + sum(one.seconds for one in (*repeated, report))
        self._saving = 0.0
        return Trained(report, repeated, seconds)

    def save(self, trial_id: str, needed: bool) -> tuple[bool, bytes]:
        """The state of a trial that is at home here.

        Args:
            trial_id: the trial.
            needed: where the state cannot be had, the training has failed, as it would have in the
                process of the cell. One that is only taken in case the actor dies is not needed.

        Returns:
            Whether it is saved, by which one learns that without having it; and the state, as
            bytes, so that it shares nothing with the evaluation.
        """
        began = perf_counter()
        try:
            with interruptible():
                state = self._evaluations[trial_id].state(needed=needed)
            return True, pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            if needed or isinstance(error, (*CELL_ERRORS, RankError)):
                raise
            return False, NOT_SAVED
        finally:
            self._saving += perf_counter() - began

    def forget(self, trial_id: str) -> None:
        """The trial is at home here no more."""
        if (evaluation := self._evaluations.pop(trial_id, None)) is not None:
            evaluation.close()


TrainingActor: Any = ray.remote(TrainingHost)
