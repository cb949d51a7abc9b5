"""One training by gradient descent on a table of features, which can be paused after each epoch."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.seeding import derive
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.features.networks import Network, cross_entropies
from bohb_study.tasks.training.features.optimisers import Optimiser
from bohb_study.tasks.training.features.parts import Part
from bohb_study.tasks.training.one_thread import one_blas_thread

if TYPE_CHECKING:
    from bohb_study.tasks.training.features.epoch_task import EpochTask


@dataclass(frozen=True)
class Recipe:
    """How a configuration is trained."""

    hidden: tuple[int, ...]
    """Units of each hidden layer."""
    optimiser: Callable[[Network], Optimiser]
    rate: Callable[[int], float]
    """Learning rate of an epoch, from 1 on."""
    batch_size: int
    dropout: float = 0.0
    """Share of each hidden layer's activations that training sets to zero; below 1."""


class EpochEvaluation(Evaluation):
    """One training of one network.

    A training has diverged once the mean training loss of an epoch or the validation cross-entropy
    after it is not finite, or the latter reaches ``diverged_from``; it remains so. It goes on
    training all the same: its epochs are charged, so they are run, and giving up early is for the
    scheduler to decide.
    """

    def __init__(self, task: "EpochTask", recipe: Recipe, seed: int, training_seed: int) -> None:
        """Set up the initial weights.

        Args:
            task: says which data.
            recipe: of the configuration.
            seed: the study's; draws the parts.
            training_seed: draws initial weights, order of the rows and dropout.
        """
        self._task = task
        self._recipe = recipe
        self._parts = task.parts(seed)
        self._seed = training_seed
        widths = (task.features, *recipe.hidden, task.classes)
        self._network = Network(widths, np.random.default_rng(derive(training_seed, "weights")))
        self._optimiser = recipe.optimiser(self._network)
        self._epoch = 0
        self._diverged = False

    def advance(self, level: int) -> Report:
        """Train up to epoch ``level`` and report.

        Raises:
            ValueError: ``level`` is not above the current epoch.
        """
        if level <= self._epoch:
            raise ValueError(f"at epoch {self._epoch} already, cannot advance to {level}")
        began = time.perf_counter()
        units = 0
        # what overflows has diverged, and is reported so
        with one_blas_thread(), flushed_denormals(), np.errstate(all="ignore"):
            while self._epoch < level:
                train_loss = self._train_epoch()
                # After every epoch, not only after the last: whether a training has diverged must
                # not depend on where it was paused.
                val_loss, val_error = self._evaluate(self._parts.val)
                ok = math.isfinite(train_loss) and val_loss < self._task.diverged_from
                self._diverged = self._diverged or not ok
                units += 1
            _, test_error = self._evaluate(self._parts.test)
        seconds = time.perf_counter() - began
        if self._diverged:
            return self._task.failure(units, seconds, "diverged")
        return Report(val_loss, test_error, seconds, units, extra={"val_error": val_error})

    def _train_epoch(self) -> float:
        """One pass over the training part in the order of this epoch; its mean batch loss."""
        self._epoch += 1
        # Functions of the epoch, so no generator has to be stored with the state.
        order = np.random.default_rng(derive(self._seed, "epoch", self._epoch))
        dropped = np.random.default_rng(derive(self._seed, "dropout", self._epoch))
        features, labels = self._parts.train
        rows = order.permutation(len(labels))
        features, labels = features[rows], labels[rows]
        rate = self._recipe.rate(self._epoch)
        size = self._recipe.batch_size
        losses = []
        for first in range(0, len(labels), size):
            batch = slice(first, first + size)
            loss = self._network.backward(
                features[batch], labels[batch], self._recipe.dropout, dropped
            )
            self._optimiser.step(self._network.parameters, self._network.gradient, rate)
            losses.append(loss)
        return sum(losses) / len(losses)

    def _evaluate(self, part: Part) -> tuple[float, float]:
        """Mean cross-entropy and share of errors on one part of the data."""
        logits = self._network.logits(part.features)
        wrong = logits.argmax(axis=1) != part.labels
        return float(cross_entropies(logits, part.labels).mean()), float(wrong.mean())

    def state(self) -> dict[str, Any]:
        """A copy of weights, the optimiser's state, epoch and whether it has diverged."""
        return copy.deepcopy(
            {
                "parameters": self._network.parameters,
                "optimiser": self._optimiser.state(),
                "epoch": self._epoch,
                "diverged": self._diverged,
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state of the same task, seed and configuration."""
        self._network.parameters[:] = state["parameters"]
        self._optimiser.restore(state["optimiser"])
        self._epoch, self._diverged = state["epoch"], state["diverged"]
