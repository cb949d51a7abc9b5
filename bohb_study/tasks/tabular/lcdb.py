"""LCDB: measured learning curves of 20 scikit-learn classifiers over ever more examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, split_seed, trial_seed
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.computed import ComputedEvaluation, ComputedTask
from bohb_study.tasks.tabular.lcdb_curves import LEARNERS, Curves, accuracies, load_curves

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

SMALLEST = 16
"""Training examples of the first rung."""
TOPS = {
    23: 1024, 44: 2048, 679: 512, 720: 2048, 722: 8192, 728: 2048, 735: 4096, 741: 512, 761: 4096,
    823: 16384, 847: 4096, 897: 512, 901: 32768, 914: 1024, 930: 1024, 934: 512, 959: 8192,
    980: 4096, 991: 1024, 1042: 2048, 1053: 8192, 1067: 1024, 1479: 512, 1485: 2048, 1566: 512,
    4134: 2048, 40981: 512, 41027: 32768, 41142: 4096, 41144: 2048, 41156: 2048, 41158: 2048,
}  # fmt: skip
"""OpenML id -> training examples of the top rung, of the 32 data sets that are tasks.

The rule: all 20 learners were measured at each rung 16, 32, ..., top on at least 4 of 5 pairs of
seeds, the top is the largest of which this is true, and it is at least 512.
"""


SPLITS = ("own", "common")
"""How a learner's pair of seeds is drawn."""


@dataclass(frozen=True)
class LCDB(ComputedTask):
    """Which of 20 classifiers is best, by measured learning curves (Mohr et al., ECML PKDD 2022).

    The only hyperparameter is the ``learner``: a bandit problem with 20 arms, for methods that stop
    early; for the density model of BOHB it is degenerate. A rung is a training from scratch on that
    many examples. An evaluation draws one of the stored pairs of (outer, inner) seeds, which stand
    for the split, by the trial's seed: the same pair at every rung. So by default each learner of a
    cell has a split of its own, the same under every method: it is chosen for its split as well, as
    where every training draws its own hold-out. With ``splits=common`` all learners of a cell have
    one split, drawn by the study's seed. The losses are the errors (1 - accuracy) on the validation
    and on the test part. Where the drawn training is missing from the database, the evaluation has
    failed.
    """

    splits: str = "own"
    """Which pair of seeds: "own", each learner its own, or "common", one for all of a cell."""

    val_metric = "validation error"
    test_metric = "test error"
    eta_of_levels = 2
    unit = "training example"

    def __post_init__(self) -> None:
        """Raise UsageError where there is no such way to draw a split."""
        if self.splits not in SPLITS:
            raise UsageError(
                f"{self.name}.splits={self.splits}: must be {' or '.join(SPLITS)}",
                parameter="task_options",
            )
        super().__post_init__()

    @property
    def openml_id(self) -> int:
        """The OpenML data set on which the classifiers were trained."""
        return int(self.name.removeprefix("lcdb-"))

    @property
    def summary(self) -> str:
        """Which data were learnt, by what."""
        return f"20 scikit-learn classifiers on OpenML data set {self.openml_id}, looked up"

    @property
    def levels(self) -> tuple[int, ...]:
        """16, 32, ... training examples, as far as nearly all curves go."""
        levels = [SMALLEST]
        while levels[-1] < TOPS[self.openml_id]:
            levels.append(2 * levels[-1])
        return tuple(levels)

    @property
    def hyperparameters(self) -> Sequence["Hyperparameter[Any, Any]"]:
        """One categorical hyperparameter: the classifier."""
        from ConfigSpace import CategoricalHyperparameter

        return [CategoricalHyperparameter("learner", LEARNERS)]

    @property
    def curves(self) -> Curves:
        """All that was measured at any level; loaded when first asked for."""
        return load_curves(self.openml_id, self.levels)

    def space(self, seed: int) -> "ConfigurationSpace":
        """The learner; raises UsageError where the package is missing, before anything is run."""
        accuracies()
        return super().space(seed)

    @property
    def optimum(self) -> float:
        """The lowest mean error at the top over the pairs of seeds; reads the table."""
        return float(np.nanmean(self.curves.val_error[:, -1], axis=-1).min())

    def place(self, config: Config, level: int, seed: int) -> tuple[int, int, int]:
        """Where ``curves`` has this evaluation: learner, rung, pair of seeds."""
        pairs = self.curves.val_error.shape[-1]
        common = self.splits == "common"
        of = split_seed(self.name, seed) if common else trial_seed(self.name, seed, config)
        drawn = np.random.default_rng(of).integers(pairs)
        return (*self._cell(config, level), int(drawn))

    def loss(self, config: Config, level: int, seed: int) -> float:
        """The validation error; NaN where this training failed."""
        return float(self.curves.val_error[self.place(config, level, seed)])

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin evaluating ``config`` under the study's ``seed``.

        Raises:
            UsageError: the package is not installed.
        """
        return LCDBEvaluation(self, config, seed)

    def true_loss(self, config: Config) -> float:
        """The mean validation error at the top over the pairs of seeds that did not fail."""
        return float(np.nanmean(self.curves.val_error[self._cell(config, self.levels[-1])]))

    def duration(self, config: Config, start: int, end: int) -> float:
        """The mean measured seconds of a training on ``end`` examples."""
        return float(np.nanmean(self.curves.seconds[self._cell(config, end)]))

    def _cell(self, config: Config, level: int) -> tuple[int, int]:
        return LEARNERS.index(str(config["learner"])), self.levels.index(level)


class LCDBEvaluation(ComputedEvaluation):
    """One pair of seeds at every rung."""

    def __init__(self, task: LCDB, config: Config, seed: int) -> None:
        """An evaluation of ``config`` under the study's ``seed``."""
        super().__init__(task, config, seed)
        self._task: LCDB = task
        _ = task.curves

    def advance(self, level: int) -> Report:
        """The errors of the training on ``level`` examples, or its failure."""
        begin = perf_counter()
        place = self._task.place(self._config, level, self._seed)
        val, test = self._task.curves.val_error[place], self._task.curves.test_error[place]
        seconds = perf_counter() - begin
        if np.isnan(val):
            return self._task.failure(level, seconds, message="the database lacks this training")
        return Report(float(val), float(test), seconds, units=level)
