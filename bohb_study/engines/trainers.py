"""Who trains the trials of the virtual clock: this process, or, elsewhere, actors of Ray.

The clock decides what is trained and in which order its reports count; trainers only carry it out,
so rows do not depend on which of them do.
"""

from abc import ABC, abstractmethod

from bohb_study.engines.base import CellJob, ParallelTraining
from bohb_study.engines.guard import GuardedEvaluation
from bohb_study.engines.paused_states import States
from bohb_study.engines.virtual_trial import VirtualTrial
from bohb_study.methods.base import Pair
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
    def report(self, trial: VirtualTrial) -> Report:
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

    @property
    def measured(self) -> ParallelTraining | None:
        """How busy they were; None where they are this process."""
        return None


class InProcess(Trainers):
    """Trains in this process, each step when its report is due."""

    def __init__(self, job: CellJob) -> None:
        """Train the trials of ``job``."""
        self._task, self._seed = job.task, job.cell.seed
        self._states = States()

    def begin(self, trial: VirtualTrial) -> None:
        """Set up its evaluation, from its state where it was paused."""
        trial.evaluation = GuardedEvaluation(self._task, trial.hyperparameters, self._seed)
        if trial.level:
            trial.evaluation.restore(self._states.take(trial.trial_id))

    def report(self, trial: VirtualTrial) -> Report:
        """Train now."""
        return trial.evaluation.advance(trial.step.target, trial.step.units)

    def pause(self, trial: VirtualTrial) -> None:
        """Keep its state, as bytes."""
        self._states.put(trial.trial_id, trial.evaluation.state())
        del trial.evaluation

    def end(self, trial: VirtualTrial) -> None:
        """Drop its state, if it was paused."""
        self._states.drop(trial.trial_id)

    def close(self) -> None:
        """Delete the states that are left."""
        self._states.close()


def trainers_for(job: CellJob, pair: Pair) -> Trainers:
    """Those that ``job`` asks for, to be run with ``pair``."""
    if not job.actors:
        return InProcess(job)
    from bohb_study.engines.actor_trainers import ActorTrainers  # imports Ray's runtime

    return ActorTrainers(job, pair.scheduler.due)
