"""What the tasks share that train by gradient descent, epoch by epoch, on a table of features."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation
from bohb_study.tasks.ladder import Ladder, powers
from bohb_study.tasks.training.features.feature_task import FeatureTask

if TYPE_CHECKING:
    from bohb_study.tasks.training.features.epoch_training import Recipe


@dataclass(frozen=True)
class EpochTask(FeatureTask):
    """``val_loss`` is the cross-entropy: errors on few rows take few values, and trials would tie.

    The unit of fidelity is one epoch, and a training goes on exactly where it was paused.
    """

    epochs: int = 27
    """Epochs of one full evaluation; a power of 3."""

    diverged_from = 100.0
    """Validation loss from which on a training counts as diverged: guessing gets the logarithm of
    the number of classes, 3.3 at most, and none that is worth going on with comes near 100."""

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        super().__post_init__()
        if self.own_ladder.top != self.epochs:
            raise UsageError(
                f"{self.name}.epochs={self.epochs}: must be a power of 3 (1, 3, 9, ...)",
                parameter="task_options",
            )

    @abstractmethod
    def recipe(self, config: Config) -> "Recipe":
        """How ``config`` is trained."""

    @property
    def own_ladder(self) -> Ladder:
        """Epochs 1, 3, 9, ... up to ``epochs``."""
        return Ladder("epoch", powers(3, self.epochs), eta=3, curve=True, resumable=True)

    def train(self, config: Config, seed: int, training_seed: int) -> Evaluation:
        """Begin a training from initial weights that ``training_seed`` draws."""
        from bohb_study.tasks.training.features.epoch_training import EpochEvaluation  # torch

        return EpochEvaluation(self, self.recipe(config), seed, training_seed)
