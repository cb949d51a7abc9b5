"""Forecasting time series by a small recurrent network: CO2 over Mauna Loa, and El Nino."""

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, retraining_seed, trial_seed
from bohb_study.tasks.base import Evaluation, Task
from bohb_study.tasks.fingerprints import indices_sha256
from bohb_study.tasks.ladder import Ladder, powers

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

SERIES = {
    "series-co2": ("co2", 526, "CO2 over Mauna Loa"),
    "series-elnino": ("elnino", 732, "sea surface temperature"),
}
"""Task -> series, its months, and what it is."""


@dataclass(frozen=True)
class Series(Task):
    """Forecast the next six months of a series by a gated recurrent unit (GRU).

    The network reads the last ``window`` months as differences from the last one, and says by how
    much the next six will differ from it. The losses are the mean squared error over these, in
    units of the training part's standard deviation. Parts follow each other in time, 60, 20 and 20
    per cent, so the study's seed does not change them. Trained by AdamW.
    """

    epochs: int = 27
    """Epochs of one full evaluation; a power of 3."""
    whole: bool = field(default=False, metadata={"option": False})
    """Train on the validation part as well; what is the validation loss is measured on the test
    part."""

    val_metric = "validation squared error"
    test_metric = "test squared error"
    diverged_from = 100.0
    """Forecasts of no change get 0.1 to 2."""
    grid_order = ("lr", "units", "window", "batch_size", "dropout", "weight_decay")

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        if self.own_ladder.top != self.epochs:
            raise UsageError(
                f"{self.name}.epochs={self.epochs}: must be a power of 3 (1, 3, 9, ...)",
                parameter="task_options",
            )

    @property
    def series(self) -> str:
        """Which one of ``series_data.monthly``."""
        return SERIES[self.name][0]

    @property
    def summary(self) -> str:
        """The network and the series, in one line."""
        return f"recurrent network that forecasts {SERIES[self.name][2]}: six hyperparameters"

    @property
    def own_ladder(self) -> Ladder:
        """Epochs 1, 3, 9, ... up to ``epochs``."""
        return Ladder("epoch", powers(3, self.epochs), eta=3, curve=True, resumable=True)

    def space(self, seed: int) -> "ConfigurationSpace":
        """Six hyperparameters, all numbers."""
        from ConfigSpace import (
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        from bohb_study.tasks.training.series_data import LONGEST

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformFloatHyperparameter("lr", 1e-4, 1e-1, log=True),
            UniformIntegerHyperparameter("units", 4, 64, log=True),
            UniformIntegerHyperparameter("window", 3, LONGEST, log=True),
            UniformIntegerHyperparameter("batch_size", 8, 128, log=True),
            UniformFloatHyperparameter("dropout", 0.0, 0.5),
            UniformFloatHyperparameter("weight_decay", 1e-5, 1.0, log=True),
        )
        return space

    def split_sha256(self, seed: int) -> str:
        """Over the origins of the three parts; the same for every seed."""
        from bohb_study.tasks.training.series_data import monthly, split_origins

        return indices_sha256(split_origins(len(monthly(self.series)), whole=self.whole))

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin a training of ``config`` under the study's ``seed``."""
        return self._train(config, trial_seed(self.name, seed, config))

    def retrain(self, config: Config, seed: int, repeat: int) -> Evaluation:
        """Begin a training with other initial weights, data order and dropout."""
        return self._train(config, retraining_seed(self.name, seed, config, repeat))

    def on_all_data(self) -> Self:
        """The same training on all months before the test part."""
        return replace(self, whole=True)

    def _train(self, config: Config, training_seed: int) -> Evaluation:
        from bohb_study.tasks.training.series_training import SeriesEvaluation  # imports torch

        return SeriesEvaluation(self, config, training_seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds from epoch ``start`` to ``end``, linear in their difference.

        An epoch takes 1.5 ms, 0.7 ms + 0.15 ms x window an update, and 0.03 us x window x units a
        training example. Fitted, to some 15 %, to 80 random configurations on one core of an AMD
        EPYC; what is measured in a run decides nothing.
        """
        from bohb_study.tasks.training.series_data import split_origins

        units, window, batch_size = (int(config[k]) for k in ("units", "window", "batch_size"))
        examples = len(split_origins(SERIES[self.name][1], whole=self.whole).train)
        updates = math.ceil(examples / batch_size) * (7e-4 + 1.5e-4 * window)
        return (end - start) * (1.5e-3 + updates + 3e-8 * examples * window * units)
