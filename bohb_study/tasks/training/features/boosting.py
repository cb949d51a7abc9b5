"""Gradient boosting of trees by histograms: scikit-learn's, tree by tree.

Friedman (Annals of Statistics 2001) on binned features, as LightGBM does (Ke et al., NeurIPS 2017).
The BOHB paper has no such experiment. The unit of fidelity is one iteration, which grows a tree for
each class.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation
from bohb_study.tasks.ladder import Ladder, powers
from bohb_study.tasks.training.features.feature_task import FeatureTask

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

SUBSETS = {"letter": 2_000, "satellite": 0, "shuttle": 20_000, "dna": 0, "digits": 0}
"""Rows for training and validation, of data sets that are tasks."""


@dataclass(frozen=True)
class Boosting(FeatureTask):
    """Boost trees on a table of features; ``val_loss`` is the cross-entropy on the validation part.

    There are reports at the rungs alone: scikit-learn bins the features and predicts the training
    part anew whenever it goes on, which at each iteration would take longer than the trees.
    """

    iterations: int = 81
    """Iterations of one full evaluation; a power of 3."""

    diverged_from = 100.0
    """Validation loss from which on a training counts as diverged: guessing gets ln 26 = 3.3 at
    most, and a high learning rate on leaves of few rows comes to thousands."""
    grid_order = ("learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2", "max_features")

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        if self.own_ladder.top != self.iterations:
            raise UsageError(
                f"{self.name}.iterations={self.iterations}: must be a power of 3 (1, 3, 9, ...)",
                parameter="task_options",
            )
        super().__post_init__()

    @property
    def summary(self) -> str:
        """Which data are learnt, by what."""
        return f"gradient boosting of trees on {self.source}: {', '.join(self.grid_order)}"

    @property
    def own_subset(self) -> int:
        """As many as let a full evaluation take about a second."""
        return SUBSETS[self.source]

    @property
    def own_ladder(self) -> Ladder:
        """Iterations 1, 3, 9, ... up to ``iterations``."""
        costs = powers(3, self.iterations)
        return Ladder("iteration", costs, eta=3, curve=False, resumable=True)

    def space(self, seed: int) -> "ConfigurationSpace":
        """Five hyperparameters; ``l2`` is ``l2_regularization``."""
        from ConfigSpace import (
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformFloatHyperparameter("learning_rate", 1e-3, 1.0, log=True),
            UniformIntegerHyperparameter("max_leaf_nodes", 2, 64, log=True),
            UniformIntegerHyperparameter("min_samples_leaf", 1, 64, log=True),
            UniformFloatHyperparameter("l2", 1e-6, 1e2, log=True),
            UniformFloatHyperparameter("max_features", 0.1, 1.0),
        )
        return space

    def train(self, config: Config, seed: int, training_seed: int) -> Evaluation:
        """Begin a training; its seed draws the features that each split looks at."""
        from bohb_study.tasks.training.features.boosting_training import BoostingEvaluation

        return BoostingEvaluation(self, config, seed, training_seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from iteration ``start`` to ``end``.

        Whenever it goes on, 5 ms + 82 ns x rows x features, for binning; then for each tree 0.21 ms
        + rows x (23 + 8.3 log2(leaves)) ns + features x (2.6 + 1.2 leaves) us. There are at most
        rows / (2 ``min_samples_leaf``) leaves, and a tree for each class at each iteration. Fitted
        to 230 random configurations on five data sets, measured in processor time on one core of an
        AMD EPYC; what is measured in a run decides nothing. Trees of configurations that diverge
        are smaller than the model says.
        """
        rows, features = self.counts().train, self.features
        leaves = rows / (2 * int(config["min_samples_leaf"]))
        leaves = max(2.0, min(float(config["max_leaf_nodes"]), leaves))
        begin = 5e-3 + 8.2e-8 * rows * features
        tree = (
            2.1e-4
            + rows * (2.3e-8 + 8.3e-9 * math.log2(leaves))
            + features * (2.6e-6 + 1.2e-6 * leaves)
        )
        return begin + (end - start) * self.classes * tree
