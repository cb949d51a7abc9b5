"""Training on scikit-learn's digits: data, network, and one training that can be paused.

Apart from the task because torch and scikit-learn take seconds to import, and only those who train
need them.
"""

import math
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

from bohb_study.seeding import Config, derive, split_seed
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.training.data_parallel import Dropouts, Ranks, batch_sizes, dropout
from bohb_study.tasks.training.denormals import flushed_denormals
from bohb_study.tasks.training.digits_split import split_indices
from bohb_study.tasks.training.training_state import TrainingState

if TYPE_CHECKING:
    from bohb_study.tasks.training.digits import Digits

CLASSES = 10
FILTERS = 8
WINDOW, STRIDE = 4, 2
"""Of the convolution, which turns an image of 8x8 into 3x3 places."""
FEATURES = FILTERS * 3 * 3
"""Inputs of the first hidden layer."""
MOMENTUM = 0.9
"""Of SGD, as in the PyTorch tutorial."""


class Part(NamedTuple):
    """One part of the data; shared by all evaluations of a process, so never written to."""

    images: Tensor
    """Normalised grey values, cut into windows: float32, shape (n, 9 places, 16 pixels)."""
    labels: Tensor
    """Digits 0..9, int64, shape (n,)."""


class Data(NamedTuple):
    """The three parts of the data."""

    train: Part
    val: Part
    test: Part


def windows(pixels: Tensor) -> Tensor:
    """The 4x4 windows that a convolution of stride 2 looks at: (n, 1, 8, 8) to (n, 9, 16).

    Cut out once, they make the convolution of every batch one matrix product. On images this small
    the fixed cost of a convolution call is most of an epoch.
    """
    return F.unfold(pixels, WINDOW, stride=STRIDE).transpose(1, 2).contiguous()


@lru_cache(maxsize=4)
def load_data(seed: int) -> Data:
    """The data under one split, read once per process.

    Mean and standard deviation come from the training part alone: the other parts are unseen.

    Args:
        seed: ``seeding.split_seed``.
    """
    grey, digits = load_digits(return_X_y=True)
    split = split_indices(digits, seed)
    train = grey[split[0]]
    pixels = torch.from_numpy((grey - train.mean()) / train.std()).float().reshape(-1, 1, 8, 8)
    images = windows(pixels)
    labels = torch.from_numpy(digits).long()
    return Data(*(Part(images[part], labels[part]) for part in split))


def network(l1: int, l2: int, rate: float = 0.0) -> nn.Sequential:
    """LeNet with one convolution for want of pixels, and hidden layers of widths l1 and l2.

    Maps windows of shape (n, 9, 16) to logits of shape (n, 10). Initial weights are torch's own.
    ``rate`` is that of the dropout behind each hidden layer.
    """
    return nn.Sequential(
        nn.Linear(WINDOW * WINDOW, FILTERS),  # the convolution: the same weights at all 9 places
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(FEATURES, l1),
        nn.ReLU(),
        *dropout(rate),
        nn.Linear(l1, l2),
        nn.ReLU(),
        *dropout(rate),
        nn.Linear(l2, CLASSES),
    )


class DigitsEvaluation(Evaluation):
    """One training of the network.

    A training has diverged once the mean training loss of an epoch or the validation cross-entropy
    after it is not finite, or the latter reaches ``diverged_from``; it remains so. It goes on
    training all the same: its epochs are charged, so they are run, and giving up early is for the
    scheduler to decide.
    """

    def __init__(self, task: "Digits", config: Config, seed: int, training_seed: int) -> None:
        """Set up the initial weights.

        Args:
            task: its name names the split.
            config: hyperparameters.
            seed: the study's; draws the split.
            training_seed: draws initial weights, data order and dropout.
        """
        torch.set_num_threads(1)  # sums depend on how they are divided among threads
        torch.use_deterministic_algorithms(True)
        self._task = task
        self._data = load_data(split_seed(task.name, seed))
        self._seed = training_seed
        self._batch_size = int(config["batch_size"])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            self._model = network(int(config["l1"]), int(config["l2"]), task.dropout)
        self._ranks = Ranks.here()
        self._parallel = self._ranks.parallel(self._model)
        self._dropouts = Dropouts.of(self._model, self._ranks)
        self._optimizer = torch.optim.SGD(
            self._model.parameters(), lr=float(config["lr"]), momentum=MOMENTUM, fused=True
        )
        self._now = TrainingState({"model": self._model, "optimizer": self._optimizer})

    def advance(self, level: int) -> Report:
        """Train up to epoch ``level`` and report.

        Raises:
            ValueError: ``level`` is not above the current epoch.
        """
        self._now.check(level)
        began = time.perf_counter()
        units = 0
        with flushed_denormals():
            while self._now.epoch < level:
                train_loss = self._train_epoch()
                # After every epoch, not only after the last: whether a training has diverged must
                # not depend on where it was paused.
                val_loss, val_error = self._evaluate(self._data.val)
                ok = math.isfinite(train_loss) and val_loss < self._task.diverged_from
                self._now.diverged = self._now.diverged or not ok
                units += 1
            _, test_error = self._evaluate(self._data.test)
        seconds = time.perf_counter() - began
        if self._now.diverged:
            return self._task.failure(units, seconds, "diverged")
        return Report(val_loss, test_error, seconds, units, extra={"val_error": val_error})

    def _train_epoch(self) -> float:
        """One pass over the training part in the order of this epoch; its mean batch loss."""
        self._now.epoch += 1
        # The order is a function of the epoch, so no generator has to be stored with the state.
        generator = torch.Generator().manual_seed(derive(self._seed, "epoch", self._now.epoch))
        images, labels = self._data.train
        order = torch.randperm(len(labels), generator=generator)
        self._model.train()
        self._dropouts.begin_epoch(derive(self._seed, "dropout", self._now.epoch))
        own, sizes = self._ranks.own(order, self._batch_size)
        batches = zip(
            batch_sizes(len(order), self._batch_size),
            torch.split(images.index_select(0, own), sizes),
            torch.split(labels.index_select(0, own), sizes),
            strict=True,
        )
        losses = []
        for rows, batch, target in batches:
            self._dropouts.begin_batch(rows)
            self._optimizer.zero_grad()
            loss = self._ranks.cross_entropy(self._parallel(batch), target, rows)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            losses.append(loss.detach())
        return self._ranks.mean(torch.stack(losses)).mean().item()

    @torch.inference_mode()
    def _evaluate(self, part: Part) -> tuple[float, float]:
        """Mean cross-entropy and share of errors on one part of the data: rank 0's."""
        self._model.eval()
        logits = self._model(part.images)
        errors = (logits.argmax(dim=1) != part.labels).sum().item()
        found = (F.cross_entropy(logits, part.labels).item(), errors)
        entropy, wrong = self._ranks.first(found)
        return entropy, wrong / len(part.labels)

    def state(self) -> dict[str, Any]:
        """A copy of weights, momentum, epoch and whether it has diverged."""
        return self._now.saved()

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state of the same task, seed and configuration."""
        self._now.load(state)
