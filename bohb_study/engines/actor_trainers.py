"""Trains the trials of the virtual clock in Ray's actors, as many at a time as there are actors.

The clock asks for reports in its own order; whatever the actors finish earlier waits. A trial
trains in one actor, its home, until it is paused or ends. Where nothing that is paid is left to
train, an actor trains ahead the first step of a trial that was suggested already: if the scheduler
runs it, its report is there; if it never does, nobody has paid and nobody is told.

An actor that dies, with its node or alone, is replaced. The trials that were at home there go on
from their last saved states, or are trained again from nothing, up to the level that they had
reached; this must give the losses that are known, and is charged to nobody.
"""

import math
from collections import deque

from bohb_study.engines.actor_pool import Actor, ActorPool, Queue, Training
from bohb_study.engines.actor_time import ActorTime
from bohb_study.engines.base import CellJob, ParallelTraining
from bohb_study.engines.trainers import Trainers
from bohb_study.engines.training_actor import Paid, Trained
from bohb_study.engines.virtual_trial import Step, VirtualTrial
from bohb_study.errors import StudyError
from bohb_study.study import Cell
from bohb_study.tasks import Report

MOST_DEATHS = 5
"""Actors that may die in one step of a trial before the trial has failed: more than chance, so its
training kills them."""
SAVED_FROM = 5.0
"""Seconds of a step from which on the state after it is saved, in case the actor dies: saving takes
some hundredths of a second."""


