"""The support vector machine of the BOHB paper: C and gamma, on ever more of the training rows.

Falkner, Klein, Hutter (ICML 2018, arXiv 1807.01774), the experiment on MNIST, which is that of
FABOLAS (Klein et al., AISTATS 2017, arXiv 1605.07079): an RBF kernel, C and gamma in [1e-10, 1e10]
both on a logarithmic scale, and the share of the training data, from 1/512 to 1, as fidelity. There
a surrogate stood in for trainings on 50,000 images; here trainings are real, on fewer.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from bohb_study.seeding import Config, derive, split_seed
from bohb_study.tasks.base import Evaluation
from bohb_study.tasks.fingerprints import indices_sha256
from bohb_study.tasks.ladder import Ladder
from bohb_study.tasks.training.features import data_sets
from bohb_study.tasks.training.features.data_sets import SIZES
from bohb_study.tasks.training.features.feature_task import FeatureTask
from bohb_study.tasks.training.features.parts import Sizes, sizes

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from bohb_study.tasks.training.features.svm_kernel import Distances

SUBSETS = {"mnist-5k": 0, "letter": 4_000, "fashion-mnist": 4_000, "digits": 0}
"""Rows for training and validation, of data sets that are tasks: distances between all of them are
kept in memory."""
RUNGS = 5
"""At most: 1/81, 1/27, 1/9, 1/3 and all of the training rows."""


@dataclass(frozen=True)
class SVM(FeatureTask):
    """Train scikit-learn's SVC on a table of features; ``val_loss`` is the error, as in the paper.

    Where gamma is large, every row is said to be of one class, and where C is small enough or large
    enough it no longer matters: many random configurations tie with others, because they are one
    and the same classifier. No finer loss would tell those apart.

    A rung trains on a stratified subset of the training part with at least one row of each class,
    from scratch, and is paid whole. The subsets are nested, and the study's seed draws them: all
    configurations, and all methods, see the same. Nothing else is random, so retrained on other
    subsets a configuration has the same loss at the top.

    Features are whole numbers of one scale, and are divided by the largest: pixels by 255.
    """

    val_metric = "validation error"
    extra_names = ("support_vectors", "capped")
    grid_order = ("gamma", "C")

    @property
    def summary(self) -> str:
        """Which data are learnt, by what."""
        return f"support vector machine on {self.source}: C, gamma"

    @property
    def own_subset(self) -> int:
        """As many as let a full evaluation take about half a second."""
        return SUBSETS[self.source]

    @property
    def own_ladder(self) -> Ladder:
        """All training rows, a third, a ninth, ...: five rungs, or as many as have each class."""
        train = self.counts().train
        costs = [train // 3**i for i in range(RUNGS)]
        enough = [cost for cost in costs if cost >= self.classes] or costs[:1]
        return Ladder("training row", tuple(enough[::-1]), eta=3, curve=False, resumable=False)

    def space(self, seed: int) -> "ConfigurationSpace":
        """The paper's."""
        from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformFloatHyperparameter("C", 1e-10, 1e10, log=True),
            UniformFloatHyperparameter("gamma", 1e-10, 1e10, log=True),
        )
        return space

    def counts(self) -> Sizes:
        """Rows of each part."""
        found = sizes(SIZES[self.source][0], self.subset)
        return Sizes(found.train + found.val, found.test, found.test) if self.whole else found

    def split_sha256(self, seed: int) -> str:
        """Over the indices of the three parts, and the order in which rungs take training rows."""
        from bohb_study.tasks.training.features.svm_kernel import indices, nested_order

        labels = data_sets.load(self.source, self.data, self.name).labels
        parts = indices(labels, self.subset, split_seed(self.name, seed), whole=self.whole)
        order = nested_order(labels[parts[0]], self.subset_seed(seed))
        return indices_sha256([*parts, order])

    def subset_seed(self, seed: int) -> int:
        """What draws the subsets that rungs train on, from the study's ``seed``."""
        return derive(split_seed(self.name, seed), "subsets")

    def distances(self, seed: int) -> "Distances":
        """Distances between rows under the study's ``seed``, computed once per process."""
        from bohb_study.tasks.training.features.svm_kernel import load_distances

        return load_distances(
            self.source, self.data, self.subset, split_seed(self.name, seed), whole=self.whole
        )

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin an evaluation of ``config`` on the subsets that all configurations see."""
        return self.train(config, seed, self.subset_seed(seed))

    def train(self, config: Config, seed: int, training_seed: int) -> Evaluation:
        """Begin an evaluation; ``training_seed`` draws the subsets."""
        from bohb_study.tasks.training.features.svm_training import SVMEvaluation

        return SVMEvaluation(self, config, seed, training_seed)

    def on_all_data(self) -> Self:
        """The same training on the validation part as well, tested on the test part."""
        return replace(self, whole=True)

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds of a training on ``end`` rows; where it began does not matter.

        With n rows to train on, m to predict and k classes: 3.4 ms + 42 ns n^2 + (12 + 0.59 k) ns
        n m + 5.5 us for each pair of classes. The kernel matrix is most of it, so C and gamma
        hardly matter: fitted, to some 40 %, to 64 random configurations on two data sets, measured
        in processor time on one core of an AMD EPYC; what is measured in a run decides nothing.
        """
        _, val, test = self.counts()
        pairs = self.classes * (self.classes - 1) / 2
        predicted = end * (val + test) * (1.2e-8 + 5.9e-10 * self.classes)
        return 3.4e-3 + 4.2e-8 * end**2 + predicted + 5.5e-6 * pairs
