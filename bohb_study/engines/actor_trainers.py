"""Trains the trials of the virtual clock in Ray's actors, as many at a time as there are actors.

The clock asks for reports in its own order; whatever the actors finish earlier waits. A trial
trains in one actor, its home, until it is paused or ends.

Where nothing that is paid is left to train, an actor trains ahead what the searcher has suggested
already: the next step of a trial at home there, unless the scheduler may end or pause it before,
or the first step of a trial that waits. If the step is paid later, its report is there; if it
never is, nobody is told. Searcher and scheduler are asked by the clock alone, so none of this can
change a row.

An actor that dies, with its node or alone, is replaced. The trials that were at home there go on
from their last saved states, or are trained again from nothing, up to the level that they had
reached; this must give the losses that are known, and does not count in the budget.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Any

from bohb_study.engines.actor_pool import Actor, ActorPool, Queue, Training
from bohb_study.engines.actor_time import ActorTime
from bohb_study.engines.base import CellJob, ParallelTraining
from bohb_study.engines.sealed_report import SealedReport
from bohb_study.engines.trainers import Known, Trainers, check_same
from bohb_study.engines.training_actor import Trained
from bohb_study.engines.virtual_trial import StepTaken, VirtualTrial, steps_of
from bohb_study.methods.recording.recording_scheduler import FIRST_RUNG
from bohb_study.tasks import Report

MOST_DEATHS = 10
"""Actors that may die in one step of a trial before the trial has failed: more than chance, so its
training kills them. Fewer would make failed rows of machines that go down now and then."""
SAVED_FROM = 5.0
"""Seconds of a step from which on the state after it is saved, in case the actor dies: saving takes
some hundredths of a second."""


class ActorTrainers(Trainers):
    """Trains in actors of the Ray that this process is connected to."""

    def __init__(
        self, job: CellJob, judged: Callable[[Any], int | None], *, ahead: bool = True
    ) -> None:
        """Start the actors of ``job``.

        Args:
            job: the cell.
            judged: says at which scheduler time a trial is judged next; None for one that is not
                halved.
            ahead: whether actors without other work train ahead.
        """
        self._job, self._ahead, self._judged = job, ahead, judged
        self._step_from = steps_of(job.task.ladder)
        self._trainings: dict[str, Training] = {}
        """Of the trials that have not ended."""
        self._homeless = Queue()
        """What is paid, to be trained, and at home nowhere."""
        self._expected: deque[Training] = deque()
        """What was suggested and has not begun, in that order."""
        self._repeated = self._unused = 0
        self._time = ActorTime(job.actors)
        self._pool = ActorPool(job, self._time)

    # --- what the clock asks ---

    early = True

    def expect(self, trial: VirtualTrial) -> None:
        """Train its first step ahead, if an actor has nothing else to do."""
        first_rung = trial.config[FIRST_RUNG]
        training = Training(trial.trial_id, trial.hyperparameters, first_rung)
        training.judged = self._next_judgement(trial)
        self._trainings[trial.trial_id] = training
        self._expected.append(training)

    def begin(self, trial: VirtualTrial) -> None:
        """Nothing to do before its step is paid."""

    def start(self, trial: VirtualTrial, due: float) -> None:
        """Train the step as soon as an actor is free, if it is not trained ahead."""
        training = self._trainings[trial.trial_id]
        training.due, training.judged = due, self._next_judgement(trial)
        training.paid += 1
        if len(training.done) < training.paid and training.step is None:
            training.step = StepTaken(trial.step.target, trial.step.units)
            self._train(training)
        self._collect(block=False)

    def report(self, trial: VirtualTrial) -> SealedReport:
        """Wait until it is trained."""
        training = self._trainings[trial.trial_id]
        while not training.held:
            self._collect(block=True)
        step, report = training.done[training.told]
        assert step.level == trial.step.target
        training.told += 1
        self._time.held(-1)
        return SealedReport(report)

    def pause(self, trial: VirtualTrial) -> None:
        """Let its home save its state and forget it."""
        training = self._trainings[trial.trial_id]
        while training.step is not None:
            self._collect(block=True)
        if training.held:
            # trained past a report at which its scheduler had not said that it would pause it
            self._discard(training)
        elif training.home is not None:
            self._pool.save(training, needed=True)
        self._leave(training)

    def end(self, trial: VirtualTrial) -> None:
        """Forget it, and what was trained ahead for it."""
        training = self._trainings.pop(trial.trial_id)
        training.ended = True
        training.lose_state()
        self._discard(training)
        self._leave(training)

    def adopt(self, trial: VirtualTrial, known: Known) -> None:
        """Go on with a trial that ran before these actors were there."""
        training = Training(trial.trial_id, trial.hyperparameters, trial.config[FIRST_RUNG])
        training.done = list(known.steps)
        training.told = training.paid = len(known.steps)
        training.failed = known.failed
        level, state = known.level_and_state()
        if level:
            self._pool.put(training, level, state)
        self._trainings[trial.trial_id] = training

    def state(self, trial: VirtualTrial) -> tuple[int, Any] | None:
        """The last one that its actor has saved."""
        training = self._trainings[trial.trial_id]
        state = self._pool.saved_state(training)
        return None if state is None else (training.saved, state)

    def is_limited(self, trial: VirtualTrial) -> bool:
        """Whether its step was ended, or has ended its actors."""
        return bool(self._trainings[trial.trial_id].failed)

    @property
    def repeated(self) -> int:
        """Units that were trained again, not counted in the budget."""
        return self._repeated

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
            self._homeless.put(training)

    def _dispatch(self) -> None:
        """Give every free actor its next step: the one that is due first, else one ahead."""
        for actor in self._pool.free():
            if training := self._next(actor):
                again = None
                if training.home is None:
                    again = [step for step, _ in training.done if step.level > training.saved]
                self._pool.train(actor, training, again)

    def _next(self, actor: Actor) -> Training | None:
        """What a free actor is to train, with the step."""
        if actor.queue or self._homeless:
            return min(actor.queue, self._homeless, key=lambda queue: queue.due).take()
        if not self._ahead:
            return None
        own = [one for one in self._trainings.values() if one.home is actor and self._goes_on(one)]
        training = min(own, key=lambda one: one.due, default=None) or self._next_expected()
        if training is not None:
            step = self._step_from(training.level, training.first_rung)
            training.step = StepTaken(step.target, step.units)
        return training

    def _goes_on(self, training: Training) -> bool:
        """Whether its next step can be trained ahead: nobody may end or pause it before."""
        ladder, level = self._job.task.ladder, training.level
        if training.failed or level >= ladder.top:
            return False
        if math.isinf(training.judged):
            return not self._job.method.pauses
        return ladder.time(level) < training.judged

    def _next_expected(self) -> Training | None:
        while self._expected:
            training = self._expected.popleft()
            if not (training.paid or training.ended):
                return training
        return None

    def _next_judgement(self, trial: VirtualTrial) -> float:
        judged = self._judged(trial)
        return math.inf if judged is None else judged

    # --- what comes of it ---

    def _collect(self, *, block: bool) -> None:
        """Take what has come back, and give free actors more; ``block``: wait for something."""
        self._dispatch()
        if self._job.limits:
            self._limit()
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
        training.deaths = 0
        if training.ended:
            self._unused += answer.report.units
            self._pool.leave(training)
            return
        known = [report for _, report in training.done][-len(answer.repeated) :]
        for before, again in zip(known, answer.repeated, strict=False):
            check_same(self._job.cell, training.trial_id, before, again)
        self._hold(training, answer.report)
        if answer.report.seconds > SAVED_FROM and self._job.task.can_pause:
            self._pool.save(training, needed=False)

    def _hold(self, training: Training, report: Report) -> None:
        """Keep the report until the clock asks for it."""
        assert training.step is not None
        training.done.append((training.step, report))
        training.step = None
        self._time.held(1)

    def _discard(self, training: Training) -> None:
        """Drop what was trained ahead, and nobody has asked for."""
        ahead = training.done[training.told :]
        self._unused += sum(report.units for _, report in ahead)
        self._time.held(-len(ahead))
        del training.done[training.told :]
        if training.saved > training.level:
            training.lose_state()

    def _leave(self, training: Training) -> None:
        """Let its home forget it; one that trains it does so when it has finished."""
        if training.home is not None and training.home.training is not training:
            self._pool.leave(training)

    # --- what goes wrong ---

    def _move_out(self, dead: Actor) -> None:
        """What was at home with an actor that has died goes on elsewhere."""
        for training in self._trainings.values():
            if training.home is dead:
                training.home = None
        for training in dead.queue:
            self._train(training)

    def _limit(self) -> None:
        """End the actors whose training takes more than it may; it has failed."""
        for actor in self._pool.actors:
            training = actor.training
            if training is not None and not training.failed:
                training.failed = self._pool.exceeded(actor)
                if training.failed:
                    self._pool.kill(actor)

    def _interrupted(self, training: Training, died: str) -> None:
        """Its actor has died in the middle of a step: take it again, unless it is the reason."""
        training.home = None
        training.deaths += 1
        if training.deaths >= MOST_DEATHS and not training.failed:
            training.failed = f"its process died {training.deaths} times: {died}"
        if training.ended or len(training.done) >= training.paid:
            training.step = None  # nobody has paid for it
        else:
            self._train(training)

    def _fail(self, training: Training) -> None:
        """Its step has failed, as all that follow, and counts as executed whole."""
        assert training.step is not None
        units, message = training.step.units, training.failed
        self._hold(training, self._job.task.failure(units, 0.0, message=message))
