"""Multinomial logistic regression on tables, by stochastic gradient descent.

The kind of task that HPOBench (Eggensperger et al., arXiv 2109.06716) has as its ``lr`` family,
with batch size and momentum in place of scikit-learn's schedule. The unit of fidelity is one epoch.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bohb_study.seeding import Config
from bohb_study.tasks.training.features.epoch_task import EpochTask

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from bohb_study.tasks.training.features.epoch_training import Recipe

SUBSETS = {
    "letter": 0,
    "satellite": 0,
    "shuttle": 0,
    "dna": 0,
    "digits": 0,
    "fashion-mnist": 20_000,
}
"""Data set -> rows for training and validation with which a full evaluation of a random
configuration takes about a second on one core; 0 for all."""


@dataclass(frozen=True)
class LogisticRegression(EpochTask):
    """Train a softmax on the features by SGD: learning rate, L2, batch size and momentum.

    The L2 penalty is on the weights, not on the biases, and is not part of the losses reported.
    """

    grid_order = ("lr", "l2", "batch_size", "momentum")

    @property
    def summary(self) -> str:
        """The model and the data, in one line."""
        return f"logistic regression by SGD on {self.source}: lr, l2, batch_size, momentum"

    @property
    def own_subset(self) -> int:
        """By data set."""
        return SUBSETS[self.source]

    def space(self, seed: int) -> "ConfigurationSpace":
        """HPOBench's ranges of learning rate and L2; batch size and momentum beside them."""
        from ConfigSpace import (
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformFloatHyperparameter("lr", 1e-5, 1.0, log=True),
            UniformFloatHyperparameter("l2", 1e-5, 1.0, log=True),
            UniformIntegerHyperparameter("batch_size", 16, 512, log=True),
            UniformFloatHyperparameter("momentum", 0.0, 0.95),
        )
        return space

    def recipe(self, config: Config) -> "Recipe":
        """How ``config`` trains the softmax."""
        from bohb_study.tasks.training.features.epoch_training import Recipe
        from bohb_study.tasks.training.features.optimisers import SGD

        lr, l2, momentum = (float(config[name]) for name in ("lr", "l2", "momentum"))
        return Recipe(
            hidden=(),
            optimiser=lambda network: SGD(
                len(network.parameters), momentum, l2, penalised=network.weights
            ),
            rate=lambda epoch: lr,
            batch_size=int(config["batch_size"]),
        )

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from epoch ``start`` to ``end``, linear in their difference.

        An update takes 31 us, a row that is trained on 13 ns a class + 1.8 ns a feature + 0.035 ns
        a weight. Fitted to 72 random configurations on six data sets, measured in processor
        time on one core of an AMD EPYC; of 240 others none is off by more than a factor of two.
        What is measured in a run decides nothing.
        """
        rows = self.counts().train
        updates = math.ceil(rows / int(config["batch_size"]))
        weights = self.features * self.classes
        row = 1.3e-8 * self.classes + 1.8e-9 * self.features + 3.5e-11 * weights
        return (end - start) * (updates * 3.1e-5 + rows * row)
