"""One training on images, which can be paused and resumed exactly."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bohb_study.seeding import derive, split_seed
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.training.data_parallel import Dropouts, Ranks
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.images.batches import Images, load_parts
from bohb_study.tasks.training.images.hardware import hardware
from bohb_study.tasks.training.training_state import TrainingState

if TYPE_CHECKING:
    from bohb_study.tasks.training.images.image_task import ImageTask

EVALUATED = 500
"""Images that are evaluated together."""
ONEDNN_FROM = 16
"""Batch size from which oneDNN's convolutions beat torch's own on a CPU core: with smaller batches
their fixed cost is most of an update (870 us against 1,200 us for two images of 28x28)."""


@dataclass(frozen=True)
class Recipe:
    """How a configuration is trained: by SGD with momentum."""

    network: Callable[[int, int], nn.Module]
    """Made for a number of channels and a side; draws its initial weights."""
    learning_rate: Callable[[float], float]
    """By epochs done, a fraction of one included."""
    momentum: float
    weight_decay: float
    batch_size: int
    augmented: bool


class ImageEvaluation(Evaluation):
    """One training of a network.

    It has diverged once the mean training loss of an epoch is not finite, and at a report whose
    validation loss is not finite or reaches ``diverged_from``. It goes on training all the same:
    its epochs are charged, so they are run, and giving up early is for the scheduler to decide.
    """

    def __init__(self, task: "ImageTask", recipe: Recipe, seed: int, training_seed: int) -> None:
        """Set up the initial weights.

        Args:
            task: which data, which losses.
            recipe: how the configuration is trained.
            seed: the study's; draws the split.
            training_seed: draws initial weights, data order, augmentation and dropout.

        Raises:
            UsageError: the data are not there, or damaged.
        """
        torch.set_num_threads(1)  # sums depend on how they are divided among threads
        self._task, self._recipe, self._seed = task, recipe, training_seed
        self._hardware = hardware()
        device = self._hardware.device
        # CUDA has no deterministic kernel for some of what networks need, and would raise
        torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
        split = split_seed(task.name, seed)
        self._parts = load_parts(
            task.source, task.data, task.subset, split, device, whole=task.whole
        )
        _, channels, side, _ = self._parts.train.images.shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training_seed)
            model = recipe.network(channels, side)
        small = device.type == "cpu" and recipe.batch_size < ONEDNN_FROM
        self._layout = torch.contiguous_format if small else torch.channels_last
        self._ranks = Ranks.here()
        self._model = self._placed(self._ranks.converted(model, device))
        self._parallel = self._ranks.parallel(self._model)
        self._dropouts = Dropouts.of(self._model, self._ranks)
        self._optimizer = torch.optim.SGD(
            self._model.parameters(),
            lr=recipe.learning_rate(0),
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._hardware.scaled)
        self._now = TrainingState(
            {"model": self._model, "optimizer": self._optimizer, "scaler": self._scaler}
        )

    def advance(self, level: int) -> Report:
        """Train up to epoch ``level`` and report.

        Raises:
            ValueError: ``level`` is not above the current epoch.
        """
        self._now.check(level)
        began = time.perf_counter()
        units = level - self._now.epoch
        with flushed_denormals(), onednn(self._layout is torch.channels_last):
            while self._now.epoch < level:
                self._now.diverged |= not math.isfinite(self._train_epoch())
            val, test = self._evaluate(self._parts.val), self._evaluate(self._parts.test)
        seconds = time.perf_counter() - began
        val_loss = val[self._task.objective]
        extra = {name: val[name.removeprefix("val_")] for name in self._task.extra_names}
        if self._now.diverged or not val_loss < self._task.diverged_from:
            return self._task.failure(units, seconds, "diverged")
        return Report(val_loss, test["error"], seconds, units, extra=extra)

    def _placed(self, model: nn.Module) -> nn.Module:
        """The network where it is trained."""
        return model.to(self._hardware.device).to(memory_format=self._layout)

    def _forward(self, images: Tensor) -> Tensor:
        mixed = self._hardware.mixed
        model = self._parallel if self._model.training else self._model
        if mixed is None:
            logits: Tensor = model(images)
            return logits
        with torch.autocast(images.device.type, dtype=mixed):
            logits = model(images)
        return logits.float()

    def _train_epoch(self) -> float:
        """One pass over the training part in the order of this epoch; its mean batch loss."""
        recipe, part = self._recipe, self._parts.train
        # A function of the epoch, so no generator has to be stored with the state; drawn on the
        # CPU, so that the order is the same on every device.
        generator = torch.Generator().manual_seed(derive(self._seed, "epoch", self._now.epoch + 1))
        order = torch.randperm(len(part), generator=generator).to(part.chosen.device)
        updates = math.ceil(len(part) / recipe.batch_size)
        self._model.train()
        self._dropouts.begin_epoch(derive(self._seed, "dropout", self._now.epoch + 1))
        losses = []
        augment = generator if recipe.augmented else None
        batches = part.batches(recipe.batch_size, order, augment, self._layout, self._ranks)
        for update, (images, labels) in enumerate(batches):
            rows = min(recipe.batch_size, len(part) - update * recipe.batch_size)
            self._dropouts.begin_batch(rows)
            self._optimizer.param_groups[0]["lr"] = recipe.learning_rate(
                self._now.epoch + update / updates
            )
            self._optimizer.zero_grad()
            losses.append(self._gradients(images, labels, rows))
            self._scaler.step(self._optimizer)
            self._scaler.update()
        self._now.epoch += 1
        return self._ranks.mean(torch.stack(losses)).mean().item()

    def _gradients(self, images: Tensor, labels: Tensor, rows: int) -> Tensor:
        """Add the gradients of a batch, scaled, to those of the weights.

        Args:
            images: this rank's share of the batch.
            labels: of these.
            rows: of the whole batch.

        Returns:
            This rank's part of the batch's mean loss.
        """
        loss = self._ranks.cross_entropy(self._forward(images), labels, rows)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    @torch.inference_mode()
    def _evaluate(self, part: Images) -> dict[str, float]:
        """Mean cross-entropy and share of errors on one part of the data.

        Each rank looks at some of the batches; what they add up to is the same on each, and on any
        number of ranks.
        """
        self._model.eval()
        batches = math.ceil(len(part) / EVALUATED)
        own = self._ranks.share(batches)
        # sums over each batch: of the cross-entropy, and of errors
        sums = torch.zeros((batches, 2), dtype=torch.float64, device=part.chosen.device)
        with onednn(True):
            some = part.some(own.start * EVALUATED, own.stop * EVALUATED)
            for batch, (images, labels) in enumerate(some.batches(EVALUATED), own.start):
                logits = self._forward(images)
                sums[batch, 0] = F.cross_entropy(logits, labels, reduction="sum")
                sums[batch, 1] = (logits.argmax(dim=1) != labels).sum()
        # batch by batch, for the order of a sum decides its last bits
        entropy = errors = 0.0
        for of_entropy, of_errors in self._ranks.total(sums).tolist():
            entropy, errors = entropy + of_entropy, errors + of_errors
        return {"cross_entropy": entropy / len(part), "error": errors / len(part)}

    def state(self) -> dict[str, Any]:
        """A copy of all that training changes, on the CPU."""
        return self._now.saved()

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state of the same task, seed and configuration."""
        self._now.load(state)


@contextmanager
def onednn(enabled: bool) -> Iterator[None]:
    """Whether convolutions on the CPU are oneDNN's, in the block."""
    # not by ``mkldnn.flags``, which warns of hardware that it does not find
    flags: Any = torch.backends.mkldnn
    before = flags.enabled
    flags.enabled = enabled
    try:
        yield
    finally:
        flags.enabled = before
