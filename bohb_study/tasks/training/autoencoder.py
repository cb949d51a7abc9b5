"""A denoising autoencoder on images of Fashion-MNIST: what is learnt needs no labels."""

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation
from bohb_study.tasks.ladder import Ladder, powers
from bohb_study.tasks.training.images.image_task import ImageTask

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from bohb_study.tasks.training.images.image_training import Recipe

BOTTLENECK = 16
"""Numbers through which each image must pass; fixed, so that losses can be compared."""


@dataclass(frozen=True)
class Autoencoder(ImageTask):
    """Compress images to 16 numbers by fully connected layers, and reconstruct them.

    The losses are the mean squared error of the reconstruction, over pixels in units of the
    training part's standard deviation: what knows the mean grey alone gets 1. While training, a
    share of the pixels (``noise``) is set to the mean grey, and the whole image is to be
    reconstructed (Vincent et al., ICML 2008); no pixel is when losses are measured. Trained by
    AdamW on 800 images, validated on 200.
    """

    epochs: int = 27
    """Epochs of one full evaluation; a power of 3."""
    subset: int = 1000
    """Images for training and validation, a fifth of them for validation; 0 for all 60,000. At most
    as many of the test images are drawn."""

    summary = "denoising autoencoder on 1,000 images: lr, units, batch_size, noise, weight_decay"
    val_metric = "validation reconstruction error"
    test_metric = "test reconstruction error"
    data_parallel = False
    objective = "error"
    diverged_from = 100.0
    """Knowing nothing gets 1."""
    grid_order = ("lr", "units", "batch_size", "noise", "weight_decay")

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        super().__post_init__()
        if self.own_ladder.top != self.epochs:
            raise UsageError(
                f"{self.name}.epochs={self.epochs}: must be a power of 3 (1, 3, 9, ...)",
                parameter="task_options",
            )

    @property
    def source(self) -> Literal["fashion-mnist"]:
        """Whatever the task is called."""
        return "fashion-mnist"

    @property
    def own_ladder(self) -> Ladder:
        """Epochs 1, 3, 9, ... up to ``epochs``."""
        return Ladder("epoch", powers(3, self.epochs), eta=3, curve=True, resumable=True)

    def space(self, seed: int) -> "ConfigurationSpace":
        """Five hyperparameters, all numbers."""
        from ConfigSpace import (
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformFloatHyperparameter("lr", 1e-5, 1e-1, log=True),
            UniformIntegerHyperparameter("units", 16, 256, log=True),
            UniformIntegerHyperparameter("batch_size", 16, 256, log=True),
            UniformFloatHyperparameter("noise", 0.0, 0.5),
            UniformFloatHyperparameter("weight_decay", 1e-5, 1.0, log=True),
        )
        return space

    def recipe(self, config: Config) -> "Recipe":
        """The network and the batches by which ``config`` is trained."""
        from bohb_study.tasks.training.images.autoencoder_training import autoencoder
        from bohb_study.tasks.training.images.image_training import Recipe

        rate = float(config["lr"])
        return Recipe(
            network=partial(autoencoder, units=int(config["units"]), bottleneck=BOTTLENECK),
            learning_rate=lambda epochs: rate,
            momentum=0.0,
            weight_decay=float(config["weight_decay"]),
            batch_size=int(config["batch_size"]),
            augmented=False,
        )

    def _train(self, config: Config, seed: int, training_seed: int) -> Evaluation:
        from bohb_study.tasks.training.images.autoencoder_training import AutoencoderEvaluation

        noise = float(config["noise"])
        return AutoencoderEvaluation(self, self.recipe(config), noise, seed, training_seed)

    def on_all_data(self) -> None:  # type: ignore[override]
        """None: a training on all 60,000 images takes 60 times as long."""
        return

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from epoch ``start`` to ``end``, linear in their difference.

        An epoch takes 0.55 ms + 2.2 ns x weights an update, 8 us for each image that is trained on
        or looked at, and 21 ps x weights for each time that one passes through the network, which
        training does three times. Fitted, to some 25 %, to 40 random configurations on one core of
        an AMD EPYC; what is measured in a run decides nothing.
        """
        units, batch_size = int(config["units"]), int(config["batch_size"])
        train, evaluated = self.counts()
        weights = 2 * units * (28 * 28 + BOTTLENECK)
        updates = math.ceil(train / batch_size) * (5.5e-4 + 2.2e-9 * weights)
        passes = (3 * train + evaluated) * 2.1e-11 * weights
        return (end - start) * (updates + 8e-6 * (train + evaluated) + passes)
