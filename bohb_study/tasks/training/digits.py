"""A small convolutional network on scikit-learn's digits: real training that fits one CPU core.

Four hyperparameters, as in the PyTorch tutorial on Ray Tune: the widths of two hidden layers, the
learning rate and the batch size. The unit of fidelity is one epoch.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, retraining_seed, split_seed, trial_seed
from bohb_study.tasks.base import Evaluation, Task
from bohb_study.tasks.fingerprints import indices_sha256
from bohb_study.tasks.ladder import Ladder, powers
from bohb_study.tasks.training.options import check_dropout

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

TRAIN_IMAGES = 1077
"""Of 1,797; the other two parts have 360 each."""


@dataclass(frozen=True)
class Digits(Task):
    """Train a small convolutional network on scikit-learn's 1,797 images of digits, 8x8 pixels.

    ``val_loss`` is the cross-entropy on the validation part, not the error: errors on 360 images
    take few values, so trials tie, and successive halving would break ties by order of arrival.
    ``test_loss`` is the error, which is what one wants to know of the chosen configuration.
    """

    name: str = field(default="digits", kw_only=True)
    epochs: int = 27
    """Epochs of one full evaluation; a power of 3."""
    dropout: float = 0.0
    """Share of each hidden layer's activations that training sets to zero; below 1."""

    summary = "convolutional network on scikit-learn's digits: l1, l2, lr, batch_size"
    val_metric = "validation cross-entropy"
    test_metric = "test error"
    extra_names = ("val_error",)
    data_parallel = True
    batch_sizes = (32, 64, 128, 256)
    diverged_from = 100.0
    """Validation loss from which on a training counts as diverged: guessing gets ln 10 = 2.3, and
    none that is worth going on with comes near 100."""
    grid_order = ("lr", "l1", "l2", "batch_size")

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        if self.own_ladder.top != self.epochs:
            raise UsageError(
                f"digits.epochs={self.epochs}: must be a power of 3 (1, 3, 9, ...)",
                parameter="task_options",
            )
        check_dropout(self.name, self.dropout)

    @property
    def own_ladder(self) -> Ladder:
        """Epochs 1, 3, 9, ... up to ``epochs``."""
        return Ladder("epoch", powers(3, self.epochs), eta=3, curve=True, resumable=True)

    def space(self, seed: int) -> "ConfigurationSpace":
        """Four hyperparameters; the batch size is categorical, for HpBandSter takes no ordinals."""
        from ConfigSpace import (
            CategoricalHyperparameter,
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformIntegerHyperparameter("l1", 4, 256, log=True),
            UniformIntegerHyperparameter("l2", 4, 256, log=True),
            UniformFloatHyperparameter("lr", 1e-4, 1e-1, log=True),
            CategoricalHyperparameter("batch_size", self.batch_sizes),
        )
        return space

    def split_sha256(self, seed: int) -> str:
        """Over the indices of the three parts."""
        from sklearn.datasets import load_digits  # takes a second to import

        from bohb_study.tasks.training.digits_split import split_indices

        digits = load_digits(return_X_y=True)[1]
        return indices_sha256(split_indices(digits, split_seed(self.name, seed)))

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin a training of ``config`` under the study's ``seed``."""
        from bohb_study.tasks.training.digits_training import DigitsEvaluation  # imports torch

        return DigitsEvaluation(self, config, seed, trial_seed(self.name, seed, config))

    def retrain(self, config: Config, seed: int, repeat: int) -> Evaluation:
        """Begin a training with other initial weights and another data order."""
        from bohb_study.tasks.training.digits_training import DigitsEvaluation  # imports torch

        training_seed = retraining_seed(self.name, seed, config, repeat)
        return DigitsEvaluation(self, config, seed, training_seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from epoch ``start`` to ``end``, linear in their difference.

        One epoch takes 2.5 ms + 0.62 ms x updates + 0.14 us x weights, where updates is the number
        of batches, and weights = 72 l1 + l1 l2 + 10 l2 are those of the fully connected layers. The
        constants were fitted, to some 15 %, to epochs measured on one core of an AMD EPYC; what is
        measured in a run decides nothing.
        """
        l1, l2, batch_size = (int(config[name]) for name in ("l1", "l2", "batch_size"))
        updates = math.ceil(TRAIN_IMAGES / batch_size)
        weights = 72 * l1 + l1 * l2 + 10 * l2
        return (end - start) * (2.5e-3 + 6.2e-4 * updates + 1.4e-7 * weights)
