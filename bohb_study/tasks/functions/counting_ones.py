"""Stochastic counting ones: the discrete-continuous toy problem of the BOHB paper.

Half of the d hyperparameters are categorical in {0, 1}, half are floats in [0, 1]. At level b

    loss = -(sum_i cat_i + sum_j mean of b Bernoulli(float_j) draws),

noise-free -(sum of all), lowest -d where all are 1. Not divided by d; a figure's normalised regret
is loss / d + 1.

Source: Falkner, Klein, Hutter, "BOHB" (ICML 2018), section 5.1. The second ladder is that of the
experiments of Awad, Mallik, Hutter, "DEHB" (IJCAI 2021), on 50 + 50 hyperparameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks.computed import ComputedTask

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter

RUNGS = {"bohb": (9, 27, 81, 243, 729), "dehb": (11, 34, 103, 311, 933)}
"""Bernoulli draws of each rung, by the paper that used them."""


@cache
def names(dimensions: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the categorical and of the float hyperparameters, ``dimensions / 2`` of each."""
    half = range(dimensions // 2)
    return tuple(f"cat_{i}" for i in half), tuple(f"float_{i}" for i in half)


@dataclass(frozen=True)
class CountingOnes(ComputedTask):
    """Counting ones with noise that more samples average out; ``counting-ones-<d>``.

    Nothing resumes: each rung draws afresh and is paid whole. The draws are a function of
    configuration, level and study seed, so a repeated row is the same row.
    """

    name: str = field(default="counting-ones-8", kw_only=True)
    rungs: str = "bohb"
    """The ladder: "bohb" (9 to 729 samples) or "dehb" (11 to 933)."""

    val_metric = "negative number of ones"
    unit = "sample"

    def __post_init__(self) -> None:
        """Raise UsageError where there is no such ladder."""
        if self.rungs not in RUNGS:
            raise UsageError(
                f"{self.name}.rungs={self.rungs}: must be {' or '.join(RUNGS)}",
                parameter="task_options",
            )
        super().__post_init__()

    @property
    def dimensions(self) -> int:
        """The number d that ends the task's name; even."""
        return int(self.name.rpartition("-")[2])

    @property
    def summary(self) -> str:
        """With the number of hyperparameters of each kind."""
        half = self.dimensions // 2
        return f"stochastic counting ones: {half} categoricals, {half} Bernoulli probabilities"

    @property
    def optimum(self) -> float:
        """The loss of a configuration of ones alone."""
        return float(-self.dimensions)

    @property
    def levels(self) -> tuple[int, ...]:
        """Numbers of Bernoulli draws per float hyperparameter."""
        return RUNGS[self.rungs]

    @property
    def hyperparameters(self) -> Sequence["Hyperparameter[Any, Any]"]:
        """Categoricals first: one of them moves the loss by 1."""
        from ConfigSpace import CategoricalHyperparameter, UniformFloatHyperparameter

        categoricals, floats = names(self.dimensions)
        return [
            *(CategoricalHyperparameter(name, (0, 1)) for name in categoricals),
            *(UniformFloatHyperparameter(name, 0.0, 1.0) for name in floats),
        ]

    def loss(self, config: Config, level: int, seed: int) -> float:
        """Minus the ones counted in ``level`` draws of each float."""
        categoricals, floats = names(self.dimensions)
        ones = sum(int(config[name]) for name in categoricals)
        probabilities = [float(config[name]) for name in floats]
        drawn = int(self.rng(config, level, seed).binomial(level, probabilities).sum())
        return -(ones + drawn / level)

    def true_loss(self, config: Config) -> float:
        """Minus the expected number of ones."""
        categoricals, floats = names(self.dimensions)
        ones = sum(int(config[name]) for name in categoricals)
        return -(ones + sum(float(config[name]) for name in floats))
