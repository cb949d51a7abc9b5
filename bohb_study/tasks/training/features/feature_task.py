"""What all tasks that train on tables of features share."""

import os
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, retraining_seed, split_seed, trial_seed
from bohb_study.tasks.base import Evaluation, Task
from bohb_study.tasks.fingerprints import indices_sha256
from bohb_study.tasks.training.features import data_sets
from bohb_study.tasks.training.features.data_sets import SIZES
from bohb_study.tasks.training.features.parts import Parts, Sizes, load_parts, sizes, split

LEAST = 100
"""Rows that stratified parts need."""
OWN = -1
"""Stands for the subset that suits the data set."""


@dataclass(frozen=True)
class FeatureTask(Task):
    """Train a classifier on a table of features; ``test_loss`` is the error on the test part.

    A task is named FAMILY-DATASET. The test part is a fifth of all rows, of which as many are used
    as validate; of the others, ``subset`` are drawn, three quarters to train and one to validate:
    60, 20 and 20 %. All draws are stratified, and the study's seed decides them.
    """

    subset: int = OWN
    """Rows for training and validation; 0 for all, -1 for as many as let a full evaluation take
    about a second."""
    data: str = field(default="", metadata={"path": True})
    """Folder of the data set; default: the first of the usual places that has it."""
    whole: bool = field(default=False, metadata={"option": False})
    """Train on all rows but the test part, and measure what is the validation loss there."""

    val_metric = "validation cross-entropy"
    test_metric = "test error"

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        if self.subset == OWN:
            object.__setattr__(self, "subset", self.own_subset)
        elif self.subset and self.subset < LEAST:
            raise UsageError(
                f"{self.name}.subset={self.subset}: must be at least {LEAST} rows, 0 for all, or "
                f"{OWN} for the task's own",
                parameter="task_options",
            )
        if self.data:  # a trial's own folder is not the one that the path was given in
            # by ``os.path``: Path's own raises for the home of somebody who is not known
            data = Path(os.path.expanduser(self.data)).absolute()
            object.__setattr__(self, "data", str(data))

    @property
    def extra_names(self) -> tuple[str, ...]:
        """The error on the validation part."""
        return ("val_error",)

    @property
    @abstractmethod
    def own_subset(self) -> int:
        """Rows for training and validation by default; 0 for all."""

    @abstractmethod
    def train(self, config: Config, seed: int, training_seed: int) -> Evaluation:
        """Begin a training of ``config``.

        Args:
            config: hyperparameters.
            seed: the study's; draws the parts.
            training_seed: draws all else.
        """

    @property
    def source(self) -> str:
        """The data set: what follows the family in the task's name."""
        return self.name.partition("-")[2]

    @property
    def data_sha256(self) -> str:
        """Over the features and labels of the data set.

        Raises:
            UsageError: it is not there, or damaged.
        """
        return data_sets.load(self.source, self.data, self.name).sha256

    def prepare(self, *, download: bool = False) -> None:
        """See that the data are there; fetch them where that is asked for.

        Raises:
            UsageError: they are not, or damaged; or there are fewer rows than ``subset``.
        """
        table = data_sets.prepare(self.source, self.data, self.name, download=download)
        most = sum(sizes(len(table.labels), 0)[:2])
        if self.subset > most:
            raise UsageError(
                f"{self.name}.subset={self.subset}: there are {most} rows but for the test part",
                parameter="task_options",
            )

    def split_sha256(self, seed: int) -> str:
        """Over the indices of the three parts."""
        labels = data_sets.load(self.source, self.data, self.name).labels
        drawn = split(labels, self.subset, split_seed(self.name, seed), whole=self.whole)
        return indices_sha256(drawn)

    def parts(self, seed: int) -> Parts:
        """The parts under the study's ``seed``, made once per process."""
        return load_parts(
            self.source, self.data, self.subset, split_seed(self.name, seed), whole=self.whole
        )

    @property
    def features(self) -> int:
        """Features of a row, for models of time."""
        return SIZES[self.source][1]

    @property
    def classes(self) -> int:
        """Classes of the data set, for models of time."""
        return SIZES[self.source][2]

    def counts(self) -> Sizes:
        """Rows of each part, for models of time."""
        return sizes(SIZES[self.source][0], self.subset, whole=self.whole)

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin a training of ``config`` under the study's ``seed``."""
        return self.train(config, seed, trial_seed(self.name, seed, config))

    def retrain(self, config: Config, seed: int, repeat: int) -> Evaluation:
        """Begin a training that draws all else than the parts anew."""
        return self.train(config, seed, retraining_seed(self.name, seed, config, repeat))

    def on_all_data(self) -> Self:
        """The same training on all rows but the test part, tested on all of that."""
        return replace(self, subset=0, whole=True)
