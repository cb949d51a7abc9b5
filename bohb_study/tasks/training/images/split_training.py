"""One training of a network that is split over two devices."""

import math
from typing import TYPE_CHECKING

from torch import Tensor, nn

from bohb_study.tasks.training.images.hardware import stage_devices
from bohb_study.tasks.training.images.image_training import ImageEvaluation, Recipe
from bohb_study.tasks.training.pipeline import Pipeline

if TYPE_CHECKING:
    from bohb_study.tasks.training.resnet50_split import CifarResNet50Split


class SplitEvaluation(ImageEvaluation):
    """A training whose network has two stages, ``first`` and ``second``, in a pipeline.

    State, optimiser and reports are those of a network in one piece.
    """

    def __init__(
        self, task: "CifarResNet50Split", recipe: Recipe, seed: int, training_seed: int
    ) -> None:
        """Set up the initial weights; the arguments are those of any image training."""
        super().__init__(task, recipe, seed, training_seed)
        self._micro_batches = task.micro_batches

    def _placed(self, model: nn.Module) -> nn.Module:
        """Each stage on its device, in a pipeline."""
        model = model.to(memory_format=self._layout)
        stages = model.get_submodule("first"), model.get_submodule("second")
        devices = stage_devices(self._hardware.device)
        self._pipeline = Pipeline(stages, devices, self._hardware.mixed)
        return model

    def _forward(self, images: Tensor) -> Tensor:
        return self._pipeline.forward(images, min(self._micro_batches, len(images)))

    def _gradients(self, images: Tensor, labels: Tensor, rows: int) -> Tensor:
        """Those of a batch, by micro-batches."""
        count = micro_batches(len(images), self._recipe.batch_size, self._micro_batches)
        return self._pipeline.backward(images, labels, count, self._scaler.scale)


def micro_batches(images: int, batch_size: int, full: int) -> int:
    """Into how many micro-batches a batch is cut.

    A batch of fewer images has proportionally fewer of them, so that batch normalisation sees about
    as many images in each.

    Args:
        images: of this batch, 1 to ``batch_size``.
        batch_size: of a full batch.
        full: micro-batches of a full batch, at most ``batch_size``.
    """
    return math.ceil(images * full / batch_size)
