"""Trains the trials of the virtual clock in Ray's actors, as many at a time as there are actors.

The clock asks for reports in its own order; whatever the actors finish earlier waits. A trial
trains in one actor, its home, until it is paused or ends. Where nothing that is paid is left to
train, an actor trains ahead the first step of a trial that was suggested already: if the scheduler
runs it, its report is there; if it never does, nobody has paid and nobody is told.

An actor that dies, with its node or alone, is replaced. The trials that were at home there go on
from their last saved states, or are trained again from nothing, up to the level that they had
reached; this must give the losses that are known, and is charged to nobody.
"""

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import ray
from ray.exceptions import ObjectLostError, RayError, RayTaskError

from bohb_study import numerics
from bohb_study.engines.actor_time import ActorTime
from bohb_study.engines.base import CellJob, ParallelTraining, one_line
from bohb_study.engines.trainers import Trainers
from bohb_study.engines.training_actor import Paid, Trained, TrainingActor
from bohb_study.engines.virtual_trial import Step, VirtualTrial
from bohb_study.errors import StudyError
from bohb_study.seeding import Config
from bohb_study.study import Cell
from bohb_study.tasks import Report

MOST_DEATHS = 3
"""Actors that may die in one step of a trial before the trial has failed: its training kills them.
Also how many may die one after the other without having trained anything before the cell fails."""
SAVED_FROM = 5.0
"""Seconds of a step from which on the state after it is saved, in case the actor dies: saving takes
some hundredths of a second."""


@dataclass(eq=False)
class _Training:
    """A trial that may be trained now or later."""

    trial_id: str
    config: Config
    done: list[tuple[Paid, Report]] = field(default_factory=list)
    """The steps that were trained, with what they reported."""
    step: Paid | None = None
    """The one that is asked for and not trained yet."""
    due: float = math.inf
    """Virtual second at which its report counts; infinite while it is trained ahead."""
    home: "_Actor | None" = None
    """Where its evaluation is."""
    state: Any = None
    """Reference of its last saved state, at level ``saved``."""
    saved: int = 0
    deaths: int = 0
    """Of actors, in the step that is asked for."""
    report: Report | None = None
    """Trained, and not asked for by the clock yet."""
    failed: str = ""
    """Why no more of it is trained."""
    ended: bool = False


@dataclass(eq=False)
class _Actor:
    """One actor and what it is to do."""

    handle: Any
    ready: bool = False
    """Whether it has started."""
    training: _Training | None = None
    """What it trains now."""
    waiting: list[tuple[float, int, _Training]] = field(default_factory=list)
    """Heap of what has its home here and is to be trained: due second, number, training."""


