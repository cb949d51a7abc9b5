"""Feed-forward networks on tables: the search space of the BOHB paper, on data that are at hand.

The space is that of "Feed-forward neural networks on OpenML datasets" (Falkner et al., ICML 2018,
arXiv 1807.01774): six hyperparameters. Of its six data sets, ``letter`` is one, and ``digits`` is a
part of its OptDigits; the others are not in the packages that these come from. The paper looked
its results up in a surrogate that was fitted to random trainings; here every one is trained.
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
    "letter": 6000,
    "satellite": 0,
    "shuttle": 6000,
    "dna": 0,
    "vowel": 0,
    "digits": 0,
    "mnist-5k": 2800,
    "fashion-mnist": 2800,
}
"""Data set -> rows for training and validation with which a full evaluation of a random
configuration takes about a second on one core; 0 for all."""


@dataclass(frozen=True)
class MLP(EpochTask):
    """Train a fully connected network with rectifiers, dropout and Adam, as in the BOHB paper.

    The paper gives the space and not all of the rest, so this is chosen here: the learning rate of
    epoch t is lr exp(decay (t - 1)), dropout is behind each hidden layer, weights are initialised
    as by He et al.
    """

    grid_order = ("lr", "units", "layers", "batch_size", "dropout", "decay")

    @property
    def summary(self) -> str:
        """The network and the data, in one line."""
        return f"feed-forward network of the BOHB paper on {self.source}: six hyperparameters"

    @property
    def own_subset(self) -> int:
        """By data set."""
        return SUBSETS[self.source]

    def space(self, seed: int) -> "ConfigurationSpace":
        """The paper's."""
        from ConfigSpace import (
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformIntegerHyperparameter("batch_size", 8, 256, log=True),
            UniformFloatHyperparameter("dropout", 0.0, 0.5),
            UniformFloatHyperparameter("lr", 1e-6, 1e-2, log=True),
            UniformFloatHyperparameter("decay", -0.185, 0.0),
            UniformIntegerHyperparameter("layers", 1, 5),
            UniformIntegerHyperparameter("units", 16, 256, log=True),
        )
        return space

    def recipe(self, config: Config) -> "Recipe":
        """The network, and how ``config`` trains it."""
        from bohb_study.tasks.training.features.epoch_training import Recipe
        from bohb_study.tasks.training.features.optimisers import Adam

        lr, decay = float(config["lr"]), float(config["decay"])
        return Recipe(
            hidden=(int(config["units"]),) * int(config["layers"]),
            optimiser=lambda network: Adam(len(network.parameters)),
            rate=lambda epoch: lr * math.exp(decay * (epoch - 1)),
            batch_size=int(config["batch_size"]),
            dropout=float(config["dropout"]),
        )

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from epoch ``start`` to ``end``, linear in their difference.

        An update takes 33 us + 15 us a hidden layer + 2.1 ns a weight (most of which is Adam's); a
        row that is trained on 25 ns a class + 4.5 ns a hidden unit + 0.07 ns a weight. Fitted to 84
        random configurations on seven data sets, measured in processor time on one core of an AMD
        EPYC; of 320 others, on all eight, one is off by more than a factor of two, and nine in ten
        of each set are between 0.59 and 1.14 of what was measured. What is measured in a run
        decides nothing.
        """
        layers, units, batch_size = (int(config[n]) for n in ("layers", "units", "batch_size"))
        rows = self.counts().train
        updates = math.ceil(rows / batch_size)
        weights = (self.features + self.classes) * units + (layers - 1) * units**2
        update = 3.3e-5 + 1.5e-5 * layers + 2.1e-9 * weights
        row = 2.5e-8 * self.classes + 4.5e-9 * layers * units + 7e-11 * weights
        return (end - start) * (updates * update + rows * row)