class ActorTrainers(Trainers):
    """Trains in actors of the Ray that this process is connected to."""

    def __init__(self, job: CellJob, *, ahead: bool = True) -> None:
        """Start the actors of ``job``.

        Args:
            job: the cell.
            ahead: whether idle actors train the first steps of trials that wait.
        """
        self._job, self._ahead = job, ahead
        self._trainings: dict[str, Training] = {}
        """Of the trials that have not ended."""
        self._paid = Queue()
        """What is to be trained and at home nowhere."""
        self._expected: deque[Training] = deque()
        """What may be trained ahead, in the order of suggestion."""
        self._repeated = self._unused = 0
        self._time = ActorTime(job.actors)
        self._pool = ActorPool(job, self._time)

    # --- what the clock asks ---

    def expect(self, trial: VirtualTrial, step: Step) -> None:
        """Train its first step ahead, if an actor has nothing else to do."""
        training = Training(trial.trial_id, trial.hyperparameters, Paid(step.target, step.units))
        self._trainings[trial.trial_id] = training
        if self._ahead:
            self._expected.append(training)

    def begin(self, trial: VirtualTrial) -> None:
        """Nothing to do before its step is paid."""

    def start(self, trial: VirtualTrial, due: float) -> None:
        """Train the step as soon as an actor is free, if none has trained it ahead."""
        training = self._trainings[trial.trial_id]
        ahead = math.isinf(training.due)
        training.due = due
        if ahead and (training.report is not None or training.home is not None):
            pass  # it is trained, or about to be
        else:
            training.step = Paid(trial.step.target, trial.step.units)
            training.deaths = 0
            self._train(training)
        self._collect(block=False)

    def report(self, trial: VirtualTrial) -> Report:
        """Wait until it is trained."""
        training = self._trainings[trial.trial_id]
        while training.report is None:
            self._collect(block=True)
        report = training.report
        self._release(training)
        return report

    def pause(self, trial: VirtualTrial) -> None:
        """Let its home save its state and forget it."""
        training = self._trainings[trial.trial_id]
        if training.home is not None:
            self._pool.save(training)
            self._pool.leave(training)

    def end(self, trial: VirtualTrial) -> None:
        """Forget it, and what was trained ahead for it."""
        training = self._trainings.pop(trial.trial_id)
        training.ended = True
        training.lose_state()
        self._discard(training)
        if training.home is not None and training.home.training is not training:
            self._pool.leave(training)

    def close(self) -> None:
        """End the actors."""
        self._time.stop()
        self._pool.close()
        for training in self._trainings.values():
            self._discard(training)

    @property
    def measured(self) -> ParallelTraining:
        """How the actors spent the time until ``close``."""
        return self._time.spent(self._repeated, self._unused, self._pool.deaths)

    # --- what is trained next ---

    def _train(self, training: Training) -> None:
        """Have its step trained, when its turn comes."""
        if training.failed:
            self._fail(training)
        elif training.home is not None:
            training.home.queue.put(training)
        else:
            self._paid.put(training)

    def _dispatch(self) -> None:
        """Give every free actor its next step: the one that is due first, else one ahead."""
        for actor in self._pool.free():
            if training := self._next(actor):
                again = None
                if training.home is None:
                    again = [step for step, _ in training.done if step.level > training.saved]
                self._pool.train(actor, training, again)

    def _next(self, actor: Actor) -> Training | None:
        if actor.queue or self._paid:
            return min(actor.queue, self._paid, key=lambda queue: queue.due).take()
        while self._expected:
            training = self._expected.popleft()
            if math.isinf(training.due) and not training.ended:
                return training
        return None

    # --- what comes of it ---

    def _collect(self, *, block: bool) -> None:
        """Take what has come back, and give free actors more; ``block``: wait for something."""
        self._dispatch()
        for event in self._pool.events(block=block):
            training, event.actor.training = event.actor.training, None
            if event.died:
                self._move_out(event.actor)
                if training is not None:
                    self._interrupted(training, event.died)
            elif training is not None and event.stateless:
                training.home = None
                training.lose_state()
                self._train(training)
            elif training is not None and event.trained is not None:
                self._trained(training, event.trained)
        self._dispatch()

    def _trained(self, training: Training, answer: Trained) -> None:
        self._time.busy += answer.seconds
        self._repeated += sum(report.units for report in answer.repeated)
        if training.ended:
            self._unused += answer.report.units
            self._pool.leave(training)
            return
        known = [report for _, report in training.done][-len(answer.repeated) :]
        for before, again in zip(known, answer.repeated, strict=False):
            _check_same(self._job.cell, training.trial_id, before, again)
        self._hold(training, answer.report)
        if answer.report.seconds > SAVED_FROM and self._job.task.can_pause:
            self._pool.save(training)

    def _hold(self, training: Training, report: Report) -> None:
        """Keep the report until the clock asks for it."""
        assert training.step is not None
        training.done.append((training.step, report))
        training.report, training.step = report, None
        self._time.held(1)

    def _release(self, training: Training) -> None:
        training.report = None
        self._time.held(-1)

    def _discard(self, training: Training) -> None:
        """Count what was trained ahead for it, and nobody has asked for."""
        if training.report is not None:
            self._unused += training.report.units
            self._release(training)

    # --- what goes wrong ---

    def _move_out(self, dead: Actor) -> None:
        """What was at home with an actor that has died goes on elsewhere."""
        for training in self._trainings.values():
            if training.home is dead:
                training.home = None
        for training in dead.queue:
            self._train(training)

    def _interrupted(self, training: Training, died: str) -> None:
        """Its actor has died in the middle of a step: take it again, unless it is the reason."""
        training.home = None
        training.deaths += 1
        if training.ended:
            return
        if training.deaths >= MOST_DEATHS:
            training.failed = f"its process died {training.deaths} times: {died}"
        if math.isinf(training.due) and not training.failed:
            self._expected.appendleft(training)
        else:
            self._train(training)

    def _fail(self, training: Training) -> None:
        """Its step has failed, as all that follow, and counts as executed whole."""
        assert training.step is not None
        units, message = training.step.units, training.failed
        self._hold(training, self._job.task.failure(units, 0.0, message=message))


def _check_same(cell: Cell, trial_id: str, known: Report, again: Report) -> None:
    """Raise StudyError where a step that was trained again reports other numbers."""
    for name in ("status", "val_loss", "test_loss", "extra"):
        there, here = (repr(getattr(report, name)) for report in (known, again))
        if here != there:
            raise StudyError(
                f"{cell}: an actor died, and trial {trial_id}, trained again, gave {name} {here} "
                f"in place of {there}: the task's training is not the same each time"
            )
