"""A toy task, and a controller that asks searcher and scheduler in Ray's order."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from bohb_study.methods.base import METRIC, TIME, Pair, Problem
from bohb_study.methods.recording.recording_scheduler import FIRST_RUNG, Record
from bohb_study.seeding import Config
from bohb_study.tasks import Evaluation, Ladder, Task


@dataclass(frozen=True)
class Toy(Task):
    """Three hyperparameters, nothing to train."""

    costs: tuple[int, ...] = (9, 27, 81)
    halving: int = 3
    curve: bool = False
    finite: bool = False
    """Two choices only: a space of two configurations."""

    name: ClassVar[str] = "toy"
    summary = "nothing"
    val_metric = "loss"
    test_metric = "loss"

    @property
    def grid_order(self) -> tuple[str, ...]:
        return ("kind",) if self.finite else ("x", "n", "kind")

    @property
    def own_ladder(self) -> Ladder:
        return Ladder("sample", self.costs, eta=self.halving, curve=self.curve, resumable=True)

    def space(self, seed: int) -> ConfigurationSpace:
        space = ConfigurationSpace(seed=seed)
        space.add(CategoricalHyperparameter("kind", ("a", "b")))
        if not self.finite:
            space.add(
                UniformFloatHyperparameter("x", 1e-3, 1.0, log=True),
                UniformIntegerHyperparameter("n", 1, 20),
            )
        return space

    def start(self, config: Config, seed: int) -> Evaluation:
        raise NotImplementedError

    def duration(self, config: Config, start: int, end: int) -> float:
        raise NotImplementedError


def curve(top: int, eta: int = 3) -> Toy:
    """A toy that reports every epoch up to ``top``, a power of ``eta``."""
    costs = [1]
    while costs[-1] < top:
        costs.append(eta * costs[-1])
    return Toy(costs=tuple(costs), halving=eta, curve=True)


@dataclass(eq=False)
class FakeTrial:
    """What a scheduler sees of one of Ray's trials."""

    trial_id: str
    config: dict[str, Any]
    status: str = Trial.PENDING
    is_saving: bool = False
    level: int = 0


@dataclass(frozen=True)
class Reported:
    """One report of one trial, and what was recorded of it."""

    trial: int
    level: int
    bracket: int | None
    record: Record


class Controller:
    """Ray's controller, as far as searchers and schedulers see it, on a clock of its own."""

    def __init__(self, pair: Pair, ladder: Ladder) -> None:
        self.searcher, self.scheduler, self.ladder = pair.searcher, pair.scheduler, ladder
        self.search_alg = SimpleNamespace(searcher=self.searcher, on_trial_result=self._observe)
        self.trials: list[FakeTrial] = []
        self.reports: list[Reported] = []
        self.observed: list[int] = []
        """Scheduler times of the results at rungs that the searcher observed."""
        self.chosen: list[str | None] = []
        """What was chosen to run, each time that the scheduler was asked."""
        self.searcher.set_max_concurrency(1)

    def _observe(self, trial_id: str, result: dict[str, Any]) -> None:
        self.searcher.on_trial_result(trial_id, result)
        if "budget" in result.get("hyperband_info", {}):
            self.observed.append(result[TIME])

    def get_trials(self) -> list[FakeTrial]:
        return [trial for trial in self.trials if trial.status != Trial.TERMINATED]

    def stop_trial(self, trial: FakeTrial) -> None:
        self.scheduler.on_trial_remove(self, trial)
        self.searcher.on_trial_complete(trial.trial_id)
        trial.status = Trial.TERMINATED

    def add(self) -> bool:
        """One more trial, if the searcher gives one."""
        config = self.searcher.suggest(str(len(self.trials)))
        if not isinstance(config, dict):
            return False
        self.trials.append(FakeTrial(str(len(self.trials)), config))
        self.scheduler.on_trial_add(self, self.trials[-1])
        return True

    def run(self, samples: int, loss: Callable[[int], float], workers: int = 1) -> list[Reported]:
        """Run until ``samples`` trials have ended; a trial's loss depends on its number alone.

        So does how long an epoch takes, where there are several workers.
        """
        self.searcher.set_max_concurrency(workers)
        running: list[tuple[float, int, FakeTrial]] = []
        free = list(range(workers))
        now = 0.0
        while True:
            if len(self.trials) < samples and all(t.status != Trial.PENDING for t in self.trials):
                self.add()
            chosen = self.scheduler.choose_trial_to_run(self) if free else None
            self.chosen.append(chosen.trial_id if chosen else None)
            if chosen:
                chosen.status = Trial.RUNNING
                heapq.heappush(running, (now + self._pace(chosen), free.pop(), chosen))
                continue
            if not running:
                return self.reports
            now, worker, trial = heapq.heappop(running)
            trial.status = self._step(trial, loss)
            if trial.status == Trial.RUNNING:
                heapq.heappush(running, (now + self._pace(trial), worker, trial))
            else:
                free.append(worker)

    def _pace(self, trial: FakeTrial) -> float:
        return 1 + int(trial.trial_id) * 7 % 10 / 10

    def _step(self, trial: FakeTrial, loss: Callable[[int], float]) -> str:
        trial.level = self.ladder.next_level(trial.level, trial.config[FIRST_RUNG])
        number = int(trial.trial_id)
        result = {METRIC: loss(number), TIME: self.ladder.time(trial.level)}
        decision = self.scheduler.on_trial_result(self, trial, result)
        if decision != TrialScheduler.STOP:
            self.search_alg.on_trial_result(trial.trial_id, result)
        record = self.scheduler.records[trial.trial_id]
        bracket = self.scheduler.bracket_numbers[trial.trial_id]
        self.reports.append(Reported(number, trial.level, bracket, record))
        if decision == TrialScheduler.STOP:
            self.scheduler.on_trial_complete(self, trial, result)
            self.searcher.on_trial_complete(trial.trial_id, result)
            return Trial.TERMINATED
        return Trial.PAUSED if decision == TrialScheduler.PAUSE else Trial.RUNNING


@pytest.fixture(scope="session")
def toy() -> Callable[..., Task]:
    """A task without a learning curve: ``toy(costs=..., halving=..., finite=...)``."""
    return Toy


@pytest.fixture(scope="session")
def curvy() -> Callable[..., Task]:
    """A task with a learning curve: ``curvy(top, eta)``."""
    return curve


@pytest.fixture(scope="session")
def problem() -> Callable[..., Problem]:
    """``problem(task, method, seed)``, for a budget of 50 full evaluations."""
    return lambda task, method="random", seed=0, points=50: Problem(task, method, seed, points)


@pytest.fixture(scope="session")
def controller() -> Callable[[Pair, Ladder], Controller]:
    """Ray's controller, for one pair."""
    return Controller
