"""Who trains the trials of the virtual clock: this process, or, elsewhere, actors of Ray.

The clock decides what is trained and in which order its reports count; trainers only carry it out,
so rows do not depend on which of them do.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bohb_study.engines.base import CellJob, ParallelTraining
from bohb_study.engines.guard import GuardedEvaluation, NoStateError
from bohb_study.engines.paused_states import States
from bohb_study.engines.sealed_report import SealedReport
from bohb_study.engines.virtual_trial import StepTaken, VirtualTrial
from bohb_study.errors import StudyError
from bohb_study.methods.base import Pair
from bohb_study.study import Cell
from bohb_study.tasks import Report


class Trainers(ABC):
    """What the virtual clock asks of those who train."""

    early = False
    """Whether they train before a report is due, so that they must be told what comes."""

    def expect(self, trial: VirtualTrial) -> None:  # noqa: B027 (most need nothing)
        """``trial`` was suggested and waits."""

    @abstractmethod
    def begin(self, trial: VirtualTrial) -> None:
        """``trial`` is to run, from its last report on."""

    def start(self, trial: VirtualTrial, due: float) -> None:  # noqa: B027 (most need nothing)
        """The step of ``trial`` is paid; its report counts at the virtual second ``due``."""

    @abstractmethod
    def report(self, trial: VirtualTrial) -> SealedReport:
        """Its report, as soon as it is trained.

        Raises:
            StudyError, UsageError: the cell cannot go on.
        """

    @abstractmethod
    def pause(self, trial: VirtualTrial) -> None:
        """Keep the state of ``trial``, which has reported, until it begins again or ends."""

    @abstractmethod
    def end(self, trial: VirtualTrial) -> None:
        """``trial`` has ended: forget it."""

    def close(self) -> None:  # noqa: B027
        """Give back all that they hold, however the cell ended."""

    def adopt(self, trial: VirtualTrial, known: "Known") -> None:
        """``trial`` has run before, elsewhere, and goes on here: as if ``begin`` had been called.

        Its steps are trained again from its last state on, once one that is not known is needed;
        this must give the reports that are known.
        """
        raise NotImplementedError

    def state(self, trial: VirtualTrial) -> tuple[int, Any] | None:
        """A state of ``trial``, which has just reported, to go on from if it is lost.

        Returns:
            Its level, and the state as ``GuardedEvaluation`` has it; None where there is none.
        """
        return None

    def is_limited(self, trial: VirtualTrial) -> bool:
        """Whether no more of ``trial`` is trained, since a step of it was ended from outside."""
        return False

    @property
    def repeated(self) -> int:
        """Units that were trained again, not counted in the budget."""
        return 0

    @property
    def measured(self) -> ParallelTraining | None:
        """How busy they were; None where they are this process."""
        return None


@dataclass
class Known:
    """What is known of a trial that is to go on."""

    running: bool
    """Whether it has a worker; else it is paused."""
    steps: list[tuple[StepTaken, Report]]
    """Its steps, with their reports."""
    failed: str = ""
    """Why no more of it is trained: its step was ended from outside."""
    saved: Callable[[], tuple[int, Any] | None] = lambda: None
    """Reads a level that it had, and its state there as ``GuardedEvaluation`` has it; None where it
    must begin anew."""

    def level_and_state(self) -> tuple[int, Any]:
        """Where its training goes on from; 0 and None where it begins anew."""
        if found := self.saved():
            level, state = found
            if any(step.level == level for step, _ in self.steps):
                return level, state
        return 0, None


class InProcess(Trainers):
    """Trains in this process, each step when its report is due."""

    def __init__(self, job: CellJob) -> None:
        """Train the trials of ``job``."""
        self._task, self._seed = job.task, job.cell.seed
        self._cell = job.cell
        self._states = States()
        self._evaluations: dict[str, GuardedEvaluation] = {}
        """Of the trials that run."""
        self._known: dict[str, Known] = {}
        """Of trials that were adopted and are paused."""
        self._repeated = 0

    def begin(self, trial: VirtualTrial) -> None:
        """Set up its evaluation, from its state where it was paused."""
        evaluation = self._start(trial)
        if trial.level:
            if self._known and trial.trial_id in self._known:
                self._catch_up(trial, self._known.pop(trial.trial_id))
            else:
                evaluation.restore(self._states.take(trial.trial_id))

    def _start(self, trial: VirtualTrial) -> GuardedEvaluation:
        evaluation = GuardedEvaluation(self._task, trial.hyperparameters, self._seed)
        self._evaluations[trial.trial_id] = evaluation
        return evaluation

    def report(self, trial: VirtualTrial) -> SealedReport:
        """Train now."""
        evaluation = self._evaluations[trial.trial_id]
        return SealedReport(evaluation.advance(trial.step.target, trial.step.units))

    def pause(self, trial: VirtualTrial) -> None:
        """Keep its state, as bytes."""
        self._states.put(trial.trial_id, self._evaluations.pop(trial.trial_id).state())

    def end(self, trial: VirtualTrial) -> None:
        """Drop its state, if it was paused."""
        self._evaluations.pop(trial.trial_id, None)
        self._states.drop(trial.trial_id)
        self._known.pop(trial.trial_id, None)

    def adopt(self, trial: VirtualTrial, known: Known) -> None:
        """Keep what is known of it; train it again only where it goes on."""
        if known.running:
            self._start(trial)
            self._catch_up(trial, known)
        else:
            self._known[trial.trial_id] = known

    def _catch_up(self, trial: VirtualTrial, known: Known) -> None:
        """Bring its evaluation to where its last known report was made.

        Raises:
            StudyError: the same step gives another report.
        """
        evaluation = self._evaluations[trial.trial_id]
        if known.failed:
            evaluation.restore({"failed": known.failed, "state": None})
            return
        level, state = known.level_and_state()
        if level:
            evaluation.restore(state)
        for step, report in known.steps:
            if step.level > level:
                again = evaluation.advance(*step)
                check_same(self._cell, trial.trial_id, report, again)
                self._repeated += again.units

    def state(self, trial: VirtualTrial) -> tuple[int, Any] | None:
        """That of its evaluation."""
        try:
            return trial.level, self._evaluations[trial.trial_id].state(needed=False)
        except NoStateError:
            return None

    @property
    def repeated(self) -> int:
        """Units that were trained again, not counted in the budget."""
        return self._repeated

    def close(self) -> None:
        """Delete the states that are left."""
        self._states.close()


def check_same(cell: Cell | str, trial_id: str, known: Report, again: Report) -> None:
    """Raise StudyError where a step that was trained again reports other numbers."""
    for name in ("status", "val_loss", "test_loss", "extra"):
        there, here = (repr(getattr(report, name)) for report in (known, again))
        if here != there:
            raise StudyError(
                f"{cell}: trial {trial_id}, trained again after its process had died, gave {name} "
                f"{here} in place of {there}: the task's training is not the same each time"
            )


def trainers_for(job: CellJob, pair: Pair) -> Trainers:
    """Those that ``job`` asks for, to be run with ``pair``."""
    if not job.actors:
        return InProcess(job)
    from bohb_study.engines.actor_trainers import ActorTrainers  # imports Ray's runtime

    return ActorTrainers(job, pair.scheduler.due)
