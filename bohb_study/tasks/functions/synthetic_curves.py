"""Synthetic learning curves: six mixed hyperparameters, 81 epochs, microseconds.

For tests and for measuring engines; it stands for no real training. With g = lr / best lr, where
best lr = BEST_LR[optimizer] sqrt(batch_size / 64), the noise-free loss after epoch t is

    L(t) = F + (2.3 - F) / (1 + t g / SLOWNESS[optimizer])
    F    = 0.1 + 0.1 g + PLATEAU[optimizer] + 0.1 (log2(units / 256) / 4)^2
           + 0.3 (dropout - log2(units / 16) / 10)^2 + 0.02 (layers - 3)^2.

A large g learns fast and ends high, a small one overtakes it later; so do the optimizers among each
other. Where g > 10 the training diverges, from epoch max(1, ceil(27 (2 - log10 g))) on. What is
reported, e ~ N(0, 1) being drawn from the trial's seed:

    val_loss(t)  =      L(t) (1 + 0.02 e + 0.02 e_t)
    test_loss(t) = 1.05 L(t) (1 + 0.02 e + 0.04 e'_t)    with the same e.

L is made up for this project; its lowest L(81) is 0.290866, with momentum at g = 0.704.
"""

import math
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bohb_study.seeding import Config, trial_seed
from bohb_study.tasks.base import Evaluation, Report, Task
from bohb_study.tasks.ladder import Ladder

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

EPOCHS: NDArray[np.float64] = np.arange(1.0, 82.0)
BEST_LR = {"sgd": 10**-0.5, "momentum": 10**-1.5, "adam": 10**-2.5}
SLOWNESS = {"sgd": 4.0, "momentum": 2.0, "adam": 1.0}
PLATEAU = {"sgd": 0.0, "momentum": 0.05, "adam": 0.15}


def speed(config: Config) -> float:
    """The learning rate as a multiple of the best one for optimizer and batch size: g."""
    best = BEST_LR[str(config["optimizer"])] * math.sqrt(float(config["batch_size"]) / 64)
    return float(config["lr"]) / best


def _floor_and_rate(config: Config) -> tuple[float, float]:
    """Where a curve ends, and how fast it gets there: F and g / SLOWNESS."""
    g, optimizer = speed(config), str(config["optimizer"])
    units, dropout, layers = (float(config[name]) for name in ("units", "dropout", "layers"))
    floor = 0.1 + 0.1 * g + PLATEAU[optimizer]
    floor += 0.1 * (math.log2(units / 256) / 4) ** 2
    floor += 0.3 * (dropout - math.log2(units / 16) / 10) ** 2 + 0.02 * (layers - 3) ** 2
    return floor, g / SLOWNESS[optimizer]


def curve(config: Config) -> NDArray[np.float64]:
    """Noise-free losses after each epoch, shape (81,), as if nothing diverged."""
    floor, rate = _floor_and_rate(config)
    losses: NDArray[np.float64] = floor + (2.3 - floor) / (1 + EPOCHS * rate)
    return losses


def last_loss(config: Config) -> float:
    """The last value of ``curve``, alone."""
    floor, rate = _floor_and_rate(config)
    return floor + (2.3 - floor) / (1 + len(EPOCHS) * rate)


def diverges_at(config: Config) -> float:
    """The first epoch without a finite loss; infinite where training is stable."""
    g = speed(config)
    return max(1, math.ceil(27 * (2 - math.log10(g)))) if g > 10 else math.inf


@dataclass(frozen=True)
class SyntheticCurves(Task):
    """Made-up learning curves that cross and, at large learning rates, diverge."""

    name: str = field(default="synthetic-curves", kw_only=True)

    summary = "made-up learning curves of a network: lr, optimizer, units, dropout, layers, batch"
    val_metric = "validation loss"
    test_metric = "test loss"
    optimum = 0.290866
    """Rounded down."""
    grid_order = ("lr", "optimizer", "units", "dropout", "layers", "batch_size")
    computed = True
    own_ladder = Ladder("epoch", (1, 3, 9, 27, 81), eta=3, curve=True, resumable=True)

    def space(self, seed: int) -> "ConfigurationSpace":
        """Six hyperparameters, independent of each other."""
        from ConfigSpace import (
            CategoricalHyperparameter,
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformFloatHyperparameter("lr", 1e-4, 1.0, log=True),
            CategoricalHyperparameter("optimizer", tuple(BEST_LR)),
            UniformIntegerHyperparameter("units", 16, 1024, log=True),
            UniformFloatHyperparameter("dropout", 0.0, 0.8),
            UniformIntegerHyperparameter("layers", 1, 5),
            UniformIntegerHyperparameter("batch_size", 16, 512, log=True),
        )
        return space

    def start(self, config: Config, seed: int) -> Evaluation:
        """Compute the whole curve of ``config`` under the study's ``seed``."""
        return CurveEvaluation(self, config, seed)

    def true_loss(self, config: Config) -> float | None:
        """L(81); None where training diverges before the end."""
        return None if diverges_at(config) <= len(EPOCHS) else last_loss(config)

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds: an epoch takes 0.5 + 32 / batch_size + layers units / 512."""
        batch_size, layers, units = config["batch_size"], config["layers"], config["units"]
        seconds: float = 0.5 + 32 / batch_size + layers * units / 512
        return (end - start) * seconds


class CurveEvaluation(Evaluation):
    """Hands out a curve that was computed at once: a step costs what its report costs."""

    def __init__(self, task: SyntheticCurves, config: Config, seed: int) -> None:
        """The curve of ``config`` under the study's ``seed``, at epoch 0."""
        begin = perf_counter()
        losses = curve(config)
        rng = np.random.default_rng(trial_seed(task.name, seed, config))
        noise = rng.standard_normal(1 + 2 * len(losses))
        common, val, test = noise[0], noise[1 : 1 + len(losses)], noise[1 + len(losses) :]
        self._val: list[float] = (losses * (1 + 0.02 * common + 0.02 * val)).tolist()
        self._test: list[float] = (1.05 * losses * (1 + 0.02 * common + 0.04 * test)).tolist()
        self._diverges_at = diverges_at(config)
        self._task = task
        self._epoch = 0
        self._seconds = perf_counter() - begin

    def advance(self, level: int) -> Report:
        """The losses after epoch ``level``; its first report has the time of the whole curve.

        Raises:
            ValueError: ``level`` is not above the current epoch.
        """
        units = level - self._epoch
        if units < 1:
            raise ValueError(f"at epoch {self._epoch} already, cannot advance to {level}")
        self._epoch = level
        seconds, self._seconds = self._seconds, 0.0
        if level >= self._diverges_at:
            return self._task.failure(units, seconds, status="diverged")
        return Report(self._val[level - 1], self._test[level - 1], seconds, units)

    def state(self) -> dict[str, Any]:
        """The epoch: all else follows from task, configuration and seed."""
        return {"epoch": self._epoch}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state's epoch."""
        self._epoch = int(state["epoch"])
