"""A ResNet-50 that is split over two devices, in the search space of the BOHB paper."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation
from bohb_study.tasks.training.resnet import CifarTask

if TYPE_CHECKING:
    from bohb_study.tasks.training.images.image_training import Recipe

SMALLEST_BATCH = 32
"""Of the search space: no batch is cut into more micro-batches than it has images."""


@dataclass(frozen=True)
class CifarResNet50Split(CifarTask):
    """Train a ResNet-50 whose layers are on two devices, by micro-batches in a pipeline.

    Two GPUs where a trial has two (``gpus_per_trial=2``), else both stages on one GPU, or on two
    threads of the CPU: the stages work at the same time, and what they compute is what the network
    in one piece computes of the same micro-batches. The loss is the mean over the whole batch;
    batch normalisation sees a micro-batch at a time. With one micro-batch it is a plain training.
    """

    name: str = field(default="cifar10-resnet50-split", kw_only=True)
    width: int = 64
    """Channels of the stem; the blocks of the four layers have 4, 8, 16 and 32 times as many."""
    micro_batches: int = 4
    """Parts into which a batch is cut, of about equal size."""
    boundary: int = 2
    """Layers, of the four, that are on the first device."""

    summary = (
        "ResNet-50 split over two devices, on CIFAR-10: lr, momentum, weight_decay, batch_size"
    )
    data_parallel = False

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        super().__post_init__()
        self._require("width", self.width >= 1, "at least 1")
        self._require(
            "micro_batches",
            1 <= self.micro_batches <= SMALLEST_BATCH,
            f"1 to {SMALLEST_BATCH}, the smallest batch_size",
        )
        self._require("boundary", 1 <= self.boundary <= 3, "1, 2 or 3")

    def recipe(self, config: Config) -> "Recipe":
        """The optimiser, the schedule and the batches by which ``config`` is trained."""
        from bohb_study.tasks.training.images.resnet50 import resnet50_stages

        # one for any side
        return self._recipe(
            config, lambda channels, side: resnet50_stages(channels, self.width, self.boundary)
        )

    def _train(self, config: Config, seed: int, training_seed: int) -> Evaluation:
        from bohb_study.tasks.training.images.split_training import SplitEvaluation

        return SplitEvaluation(self, self.recipe(config), seed, training_seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from epoch ``start`` to ``end``, on two cores.

        One core takes c = 0.4 ms x width + 26.5 us x width^2 an image that is trained on, 0.3 c one
        that is looked at, and 10 ms + 80 us x width^2 a micro-batch more. Of m micro-batches two
        stages that take equally long need the (m + 1) / 2m-th part of it. Fitted, to some 30 %, to
        the CPU time of a core of an Intel Xeon that others used as well; a GPU is faster by a
        factor that depends on it. What is measured in a run decides nothing.
        """
        train, evaluated = self.counts()
        image = 4e-4 * self.width + 2.65e-5 * self.width**2
        micro_batches = math.ceil(train * self.micro_batches / int(config["batch_size"]))
        epoch = train * image + micro_batches * (1e-2 + 8e-5 * self.width**2)
        overlap = (self.micro_batches + 1) / (2 * self.micro_batches)
        return overlap * ((end - start) * epoch + 0.3 * image * evaluated)
