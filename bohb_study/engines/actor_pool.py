"""The Ray actors of a cell: started, asked, waited for, and replaced where they die."""

import heapq
import math
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import ray
from ray.exceptions import ObjectLostError, RayError, RayTaskError
from ray.util.placement_group import PlacementGroup, remove_placement_group

from bohb_study import numerics
from bohb_study.engines.actor_time import ActorTime
from bohb_study.engines.base import CellJob, one_line
from bohb_study.engines.guard import NoStateError
from bohb_study.engines.ranks import RankError, RankGroup
from bohb_study.engines.training_actor import NOT_SAVED, Started, Trained, TrainingActor
from bohb_study.engines.trial_limits import exceeded
from bohb_study.engines.virtual_trial import StepTaken
from bohb_study.errors import StudyError
from bohb_study.seeding import Config
from bohb_study.tasks import Report

LIMIT_POLL_SECONDS = 0.25
"""How often limits of trials are looked at while nothing comes back."""
MOST_STARTS = 3
"""Actors that may die one after the other before they have started."""


@dataclass(eq=False)
class Training:
    """A trial that is trained, or may be, wherever that is."""

    trial_id: str
    config: Config
    first_rung: int = 0
    """Index of the rung to which it goes first."""
    judged: float = math.inf
    """Scheduler time at which the scheduler may end or pause it next; infinite where it is not
    halved."""
    done: list[tuple[StepTaken, Report]] = field(default_factory=list)
    """The steps that were trained, with what they reported, those ahead included."""
    paid: int = 0
    """How many steps the clock has started."""
    told: int = 0
    """How many reports the clock has asked for."""
    due: float = math.inf
    """Virtual second at which the report of the last step that is paid counts."""
    step: StepTaken | None = None
    """What is to be trained, or is just being trained."""
    home: "Actor | None" = None
    """Where its evaluation is."""
    state: Any = None
    """Reference of its last saved state, at level ``saved``; None where there is none."""
    saved: int = 0
    deaths: int = 0
    """Of actors, one after the other, while they trained it."""
    failed: str = ""
    """Why no more of it is trained."""
    ended: bool = False

    @property
    def level(self) -> int:
        """How far it is trained; 0 at first."""
        return self.done[-1][0].level if self.done else 0

    @property
    def held(self) -> int:
        """How many reports the clock has not asked for yet."""
        return len(self.done) - self.told

    def lose_state(self) -> None:
        """Its state is gone: it can only begin anew."""
        self.state, self.saved = None, 0


@dataclass(eq=False)
class Actor:
    """One actor, and what it is to do."""

    handle: Any
    bundles: PlacementGroup | None = None
    """Of its ranks, where a trial has several processes."""
    ready: bool = False
    """Whether it has started."""
    training: Training | None = None
    """What it trains now."""
    since: float = 0.0
    """When it was given that, by the monotonic clock."""
    steps: int = 1
    """How many steps that takes."""
    process: int | None = None
    """Its id, where it is a process of this machine."""
    queue: "Queue" = field(default_factory=lambda: Queue())
    """What has its home here and is to be trained."""


class Queue:
    """Trainings by the second at which they are due; of equal ones the first that came."""

    def __init__(self) -> None:
        """An empty one."""
        self._heap: list[tuple[float, int, Training]] = []

    def __bool__(self) -> bool:
        return bool(self._heap)

    def __iter__(self) -> Iterator[Training]:
        return (training for _, _, training in self._heap)

    def put(self, training: Training) -> None:
        """Add one."""
        heapq.heappush(self._heap, (training.due, next(_numbers), training))

    def take(self) -> Training:
        """The first, which is removed."""
        return heapq.heappop(self._heap)[2]

    @property
    def due(self) -> float:
        """When the first is due; infinite where there is none."""
        return self._heap[0][0] if self._heap else math.inf


_numbers = count()


class Event(NamedTuple):
    """Something that has come back from an actor, which is free again unless it has died."""

    actor: Actor
    trained: Trained | None = None
    """Of the step that it was given."""
    stateless: bool = False
    """The step was not trained: the state that it had to begin with is lost."""
    died: str = ""
    """How the actor ended, in one line."""