class ActorTrainers(Trainers):
    """Trains in actors of the Ray that this process is connected to."""

    def __init__(self, job: CellJob, *, ahead: bool = True) -> None:
        """Start the actors of ``job``.

        Args:
            job: the cell.
            ahead: whether idle actors train the first steps of trials that wait.
        """
        self._job, self._ahead = job, ahead
        self._record = numerics.record(job.numerics)
        self._trainings: dict[str, _Training] = {}
        self._waiting: list[tuple[float, int, _Training]] = []
        """Heap of what is to be trained and at home nowhere."""
        self._expected: deque[_Training] = deque()
        """What may be trained ahead, in the order of suggestion."""
        self._number = count()
        self._calls: dict[Any, _Actor] = {}
        """Actors that were asked to start, or to train, by the reference of what they answer."""
        self._saving: dict[Any, tuple[Any, _Training]] = {}
        """By the reference of a state that is being saved: that of the answer, and whose it is."""
        self._repeated = self._unused = self._deaths = self._fruitless = 0
        self._time = ActorTime(job.actors)
        self._actors: list[_Actor] = []
        for _ in range(job.actors):
            self._actors.append(self._new_actor())

    # --- what the clock asks ---

    def expect(self, trial: VirtualTrial, step: Step) -> None:
        """Train its first step ahead, if an actor has nothing else to do."""
        training = _Training(trial.trial_id, trial.hyperparameters)
        training.step = Paid(step.target, step.units)
        self._trainings[trial.trial_id] = training
        if self._ahead:
            self._expected.append(training)

    def begin(self, trial: VirtualTrial) -> None:
        """Nothing to do before its step is paid."""

    def start(self, trial: VirtualTrial, due: float) -> None:
        """Train the step as soon as an actor is free, if none has trained it ahead."""
        training = self._trainings[trial.trial_id]
        step = Paid(trial.step.target, trial.step.units)
        begun = training.report is not None or training.home is not None
        ahead = math.isinf(training.due) and begun
        training.due = due
        if training.failed and not ahead:
            training.step = step
            self._fail(training)
        elif not ahead:
            training.step, training.deaths = step, 0
            self._enqueue(training)
        self._collect(block=False)

    def report(self, trial: VirtualTrial) -> Report:
        """Wait until it is trained."""
        training = self._trainings[trial.trial_id]
        while training.report is None:
            self._collect(block=True)
        report = training.report
        self._drop_report(training)
        return report

    def pause(self, trial: VirtualTrial) -> None:
        """Let its home save its state and forget it."""
        training = self._trainings[trial.trial_id]
        if training.home is not None:
            self._save(training)
            self._leave(training)

    def end(self, trial: VirtualTrial) -> None:
        """Forget it, and what was trained ahead for it."""
        training = self._trainings.pop(trial.trial_id)
        training.ended = True
        training.state = None
        if training.report is not None:
            self._unused += training.report.units
            self._drop_report(training)
        if training.home is not None and training.home.training is not training:
            self._leave(training)

    def close(self) -> None:
        """End the actors."""
        self._time.stop()
        left = [one.report for one in self._trainings.values() if one.report is not None]
        self._unused += sum(report.units for report in left)
        for actor in self._actors:
            ray.kill(actor.handle)
        self._actors.clear()

    @property
    def measured(self) -> ParallelTraining:
        """How the actors spent the time until ``close``."""
        return self._time.spent(self._repeated, self._unused, self._deaths)

    # --- what actors do ---

    def _new_actor(self) -> _Actor:
        job = self._job
        handle = TrainingActor.options(
            num_cpus=job.cpus_per_trial,
            num_gpus=job.gpus_per_trial,
            runtime_env={"env_vars": numerics.changes(job.numerics)},
        ).remote(job.task, job.cell.seed, self._record)
        actor = _Actor(handle)
        self._calls[handle.check.remote()] = actor
        return actor

    def _enqueue(self, training: _Training) -> None:
        queue = self._waiting if training.home is None else training.home.waiting
        heapq.heappush(queue, (training.due, next(self._number), training))

    def _dispatch(self) -> None:
        """Give every free actor its next step: the one that is due first, else one ahead."""
        for actor in self._actors:
            if actor.ready and actor.training is None and (training := self._next(actor)):
                self._submit(actor, training)

    def _next(self, actor: _Actor) -> _Training | None:
        queues = [queue for queue in (actor.waiting, self._waiting) if queue]
        if queues:
            return heapq.heappop(min(queues))[2]
        while self._expected:
            training = self._expected.popleft()
            if math.isinf(training.due) and not training.ended:
                return training
        return None

    def _submit(self, actor: _Actor, training: _Training) -> None:
        assert training.step is not None
        again = None
        if training.home is None:
            again = [step for step, _ in training.done if step.level > training.saved]
            training.home = actor
        actor.training = training
        self._time.free(-1)
        state = None if again is None else training.state
        call = actor.handle.train.remote(
            training.trial_id, training.config, training.step, again, state
        )
        self._calls[call] = actor

    def _save(self, training: _Training) -> None:
        assert training.home is not None
        save = training.home.handle.save.options(num_returns=2)
        done, training.state = save.remote(training.trial_id)
        training.saved = training.done[-1][0].level
        self._saving[training.state] = (done, training)

    def _leave(self, training: _Training) -> None:
        """Let its home forget it."""
        assert training.home is not None
        training.home.handle.forget.remote(training.trial_id)
        training.home = None

    # --- what comes back ---

    def _collect(self, *, block: bool) -> None:
        """Take what has come back, and give free actors more; ``block``: wait for something."""
        self._dispatch()
        # a state that is waited for comes to this node, and outlives the one where it was saved
        pending = [*self._calls, *self._saving]
        if block:
            ray.wait(pending)
        done, _ = ray.wait(pending, num_returns=len(pending), timeout=0)
        for reference in done:
            if reference in self._saving:
                self._saved(reference)
            elif reference in self._calls:
                self._called(reference)
        if done:
            self._dispatch()

    def _saved(self, reference: Any) -> None:
        done, training = self._saving.pop(reference)
        try:
            ray.get(done)
        except RayTaskError as error:
            raise _cause(error) from None
        except RayError:  # its actor has died, which its next call says as well
            if training.state == reference:
                training.state, training.saved = None, 0

    def _called(self, reference: Any) -> None:
        actor = self._calls.pop(reference)
        training = actor.training
        try:
            answer: Trained | None = ray.get(reference)
        except RayError as error:
            if training is not None and _is_lost(error):
                self._without_state(actor, training)
            elif isinstance(error, RayTaskError):
                raise _cause(error) from None
            else:
                self._replace(actor, error)
        else:
            self._time.free(1)
            if answer is None:
                actor.ready, self._fruitless = True, 0
            else:
                assert training is not None
                actor.training = None
                self._trained(training, answer)

    def _trained(self, training: _Training, answer: Trained) -> None:
        self._time.busy += answer.seconds
        self._repeated += sum(report.units for report in answer.repeated)
        if training.ended:
            self._unused += answer.report.units
            self._leave(training)
            return
        before = [report for _, report in training.done]
        for known, again in zip(
            before[len(before) - len(answer.repeated) :], answer.repeated, strict=True
        ):
            _check_same(self._job.cell, training.trial_id, known, again)
        self._arrived(training, answer.report)
        if answer.report.seconds > SAVED_FROM and self._job.task.can_pause:
            self._save(training)

    def _arrived(self, training: _Training, report: Report) -> None:
        """Hold the report until the clock asks for it."""
        assert training.step is not None
        training.done.append((training.step, report))
        training.report, training.step = report, None
        self._time.held(1)

    def _drop_report(self, training: _Training) -> None:
        training.report = None
        self._time.held(-1)

    # --- what goes wrong ---

    def _without_state(self, actor: _Actor, training: _Training) -> None:
        """The state was lost with its node before it could be used: train it again."""
        actor.training, training.home = None, None
        self._time.free(1)
        training.state, training.saved = None, 0
        self._enqueue(training)

    def _replace(self, actor: _Actor, error: RayError) -> None:
        """Start another actor for one that has died; its trials go on elsewhere."""
        if actor not in self._actors:
            return
        self._deaths += 1
        if actor.ready and actor.training is None:
            self._time.free(-1)
        if not actor.ready:
            self._fruitless += 1
            if self._fruitless >= MOST_DEATHS:
                raise StudyError(f"{self._job.cell}: no actor starts: {one_line(error)}")
        self._calls = {call: other for call, other in self._calls.items() if other is not actor}
        for training in self._trainings.values():
            if training.home is actor:
                training.home = None
        for _, _, training in actor.waiting:
            self._enqueue(training)
        if actor.training is not None:
            self._interrupted(actor.training, error)
        self._actors[self._actors.index(actor)] = self._new_actor()

    def _interrupted(self, training: _Training, error: RayError) -> None:
        """The actor died while it trained this: train it again, unless it was the reason."""
        training.home = None
        training.deaths += 1
        if training.ended:
            return
        if training.deaths < MOST_DEATHS:
            if math.isinf(training.due):
                self._expected.appendleft(training)
            else:
                self._enqueue(training)
            return
        training.failed = f"its process died {training.deaths} times: {one_line(error, 100)}"
        self._fail(training)

    def _fail(self, training: _Training) -> None:
        """Its step has failed, as all that follow, and counts as executed whole."""
        assert training.step is not None
        units, message = training.step.units, training.failed
        self._arrived(training, self._job.task.failure(units, 0.0, message=message))


def _cause(error: RayTaskError) -> BaseException:
    """What was raised in the actor."""
    cause = error.cause
    return cause if isinstance(cause, BaseException) else error


def _is_lost(error: RayError) -> bool:
    """Whether what the call was given is there no more."""
    return isinstance(getattr(error, "cause", None) or error, ObjectLostError)


def _check_same(cell: Cell, trial_id: str, known: Report, again: Report) -> None:
    """Raise StudyError where a step that was trained again reports other numbers."""
    for name in ("status", "val_loss", "test_loss", "extra"):
        there, here = (repr(getattr(report, name)) for report in (known, again))
        if here != there:
            raise StudyError(
                f"{cell}: an actor died, and trial {trial_id}, trained again, gave {name} {here} "
                f"in place of {there}: the task's training is not the same each time"
            )
