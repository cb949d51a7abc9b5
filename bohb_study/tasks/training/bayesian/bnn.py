"""Bayesian neural networks sampled by SGHMC, as in the BOHB paper (its section on them), smaller.

The paper's space and fidelity: units of two tanh layers, step length, burn-in and momentum decay,
over the number of MCMC steps. What differs: 100 to 2,700 steps where the paper has 500 to 10,000,
so that a full evaluation takes about a second, and the data: points of a formula, and
scikit-learn's diabetes for the paper's UCI sets.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, retraining_seed, split_seed, trial_seed
from bohb_study.tasks.base import Evaluation, Task
from bohb_study.tasks.ladder import Ladder

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

RUNGS = 4
"""Each has a third of the next one's steps."""


@dataclass(frozen=True)
class BNN(Task):
    """Sample a Bayesian neural network by SGHMC with scale adaptation.

    ``val_loss`` is the mean negative log density that the average over the kept samples gives to
    the validation targets, which are standardised by the training part: always guessing its mean
    and variance gets 1.42. ``test_loss`` is the same on the test part.

    Nothing resumes, each rung is a chain of its own and is paid whole, as in the paper: the burn-in
    is a share of the steps, and as long as it lasts the scale is adapted, so a longer chain
    goes another way from the first step that it burns in and the shorter one does not. All chains
    of a configuration have the same start, batches and noise.
    """

    name: str = field(default="bnn-toy", kw_only=True)
    steps: int = 2700
    """MCMC steps of one full evaluation; a multiple of 27."""

    val_metric = "validation negative log-likelihood"
    test_metric = "test negative log-likelihood"
    extra_names = ("val_rmse",)
    diverged_from = 100.0
    """Validation loss from which on a chain counts as diverged."""
    grid_order = ("step_length", "momentum_decay", "burn_in", "l2", "l1")

    def __post_init__(self) -> None:
        """Raise UsageError for options that cannot be."""
        if self.steps < 1 or self.steps % 3 ** (RUNGS - 1):
            raise UsageError(
                f"{self.name}.steps={self.steps}: must be a multiple of 27",
                parameter="task_options",
            )

    @property
    def data(self) -> str:
        """Which data are learnt: "toy" or "diabetes"."""
        return self.name.removeprefix("bnn-")

    @property
    def summary(self) -> str:
        """What is sampled, on which data."""
        data = {"toy": "1,000 points of a formula", "diabetes": "scikit-learn's diabetes"}
        return f"Bayesian neural network by SGHMC on {data[self.data]}"

    @property
    def own_ladder(self) -> Ladder:
        """A 27th, a 9th and a third of ``steps``, and all of them."""
        costs = tuple(self.steps // 3**i for i in reversed(range(RUNGS)))
        return Ladder("MCMC step", costs, eta=3, curve=False, resumable=False)

    def space(self, seed: int) -> "ConfigurationSpace":
        """Five hyperparameters, over the paper's ranges."""
        from ConfigSpace import (
            ConfigurationSpace,
            UniformFloatHyperparameter,
            UniformIntegerHyperparameter,
        )

        space = ConfigurationSpace(seed=seed)
        space.add(
            UniformIntegerHyperparameter("l1", 2**4, 2**9, log=True),
            UniformIntegerHyperparameter("l2", 2**4, 2**9, log=True),
            UniformFloatHyperparameter("step_length", 1e-6, 1e-1, log=True),
            UniformFloatHyperparameter("burn_in", 0, 0.8),
            UniformFloatHyperparameter("momentum_decay", 0, 1),
        )
        return space

    def split_sha256(self, seed: int) -> str:
        """Over the indices of the three parts, or over the points where they are drawn."""
        from bohb_study.tasks.training.bayesian.regression_data import split_sha256

        return split_sha256(self.data, split_seed(self.name, seed))

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin an evaluation of ``config`` under the study's ``seed``."""
        from bohb_study.tasks.training.bayesian.sampling import BNNEvaluation

        return BNNEvaluation(self, config, seed, trial_seed(self.name, seed, config))

    def retrain(self, config: Config, seed: int, repeat: int) -> Evaluation:
        """Begin a chain with another start, other batches and other noise."""
        from bohb_study.tasks.training.bayesian.sampling import BNNEvaluation

        training_seed = retraining_seed(self.name, seed, config, repeat)
        return BNNEvaluation(self, config, seed, training_seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        """Modelled seconds of a chain of ``end`` steps, in proportion to them.

        One step takes 50 us + 14.6 ns x l1 l2 + 0.158 us x (l1 + l2), fitted to the measured
        seconds of 109 random configurations of both data sets on one core of an AMD EPYC, which
        it meets to 20 % in nine of ten; what is measured in a run decides nothing.
        """
        l1, l2 = int(config["l1"]), int(config["l2"])
        return end * (5.0e-5 + 1.46e-8 * l1 * l2 + 1.58e-7 * (l1 + l2))
