"""One Bayesian neural network: a chain from its start to a level, and what its samples predict."""

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bohb_study.seeding import Config, derive, split_seed
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.training.bayesian.network import Network
from bohb_study.tasks.training.bayesian.regression_data import load_data
from bohb_study.tasks.training.bayesian.sghmc import SGHMC
from bohb_study.tasks.training.one_thread import one_blas_thread

if TYPE_CHECKING:
    from bohb_study.tasks.training.bayesian.bnn import BNN

BATCH = 32
"""Examples that a gradient is estimated on, drawn with replacement."""
THINNING = 20
"""Steps from one kept sample to the next, counted back from the last step."""


class Predictive:
    """The mean of the samples' predictive densities at given points."""

    def __init__(self, y: NDArray[np.float32]) -> None:
        """Of targets ``y``, shape (n,)."""
        self._y = y.astype(np.float64)
        self._log_sum = np.full(len(y), -np.inf)
        self._sum = np.zeros(len(y))
        self.samples = 0

    def add(self, predicted: NDArray[np.float32], log_variance: float) -> None:
        """Another sample: its predictions at the points, shape (n,), and its noise."""
        predicted = predicted.astype(np.float64)
        squares = (self._y - predicted) ** 2 * np.exp(-log_variance)
        density = -0.5 * (math.log(2 * math.pi) + log_variance + squares)
        self._log_sum = np.logaddexp(self._log_sum, density)
        self._sum += predicted
        self.samples += 1

    def log_densities(self) -> NDArray[np.float64]:
        """The logarithm of the mean density at each point."""
        found: NDArray[np.float64] = self._log_sum - math.log(self.samples)
        return found

    def errors(self) -> NDArray[np.float64]:
        """How far the mean of the predictions is off at each point."""
        found: NDArray[np.float64] = self._sum / self.samples - self._y
        return found


class BNNEvaluation(Evaluation):
    """Has no state: each level is a chain of its own.

    A chain that is no longer finite ends there and has diverged; so has one whose validation loss
    reaches ``diverged_from``.
    """

    def __init__(self, task: "BNN", config: Config, seed: int, training_seed: int) -> None:
        """Load the data.

        Args:
            task: its name names the split.
            config: hyperparameters.
            seed: the study's; draws the split.
            training_seed: draws the chain's start, batches and noise.
        """
        self._task = task
        self._config = config
        self._seed = training_seed
        self._data = load_data(task.data, split_seed(task.name, seed))

    def advance(self, level: int) -> Report:
        """Run a chain of ``level`` steps and report."""
        began = time.perf_counter()
        # a chain that blows up is seen by its losses
        with one_blas_thread(), np.errstate(all="ignore"):
            predictive = self._sample(level)
            density, error = predictive.log_densities(), predictive.errors()
            part = len(self._data.val.y)
            val_loss, test_loss = -float(density[:part].mean()), -float(density[part:].mean())
            rmse = float(np.sqrt((error[:part] ** 2).mean()))
        seconds = time.perf_counter() - began
        if not (val_loss < self._task.diverged_from and math.isfinite(test_loss + rmse)):
            return self._task.failure(level, seconds, "diverged")
        return Report(val_loss, test_loss, seconds, level, extra={"val_rmse": rmse})

    def _sample(self, level: int) -> Predictive:
        """What the samples behind the burn-in predict at validation and test points."""
        train, val, test = self._data
        points = np.concatenate([val.x, test.x])
        predictive = Predictive(np.concatenate([val.y, test.y]))
        network = Network(train.x.shape[1], (int(self._config["l1"]), int(self._config["l2"])))
        vector = network.drawn(self._rng("start"))
        weights, gradient = network.parts(vector), np.empty_like(vector)
        chain = SGHMC(
            vector,
            float(self._config["step_length"]),
            float(self._config["momentum_decay"]),
            self._rng("noise"),
        )
        batches = self._rng("batches").integers(len(train.y), size=(level, BATCH))
        burn_in = int(float(self._config["burn_in"]) * level)
        scale = len(train.y) / BATCH
        for step, batch in enumerate(batches, 1):
            network.gradient(vector, weights, train.x[batch], train.y[batch], scale, gradient)
            chain.step(gradient, adapt=step <= burn_in)
            if (level - step) % THINNING:
                continue
            if not np.isfinite(vector.sum()):
                predictive.add(np.full(len(points), np.nan, np.float32), np.nan)
                break
            if step > burn_in:
                predictive.add(network.predict(weights, points), float(weights.log_variance[0]))
        return predictive

    def _rng(self, what: str) -> np.random.Generator:
        """A generator for one use; the same at every level."""
        return np.random.default_rng(derive(self._seed, what))

    def state(self) -> dict[str, Any]:
        """Nothing has to be kept: a level depends on the configuration and the seeds alone."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to resume from."""
