"""A task whose steps take a moment and need no PyTorch, for the injection of faults."""

import time
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace, Float

from bohb_study.seeding import Config, trial_seed
from bohb_study.tasks import Evaluation, Ladder, Report, Task

STEP_SECONDS = 0.03


class SlowEvaluation(Evaluation):
    """A noisy loss that falls with the level and remembers what it has seen."""

    def __init__(self, task: "Slow", config: Config, seed: int) -> None:
        self.config, self.level, self.memory = config, 0, 0.0
        self.seed = trial_seed(task.name, seed, config)

    def advance(self, level: int) -> Report:
        time.sleep(STEP_SECONDS * (level - self.level))
        for step in range(self.level + 1, level + 1):
            self.memory += np.random.default_rng([self.seed, step]).normal() / 100
        units, self.level = level - self.level, level
        loss = (self.config["x"] - 0.3) ** 2 + self.config["y"] / level + self.memory
        return Report(loss, loss / 2, STEP_SECONDS, units=units)

    def state(self) -> dict[str, Any]:
        return {"level": self.level, "memory": self.memory}

    def restore(self, state: dict[str, Any]) -> None:
        self.level, self.memory = state["level"], state["memory"]


class Slow(Task):
    """Two hyperparameters, nine epochs."""

    summary = "a task for the injection of faults"
    val_metric = "loss"
    test_metric = "half the loss"
    grid_order = ("x", "y")

    @property
    def own_ladder(self) -> Ladder:
        return Ladder("epoch", (1, 3, 9), eta=3, curve=True, resumable=True)

    def space(self, seed: int) -> ConfigurationSpace:
        space = ConfigurationSpace(seed=seed)
        space.add([Float("x", (0.0, 1.0)), Float("y", (0.01, 1.0), log=True)])
        return space

    def start(self, config: Config, seed: int) -> SlowEvaluation:
        return SlowEvaluation(self, config, seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        return (end - start) * (1 + float(config["x"]))
