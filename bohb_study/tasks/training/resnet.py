"""A residual network on CIFAR-10 with the search space of the BOHB paper.

Falkner, Klein, Hutter (ICML 2018, arXiv 1807.01774), section 5.6: four hyperparameters of SGD, 22,
66, 200 and 600 epochs. The network is a plain ResNet, not that paper's, which adds shake-shake and
cutout.
"""

import math
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks.ladder import Ladder
from bohb_study.tasks.training.images.image_task import ImageTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from ConfigSpace import ConfigurationSpace
    from torch import nn

    from bohb_study.tasks.training.images.image_training import Recipe

RUNGS = 4
"""At most, as in the paper."""


def cosine(epochs: float, rate: float, rungs: tuple[int, ...]) -> float:
    """Learning rate that falls from ``rate`` to 0 towards each rung and then starts again.

    Warm restarts (Loshchilov and Hutter, arXiv 1608.03983) at the rungs: each full cycle ends in a
    network that is worth reporting, and the rate is a function of the epoch alone, so a training
    that was paused goes on as if nothing had happened.

    Args:
        epochs: done so far, a fraction included.
        rate: at the start of each cycle.
        rungs: epochs at which cycles end.
    """
    for begin, end in pairwise((0, *rungs)):
        if epochs < end:
            return rate * (1 + math.cos(math.pi * (epochs - begin) / (end - begin))) / 2
    return 0.0


@dataclass(frozen=True)
class CifarTask(ImageTask):
    """Train a network on CIFAR-10 in the paper's space, with random crops and flips.

    ``val_loss`` is the error on the validation part, as in the paper.
    """

    epochs: int = 600
    """Epochs of one full evaluation; the rungs below are a third each, rounded down."""

    val_metric = "validation error"
    extra_names = ("val_cross_entropy",)
    source = "cifar10"
    objective = "error"
    diverged_from = 1.0
    """Every image is wrong."""
    grid_order = ("lr", "weight_decay", "batch_size", "momentum")

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        super().__post_init__()
        self._require("epochs", self.epochs >= 1, "at least 1")

    def _require(self, option: str, fits: bool, what: str) -> None:
        """Raise UsageError, which says what the option must be, unless its value ``fits``."""
        if not fits:
            given = f"{self.name}.{option}={getattr(self, option)}"
            raise UsageError(f"{given}: must be {what}", parameter="task_options")

    @property
    def own_ladder(self) -> Ladder:
        """Epochs 22, 66, 200 and 600, or as many rungs as ``epochs`` can be divided into."""
        costs = [self.epochs // 3**i for i in range(RUNGS) if self.epochs // 3**i]
        return Ladder("epoch", tuple(costs[::-1]), eta=3, curve=False, resumable=True)

    def space(self, seed: int) -> "ConfigurationSpace":
        """The paper's, appendix H: all but momentum on a log scale."""
        from ConfigSpace import (
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformFloatHyperparameter("lr", 1e-3, 1.0, log=True),
            UniformFloatHyperparameter("momentum", 0.1, 0.99),
            UniformFloatHyperparameter("weight_decay", 1e-5, 1e-3, log=True),
            UniformIntegerHyperparameter("batch_size", 32, 256, log=True),
        )
        return space

    def _recipe(self, config: Config, network: "Callable[[int, int], nn.Module]") -> "Recipe":
        """SGD with the hyperparameters of ``config`` and warm restarts, for any network."""
        from bohb_study.tasks.training.images.image_training import Recipe

        return Recipe(
            network=network,
            learning_rate=partial(cosine, rate=float(config["lr"]), rungs=self.own_ladder.costs),
            momentum=float(config["momentum"]),
            weight_decay=float(config["weight_decay"]),
            batch_size=int(config["batch_size"]),
            augmented=True,
        )


@dataclass(frozen=True)
class CifarResNet(CifarTask):
    """Train a ResNet for small images."""

    name: str = field(default="cifar10-resnet", kw_only=True)
    depth: int = 20
    """Layers with weights: 6 k + 2."""
    width: int = 16
    """Channels of the first third of the network."""

    summary = "ResNet on CIFAR-10, the BOHB paper's space: lr, momentum, weight_decay, batch_size"

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        super().__post_init__()
        self._require("depth", self.depth >= 8 and self.depth % 6 == 2, "8, 14, 20, ...")
        self._require("width", self.width >= 1, "at least 1")

    def recipe(self, config: Config) -> "Recipe":
        """The optimiser, the schedule and the batches by which ``config`` is trained."""
        from bohb_study.tasks.training.images.networks import resnet

        # one for any side
        return self._recipe(config, lambda channels, side: resnet(channels, self.depth, self.width))

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from epoch ``start`` to ``end``.

        An epoch takes 3.9 ms an image that is trained on, and a report 1.2 ms one that is looked
        at, for the ResNet-20 of width 16; linear in the depth, to the power 1.5 in the width.
        Fitted, to some 20 %, to one core of an AMD EPYC; a GPU is faster by a factor that depends
        on it. What is measured in a run decides nothing.
        """
        train, evaluated = self.counts()
        size: float = (self.depth - 2) / 18 * (self.width / 16) ** 1.5
        return size * ((end - start) * 3.9e-3 * train + 1.2e-3 * evaluated)