class ActorPool:
    """Starts actors, passes calls on and says what came of them."""

    def __init__(self, job: CellJob, spent: ActorTime) -> None:
        """Start the actors of ``job``.

        Args:
            job: the cell.
            spent: is told when actors become free and when they are given work.
        """
        self._job, self._time = job, spent
        self._record = numerics.record(job.numerics)
        self._calls: dict[Any, Actor] = {}
        """Who was asked to start or to train, by the reference of the answer."""
        self._saving: dict[Any, tuple[Any, Training]] = {}
        """Whose state is being saved, with the reference of the answer, by that of the state."""
        self._failed_starts = 0
        self.deaths = 0
        """Actors that died and were replaced."""
        self.actors: list[Actor] = []
        for _ in range(job.actors):
            self.actors.append(self._start())

    def _start(self) -> Actor:
        job, ranks, bundles = self._job, None, None
        cpus, gpus = job.cpus_per_trial, job.gpus_per_trial
        if job.data_parallel > 1:  # they hold what the trial takes, and who drives them nothing
            each = [{"CPU": cpus, "GPU": gpus}] * job.data_parallel
            # ranks talk to each other at every batch: on one node, where one has room
            bundles = job.placement.bundles(each).to_placement_group()
            ranks = RankGroup(job.task, job.data_parallel, cpus, gpus, self._record, bundles)
            cpus = gpus = 0
        handle = TrainingActor.options(
            num_cpus=cpus,
            num_gpus=gpus,
            label_selector=job.placement.label_selector,
            runtime_env={"env_vars": numerics.changes(job.numerics)},
        ).remote(job.task, job.cell.seed, self._record, ranks)
        actor = Actor(handle, bundles)
        self._calls[handle.check.remote()] = actor
        return actor

    def free(self) -> list[Actor]:
        """The actors that have started and train nothing."""
        return [actor for actor in self.actors if actor.ready and actor.training is None]

    def train(self, actor: Actor, training: Training, again: Sequence[StepTaken] | None) -> None:
        """Let a free actor take the step of ``training``.

        Args:
            actor: a free one; the home of the training from now on.
            training: with the step that is asked for.
            again: steps to take again before it, from its state; None where it is at home there.
        """
        training.home, actor.training = actor, training
        actor.since, actor.steps = time.monotonic(), 1 + len(again or ())
        self._time.free(-1)
        state = None if again is None else training.state
        call = actor.handle.train.remote(
            training.trial_id, training.config, training.step, again, state
        )
        self._calls[call] = actor

    def save(self, training: Training, *, needed: bool) -> None:
        """Let its home save the state that it has after the last step that was trained.

        Args:
            training: one that is at home somewhere.
            needed: where the state cannot be had, the training has failed.
        """
        assert training.home is not None
        save = training.home.handle.save.options(num_returns=2)
        done, training.state = save.remote(training.trial_id, needed)
        training.saved = training.level
        self._saving[training.state] = (done, training)

    def saved_state(self, training: Training) -> Any:
        """Its last saved state, as ``GuardedEvaluation`` has it; None where there is none yet."""
        if training.state is None or training.state in self._saving:
            return None
        data = ray.get(training.state)
        return pickle.loads(data) if data != NOT_SAVED else None

    def put(self, training: Training, level: int, state: Any) -> None:
        """Give it a state, as of ``GuardedEvaluation`` at ``level``, to go on from."""
        training.state = ray.put(pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL))
        training.saved = level

    def leave(self, training: Training) -> None:
        """Let its home forget it."""
        assert training.home is not None
        training.home.handle.forget.remote(training.trial_id)
        training.home = None

    def events(self, *, block: bool) -> list[Event]:
        """What has come back since this was last asked; ``block``: wait until something does.

        Raises:
            StudyError, UsageError: the task's code says that the cell cannot go on.
        """
        # a state that is waited for comes to this node, and outlives the one where it was saved
        pending = [*self._calls, *self._saving]
        if block:
            ray.wait(pending, timeout=LIMIT_POLL_SECONDS if self._job.limits else None)
        done, _ = ray.wait(pending, num_returns=len(pending), timeout=0)
        found: list[Event] = []
        for reference in done:
            if reference in self._saving:
                self._saved(*self._saving.pop(reference), reference)
            elif reference in self._calls:  # not that of an actor that was found dead just now
                found += self._called(self._calls.pop(reference), reference)
        return found

    def _saved(self, done: Any, training: Training, state: Any) -> None:
        try:
            saved = ray.get(done)
        except RayError as error:
            if isinstance(error, RayTaskError) and not isinstance(error.cause, RankError):
                raise _cause(error) from None
            saved = False  # its actor or ranks have died, which another call says as well
        if not saved and training.state == state:
            training.lose_state()

    def _called(self, actor: Actor, reference: Any) -> Iterator[Event]:
        try:
            answer: Trained | Started = ray.get(reference)
        except RayError as error:
            if actor.training is not None and _is_lost(error):
                self._time.free(1)
                yield Event(actor, stateless=True)
            elif isinstance(error, RayTaskError) and not isinstance(error.cause, RankError):
                raise _cause(error) from None
            else:
                yield self._replace(actor, error)
            return
        self._time.free(1)
        if isinstance(answer, Trained):
            yield Event(actor, answer)
            return
        actor.ready, self._failed_starts = True, 0
        if answer.node == ray.get_runtime_context().get_node_id():
            actor.process = answer.process

    def _replace(self, actor: Actor, error: RayError) -> Event:
        """Start another actor for one that has died."""
        self.deaths += 1
        died = one_line(_cause(error) if isinstance(error, RayTaskError) else error, 100)
        if not actor.ready:
            self._failed_starts += 1
            if self._failed_starts >= MOST_STARTS:
                raise StudyError(f"{self._job.cell}: its actors do not start: {died}")
        elif actor.training is None:
            self._time.free(-1)
        _end(actor)
        self._calls = {call: other for call, other in self._calls.items() if other is not actor}
        self.actors[self.actors.index(actor)] = self._start()
        return Event(actor, died=died)

    def exceeded(self, actor: Actor) -> str:
        """Which limit the training of an actor exceeds, in a few words; empty where none."""
        return exceeded(
            self._job.limits, time.monotonic() - actor.since, actor.steps, actor.process
        )

    def kill(self, actor: Actor) -> None:
        """End an actor in the middle of what it does; ``events`` will say that it has died."""
        ray.kill(actor.handle)

    def close(self) -> None:
        """End the actors."""
        for actor in self.actors:
            _end(actor)
        self.actors.clear()


def _end(actor: Actor) -> None:
    """End it, also where only its ranks have died, and give back what it held."""
    ray.kill(actor.handle)
    if actor.bundles is not None:
        remove_placement_group(actor.bundles)


def _cause(error: RayTaskError) -> BaseException:
    """What was raised in the actor."""
    cause = error.cause
    return cause if isinstance(cause, BaseException) else error


def _is_lost(error: RayError) -> bool:
    """Whether what the call was given is not there: lost with its node, or never saved at all."""
    given = isinstance(error, RayTaskError) and isinstance(error.cause, RayError | NoStateError)
    return given or isinstance(error, ObjectLostError)
