"""LeNet on CIFAR-10, Fashion-MNIST and MNIST: what the PyTorch tutorial on Ray Tune tunes.

Search space and network are the tutorial's; the unit of fidelity is one epoch.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks.ladder import Ladder, is_power, powers
from bohb_study.tasks.training.images.image_task import ImageTask
from bohb_study.tasks.training.images.sources import SOURCES
from bohb_study.tasks.training.options import check_dropout

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from bohb_study.tasks.training.images.image_training import Recipe

WIDTHS = (4, 8, 16, 32, 64, 128, 256)
MOMENTUM = 0.9
"""Of SGD, as in the tutorial."""


@dataclass(frozen=True)
class LeNet(ImageTask):
    """Train the tutorial's LeNet: two convolutions, two hidden layers, SGD with momentum.

    ``val_loss`` is the cross-entropy, as there. Images are normalised by the training part's mean
    and standard deviation and not augmented.
    """

    epochs: int = 9
    """Epochs of one full evaluation; a power of 3 (halving rate 3) or of 2 (halving rate 2)."""
    dropout: float = 0.0
    """Share of each hidden layer's activations that training sets to zero; below 1."""

    val_metric = "validation cross-entropy"
    extra_names = ("val_error",)
    objective = "cross_entropy"
    batch_sizes = (2, 4, 8, 16)
    diverged_from = 100.0
    """Guessing gets ln 10 = 2.3; no training that is worth going on with comes near 100."""
    grid_order = ("lr", "batch_size", "l1", "l2")

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        super().__post_init__()
        if self.own_ladder.top != self.epochs:
            raise UsageError(
                f"{self.name}.epochs={self.epochs}: must be a power of 3 (1, 3, 9, ...) or of 2",
                parameter="task_options",
            )
        check_dropout(self.name, self.dropout)

    @property
    def summary(self) -> str:
        """The network and the images, in one line."""
        return "LeNet of the PyTorch tutorial on torchvision's images: l1, l2, lr, batch_size"

    @property
    def source(self) -> str:
        """Each task is named after its data set."""
        return self.name

    @property
    def own_ladder(self) -> Ladder:
        """Epochs 1, 3, 9, ... or 1, 2, 4, ... up to ``epochs``."""
        eta = 3 if is_power(self.epochs, 3) else 2
        return Ladder("epoch", powers(eta, self.epochs), eta=eta, curve=True, resumable=True)

    def space(self, seed: int) -> "ConfigurationSpace":
        """The tutorial's: ``tune.choice`` is a categorical, ``tune.loguniform`` a log float."""
        from ConfigSpace import (
            CategoricalHyperparameter,
            ConfigurationSpace,
            UniformFloatHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            CategoricalHyperparameter("l1", WIDTHS),
            CategoricalHyperparameter("l2", WIDTHS),
            UniformFloatHyperparameter("lr", 1e-4, 1e-1, log=True),
            CategoricalHyperparameter("batch_size", self.batch_sizes),
        )
        return space

    def recipe(self, config: Config) -> "Recipe":
        """The optimiser and the batches by which ``config`` is trained."""
        from bohb_study.tasks.training.images.image_training import Recipe
        from bohb_study.tasks.training.images.networks import lenet

        rate = float(config["lr"])
        return Recipe(
            network=partial(lenet, l1=int(config["l1"]), l2=int(config["l2"]), rate=self.dropout),
            learning_rate=lambda epochs: rate,
            momentum=MOMENTUM,
            weight_decay=0.0,
            batch_size=int(config["batch_size"]),
            augmented=False,
        )

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from epoch ``start`` to ``end``, linear in their difference.

        An epoch takes 0.65 ms + 1.6 ns x weights an update, 75 us an image that is trained on and
        40 us one that is looked at (images of 28x28; 130 and 50 us for 32x32 in colour), where
        weights are those of the fully connected layers. Fitted, to some 15 %, to one core of an AMD
        EPYC; what is measured in a run decides nothing.
        """
        l1, l2, batch_size = (int(config[name]) for name in ("l1", "l2", "batch_size"))
        small = SOURCES[self.source].side == 28
        train, evaluated = self.counts()
        weights = 16 * (4 if small else 5) ** 2 * l1 + l1 * l2 + 10 * l2
        update = math.ceil(train / batch_size) * (6.5e-4 + 1.6e-9 * weights)
        image = train * (7.5e-5 if small else 1.3e-4) + evaluated * (4e-5 if small else 5e-5)
        return (end - start) * (update + image)
