"""What all tasks that train networks on images share."""

import math
import os
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, retraining_seed, split_seed, trial_seed
from bohb_study.tasks.base import Evaluation, Task
from bohb_study.tasks.fingerprints import indices_sha256
from bohb_study.tasks.training.images import decoded
from bohb_study.tasks.training.images.decoded import Decoded
from bohb_study.tasks.training.images.formats import CLASSES
from bohb_study.tasks.training.images.sources import SOURCES, VALIDATION

if TYPE_CHECKING:
    from bohb_study.tasks.training.images.image_training import Recipe

LEAST = 100
"""Images that stratified parts need."""


@dataclass(frozen=True)
class ImageTask(Task):
    """Train a network on images; ``test_loss`` is the error on the test part."""

    epochs: int
    """Epochs of one full evaluation."""
    subset: int = 0
    """Images for training and validation, drawn by the study's seed; 0 for all of them. At most as
    many of the test images are drawn."""
    data: str = field(default="", metadata={"path": True})
    """Folder of the data set; default: the first of the usual places that has it."""
    whole: bool = field(default=False, metadata={"option": False})
    """Train on all training images, and measure what is the validation loss on the test images."""

    test_metric = "test error"
    uses_gpu = True
    data_parallel = True

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        if self.subset and self.subset < LEAST:
            raise UsageError(
                f"{self.name}.subset={self.subset}: must be at least {LEAST} images, or 0 for all",
                parameter="task_options",
            )
        if self.data:  # a trial's own folder is not the one that the path was given in
            # by ``os.path``: Path's own raises for the home of somebody who is not known
            data = Path(os.path.expanduser(self.data)).absolute()
            object.__setattr__(self, "data", str(data))

    @property
    @abstractmethod
    def source(self) -> str:
        """Which of ``sources.SOURCES`` it trains on."""

    @property
    @abstractmethod
    def objective(self) -> Literal["cross_entropy", "error"]:
        """What ``val_loss`` measures, as tables name it."""

    @property
    @abstractmethod
    def diverged_from(self) -> float:
        """Validation loss from which on a training counts as diverged."""

    @abstractmethod
    def recipe(self, config: Config) -> "Recipe":
        """How ``config`` is trained; imports torch."""

    @property
    def data_sha256(self) -> str:
        """Over the decoded images and labels.

        Raises:
            UsageError: they are not there, or damaged.
        """
        return self._decoded().sha256

    def _decoded(self) -> Decoded:
        """The data set; where it is not there, it is this task that says so."""
        SOURCES[self.source].find(self.data, self.name)
        return decoded.load(self.source, self.data)

    def prepare(self, *, download: bool = False) -> None:
        """See that the data are there, decoded; fetch them where that is asked for.

        Raises:
            UsageError: they are not, or damaged; or there are fewer images than ``subset``.
        """
        source = SOURCES[self.source]
        if download:
            try:
                source.find(self.data)
            except UsageError:
                source.download(self.data)
        data = self._decoded()
        images = len(data.train.labels)
        if self.subset > images:
            raise UsageError(
                f"{self.name}.subset={self.subset}: there are {images} images",
                parameter="task_options",
            )
        for images in (len(part.labels) for part in (data.train, data.test)):
            if images - CLASSES < self.subset < images:
                raise UsageError(
                    f"{self.name}.subset={self.subset}: leaves fewer of {images} "
                    f"images than there are classes; allowed: up to {images - CLASSES}, or "
                    f"{images}",
                    parameter="task_options",
                )

    def split_sha256(self, seed: int) -> str:
        """Over the indices of the three parts."""
        from bohb_study.tasks.training.images.splits import split  # imports scikit-learn

        data = self._decoded()
        drawn = split(
            data.train.labels,
            data.test.labels,
            self.subset,
            split_seed(self.name, seed),
            whole=self.whole,
        )
        return indices_sha256(drawn)

    def counts(self) -> tuple[int, int]:
        """Images that an epoch trains on, and that are looked at after it, for models of time."""
        train, test = SOURCES[self.source].size
        used = self.subset or train
        if self.whole:
            return train, 2 * test
        val = math.ceil(VALIDATION * used)
        return used - val, val + min(test, used)

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin a training of ``config`` under the study's ``seed``."""
        return self._train(config, seed, trial_seed(self.name, seed, config))

    def retrain(self, config: Config, seed: int, repeat: int) -> Evaluation:
        """Begin a training with other initial weights, data order and augmentation."""
        return self._train(config, seed, retraining_seed(self.name, seed, config, repeat))

    def on_all_data(self) -> Self:
        """The same training on all training images, tested on all test images."""
        return replace(self, subset=0, whole=True)

    def _train(self, config: Config, seed: int, training_seed: int) -> Evaluation:
        from bohb_study.tasks.training.images.image_training import ImageEvaluation  # imports torch

        return ImageEvaluation(self, self.recipe(config), seed, training_seed)
