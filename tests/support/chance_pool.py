"""Actors that finish in any order, die and lose states by chance; a task that differs each time.

They stand for Ray's, many times as fast.
"""

import pickle
import random
from itertools import count
from typing import Any, ClassVar

from bohb_study.engines.actor_pool import Actor, Event, Training
from bohb_study.engines.actor_time import ActorTime
from bohb_study.engines.base import CellJob
from bohb_study.engines.guard import NoStateError
from bohb_study.engines.training_actor import NOT_SAVED, TrainingHost
from bohb_study.seeding import Config
from toy_cells import ToyTask

RECORD = {"mode": "portable"}


class OtherTask(ToyTask):
    """The toy, but no two trainings are alike."""

    def start(self, config: Config, seed: int) -> Any:
        return super().start(config, next(_another))


_another = count(1000)


class ChancePool:
    """Stands for ``ActorPool``: hosts in this process, and dice for everything that Ray may do."""

    made: ClassVar[list["ChancePool"]] = []

    def __init__(self, job: CellJob, time: ActorTime) -> None:
        self.dice = random.Random(f"{job.cell} {job.actors}")
        self.job, self.time = job, time
        self.deaths = 0
        self.trained = 0
        """Units, all that anybody trained and was heard of."""
        self.made.append(self)
        self.asked: dict[Actor, Any] = {}
        self.actors = [self.start() for _ in range(job.actors)]

    def start(self) -> Actor:
        self.time.free(1)
        task, seed = self.job.task, self.job.cell.seed
        return Actor(TrainingHost(task, seed, RECORD), ready=True)

    def free(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.training is None]

    def train(self, actor: Actor, training: Training, again: Any) -> None:
        training.home, actor.training = actor, training
        self.time.free(-1)
        state = None if again is None else training.state
        self.asked[actor] = (training.trial_id, training.config, training.step, again, state)

    def save(self, training: Training, *, needed: bool) -> None:
        assert training.home is not None
        _, state = training.home.handle.save(training.trial_id, needed)
        training.saved = training.level
        training.state = b"lost" if self.dice.random() < 0.05 else state

    def leave(self, training: Training) -> None:
        assert training.home is not None
        training.home.handle.forget(training.trial_id)
        training.home = None

    def events(self, *, block: bool) -> list[Event]:
        working = [actor for actor in self.actors if actor in self.asked]
        if not working or (not block and self.dice.random() < 0.7):
            return []
        return [self.event(self.dice.choice(working))]

    def event(self, actor: Actor) -> Event:
        call = self.asked.pop(actor)
        if self.dice.random() < 0.03:
            self.deaths += 1
            self.actors[self.actors.index(actor)] = self.start()
            return Event(actor, died="by chance")
        self.time.free(1)
        if call[-1] == b"lost":
            return Event(actor, stateless=True)
        try:
            answer = actor.handle.train(*call)
        except NoStateError:
            return Event(actor, stateless=True)
        self.trained += sum(report.units for report in (*answer.repeated, answer.report))
        return Event(actor, answer)

    def close(self) -> None:
        self.actors.clear()

    def saved_state(self, training: Training) -> Any:
        if training.state in (None, NOT_SAVED, b"lost"):
            return None
        return pickle.loads(training.state)

    def put(self, training: Training, level: int, state: Any) -> None:
        training.state, training.saved = pickle.dumps(state), level
