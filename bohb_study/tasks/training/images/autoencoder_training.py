"""One training of an autoencoder on images."""

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bohb_study.seeding import derive
from bohb_study.tasks.training.images.batches import Images
from bohb_study.tasks.training.images.image_training import EVALUATED, ImageEvaluation, Recipe
from bohb_study.tasks.training.training_state import TrainingState

if TYPE_CHECKING:
    from bohb_study.tasks.training.autoencoder import Autoencoder


def autoencoder(channels: int, side: int, units: int, bottleneck: int) -> nn.Sequential:
    """Fully connected layers of ``units``, ``bottleneck``, ``units`` and all pixels.

    Maps images of shape (n, channels, side, side) to (n, channels * side * side). Initial weights
    are torch's own.
    """
    pixels = channels * side * side
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(pixels, units),
        nn.ReLU(),
        nn.Linear(units, bottleneck),
        nn.Linear(bottleneck, units),
        nn.ReLU(),
        nn.Linear(units, pixels),
    )


class AutoencoderEvaluation(ImageEvaluation):
    """A training that reconstructs images; labels are not looked at."""

    def __init__(
        self, task: "Autoencoder", recipe: Recipe, noise: float, seed: int, training_seed: int
    ) -> None:
        """Set up the initial weights.

        Args:
            task: which data, which losses.
            recipe: how the configuration is trained, but for the optimiser, which is AdamW.
            noise: share of the pixels that training sets to the mean.
            seed: the study's; draws the split.
            training_seed: draws initial weights, data order and noise.
        """
        super().__init__(task, recipe, seed, training_seed)
        self._noise = noise
        self._masks = torch.Generator()
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(),
            lr=recipe.learning_rate(0),
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self._now = TrainingState({**self._now.parts, "optimizer": self._optimizer})

    def _train_epoch(self) -> float:
        """One pass over the training part, with the masks of this epoch."""
        # a function of the epoch, so no generator has to be stored with the state
        self._masks.manual_seed(derive(self._seed, "noise", self._now.epoch + 1))
        return super()._train_epoch()

    def _gradients(self, images: Tensor, labels: Tensor, rows: int) -> Tensor:
        """Those of the error of a batch."""
        # drawn on the CPU, so that masks are the same on every device
        kept = torch.rand(images.shape, generator=self._masks) >= self._noise
        made = self._forward(images * kept.to(images.device))
        loss = F.mse_loss(made, images.flatten(1))
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    @torch.inference_mode()
    def _evaluate(self, part: Images) -> dict[str, float]:
        """Mean squared error of the reconstruction of one part of the data."""
        self._model.eval()
        error, pixels = 0.0, math.prod(part.images.shape[1:])
        for images, _ in part.batches(EVALUATED):
            apart = self._forward(images) - images.flatten(1)
            error += apart.square().sum(dtype=torch.float64).item()
        return {"error": error / (len(part) * pixels)}
