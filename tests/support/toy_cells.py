"""A Ray runtime for tests that ask for one, and small tasks whose evaluations cost nothing."""

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

from bohb_study.engines.base import CellJob
from bohb_study.engines.paused_states import States
from bohb_study.errors import UsageError
from bohb_study.seeding import Config, trial_seed
from bohb_study.study import Cell
from bohb_study.tasks import Evaluation, Ladder, Report, Task


@pytest.fixture(scope="session")
def by_value() -> None:
    """The toy tasks live here, where other processes cannot import them."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="session")
def no_runtime_at_the_end() -> Iterator[None]:
    yield
    disconnect()


@pytest.fixture
def runtime(by_value: None, no_runtime_at_the_end: None) -> None:
    """A local Ray with two CPUs; it stays for the next test that needs one."""
    import ray

    if not ray.is_initialized():
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )


@pytest.fixture
def disconnected() -> None:
    """No Ray in this process, whatever ran here before."""
    disconnect()


def disconnect() -> None:
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


class ToyEvaluation(Evaluation):
    """A noisy loss that falls with the level and remembers what it has seen."""

    def __init__(self, task: "ToyTask", config: Config, seed: int) -> None:
        self.task = task
        self.config = config
        self.seed = trial_seed(task.name, seed, config)
        self.level = 0
        self.memory = 0.0

    def advance(self, level: int) -> Report:
        self._draw()
        if self.task.breaks == "missing":
            raise UsageError(f"{self.task.name}: no data in nowhere", "tasks")
        if self.task.breaks == "raises" and self.config["x"] > 0.5:
            raise RuntimeError("this configuration cannot be trained")
        if self.task.breaks == "nan" and self.config["x"] > 0.5:
            return Report(float("nan"), 0.5, 0.0, units=level - self.level)
        begin = self.level if self.task.ladder.resumable else 0
        for step in range(begin + 1, level + 1):
            self.memory += np.random.default_rng([self.seed, step]).normal() / 100
        self.level = level
        distance = (float(self.config["x"]) - 0.3) ** 2 + (float(self.config["y"]) - 0.7) ** 2
        loss = distance + 1 / level + self.memory
        return Report(loss, loss / 2, 0.0, units=level - begin, extra={"memory": self.memory})

    def state(self) -> dict[str, Any]:
        self._draw()
        return {"level": self.level, "memory": self.memory}

    def restore(self, state: dict[str, Any]) -> None:
        self._draw()
        if self.task.breaks != "forgets":
            self.level, self.memory = state["level"], state["memory"]

    def _draw(self) -> None:
        if self.task.breaks == "draws":
            np.random.random()  # noqa: NPY002


@dataclass(frozen=True)
class ToyTask(Task):
    """Two dimensions, nine epochs; a training curve."""

    breaks: str = ""
    """"raises", "nan": what x above 0.5 does. "forgets": a paused trial starts over silently.
    "draws": every call draws from numpy's global generator. "missing": its data are not there."""

    name: ClassVar[str] = "toy"
    summary: ClassVar[str] = "a toy"
    val_metric: ClassVar[str] = "loss"
    test_metric: ClassVar[str] = "loss / 2"
    extra_names: ClassVar[tuple[str, ...]] = ("memory",)
    grid_order: ClassVar[tuple[str, ...]] = ("x", "y")

    @property
    def own_ladder(self) -> Ladder:
        return Ladder("epoch", (1, 3, 9), eta=3, curve=True, resumable=True)

    def space(self, seed: int) -> ConfigurationSpace:
        space = ConfigurationSpace(seed=seed)
        space.add([Float("x", (0.0, 1.0)), Float("y", (0.01, 1.0), log=True)])
        return space

    def start(self, config: Config, seed: int) -> ToyEvaluation:
        return ToyEvaluation(self, config, seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        return (end - start) * (1 + float(config["x"]))


@dataclass(frozen=True)
class RungTask(ToyTask):
    """The same without a curve: three rungs of 9, 27 and 81 units, each paid whole."""

    name: ClassVar[str] = "toy-rungs"

    @property
    def own_ladder(self) -> Ladder:
        return Ladder("sample", (9, 27, 81), eta=3, curve=False, resumable=False)


@dataclass(frozen=True)
class FiniteTask(ToyTask):
    """The same with six configurations in all."""

    name: ClassVar[str] = "toy-finite"

    def space(self, seed: int) -> ConfigurationSpace:
        space = ConfigurationSpace(seed=seed)
        space.add([Integer("x", (0, 2)), Categorical("y", [0.25, 0.75])])
        return space


@dataclass(frozen=True)
class SteadyTask(ToyTask):
    """The same, every epoch a second."""

    name: ClassVar[str] = "toy-steady"

    def duration(self, config: Config, start: int, end: int) -> float:
        return float(end - start)


class BusyEvaluation(ToyEvaluation):
    """Tells in which process it runs; study seed 1 ends that process."""

    def __init__(self, task: "BusyTask", config: Config, seed: int) -> None:
        super().__init__(task, config, seed)
        self.ends = seed == 1
        self.seconds = task.seconds

    def advance(self, level: int) -> Report:
        if self.ends:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        report = super().advance(level)
        return Report(report.val_loss, os.getpid(), 0.0, report.units, extra=report.extra)


@dataclass(frozen=True)
class BusyTask(ToyTask):
    """The toy with its process's id for a test loss; ends the process of study seed 1."""

    seconds: float = 0.0
    """What an epoch takes on the clock on the wall."""

    name: ClassVar[str] = "toy-busy"

    def start(self, config: Config, seed: int) -> BusyEvaluation:
        return BusyEvaluation(self, config, seed)


@dataclass(frozen=True)
class HoardingTask(BusyTask):
    """The toy in a process that keeps every state on disk, from when its space is asked for."""

    seconds: float = 0.25

    def space(self, seed: int) -> ConfigurationSpace:
        States.__init__.__defaults__ = (0,)
        return super().space(seed)


@dataclass(frozen=True)
class SpacelessTask(ToyTask):
    """The toy without a search space, which is nothing that an engine can guard against."""

    name: ClassVar[str] = "toy-spaceless"

    def space(self, seed: int) -> ConfigurationSpace:
        raise LookupError("this task has no space\nat all")


@pytest.fixture
def job() -> Any:
    """Makes a CellJob for a method on a toy task."""

    def make(
        method: str,
        task: Task | None = None,
        budget: float = 17,
        seed: int = 0,
        workers: int = 1,
    ) -> CellJob:
        task = task or ToyTask()
        return CellJob(Cell(task.name, method, seed), task, budget, workers=workers)

    return make


@pytest.fixture
def rung_task() -> RungTask:
    return RungTask()


@pytest.fixture
def finite_task() -> FiniteTask:
    return FiniteTask()


@pytest.fixture
def toy_task() -> type[ToyTask]:
    return ToyTask


@pytest.fixture
def steady_task() -> SteadyTask:
    return SteadyTask()


@pytest.fixture
def busy_task(by_value: None) -> type[BusyTask]:
    return BusyTask


@pytest.fixture
def spaceless_task(by_value: None) -> SpacelessTask:
    return SpacelessTask()


@pytest.fixture
def hoarding_task(by_value: None) -> HoardingTask:
    return HoardingTask()
