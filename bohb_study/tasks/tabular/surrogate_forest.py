"""A forest that stands in for a table of curves, and how well it ranks what it has not seen.

It is of extremely randomised trees (Geurts, Ernst, Wehenkel, Machine Learning 63, 2006): on tables
of Branin, Hartmann and counting ones they rank unseen configurations better than a random forest's,
and come closer to the lowest losses.

One forest predicts all rungs of a table: the rank of a configuration's validation loss at each,
scaled to [0, 1], and whether it fails there; others predict the ranks of test losses and the
logarithm of the seconds. A predicted rank becomes a loss by what was measured at that rank, so a
prediction never leaves the range of the table. Ranks, because losses of divergent trainings are
orders of magnitude above the others, and ordering configurations is what a surrogate is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace
from scipy.stats import rankdata

from bohb_study.arrays import Floats
from bohb_study.seeding import Config, derive
from bohb_study.tasks.encoding import possible
from bohb_study.tasks.tabular.curve_table import CurveTable
from bohb_study.tasks.tabular.flat_trees import Trees

FOLDS = 5
LEAST = 10
"""Configurations that a surrogate is fitted to, at least."""
INACTIVE = -1.0
"""In place of a coordinate that a configuration does not have."""


class Encoder:
    """Configurations as vectors: unit coordinates of what has an order, an indicator a choice."""

    def __init__(self, space: ConfigurationSpace) -> None:
        """Of a table's space; what has one value is left out."""
        self._columns: list[tuple[str, Any, tuple[Any, ...] | None, bool]] = []
        for name, one in space.items():
            values = possible(one)
            if values is None or len(values) > 1:
                unordered = isinstance(one, CategoricalHyperparameter) and len(values or ()) > 2
                self._columns.append((name, one, values, unordered))

    def vector(self, config: Mapping[str, Any]) -> Floats:
        """Shape (features,), as float32 would round it, which is what trees compare."""
        found: list[float] = []
        for name, one, values, unordered in self._columns:
            active = name in config
            if values is None:
                found.append(float(one.to_vector(config[name])) if active else INACTIVE)
            elif unordered:
                place = values.index(config[name]) if active else None
                found += [float(place == i) if active else INACTIVE for i in range(len(values))]
            else:
                found.append(values.index(config[name]) / (len(values) - 1) if active else INACTIVE)
        return np.array(found, np.float32).astype(np.float64)


class Forest:
    """What stands in for a table; fitted to means over the table's seeds."""

    def __init__(self, table: CurveTable, seed: int = 0) -> None:
        """Fit it.

        Args:
            table: of at least ``LEAST`` configurations.
            seed: of the thresholds that are tried.
        """
        encoder = Encoder(table.about.search_space)
        self._vector = encoder.vector
        x = np.array([encoder.vector(config) for config in table.configs])
        targets = Targets(table)
        self._targets = targets
        rungs = len(table.about.costs)
        self._rungs = rungs
        self._ranks = Trees.fitted(x, targets.validation, derive("surrogate", "val", seed))
        self._tests = Trees.fitted(x, targets.test_ranks, derive("surrogate", "test", seed))
        self._seconds = Trees.fitted(x, targets.log_seconds, derive("surrogate", "time", seed))

    def curve(self, config: Config) -> "Predicted":
        """What is predicted of a configuration at every rung."""
        x = self._vector(config)
        found, tests = self._ranks.predict(x), self._tests.predict(x)
        ranks, failing = found[: self._rungs], found[self._rungs :]
        targets = self._targets
        return Predicted(
            tuple(targets.loss_at(rung, float(ranks[rung])) for rung in range(self._rungs)),
            tuple(targets.test_at(rung, float(tests[rung])) for rung in range(self._rungs)),
            tuple(bool(share >= 0.5) for share in failing),
            np.exp(self._seconds.predict(x)),
        )


@dataclass(frozen=True)
class Predicted:
    """Of one configuration, at each rung."""

    val_loss: tuple[float, ...]
    test_loss: tuple[float, ...]
    """NaN where the table has none."""
    fails: tuple[bool, ...]
    seconds: Floats
    """Of the step that ends at the rung."""


class Targets:
    """What a forest is fitted to, and the way back from ranks to losses."""

    def __init__(self, table: CurveTable) -> None:
        """Of the means over a table's seeds; a configuration has failed where most seeds have."""
        status = table.curves.status
        self._failed = 2 * (status > 0).sum(axis=1) > status.shape[1]
        self._val = np.where(self._failed, np.nan, table.mean_losses)
        self._test = np.where(self._failed, np.nan, table.mean_test_losses)
        self.log_seconds: Floats = np.log(table.durations)

    @cached_property
    def val_ranks(self) -> Floats:
        """Scaled to [0, 1], what failed behind all else; shape (configurations, rungs)."""
        return _scaled_ranks(self._val)

    @cached_property
    def test_ranks(self) -> Floats:
        """The same of test losses."""
        return _scaled_ranks(self._test)

    @property
    def validation(self) -> Floats:
        """Ranks, and 1 where it failed; shape (configurations, 2 x rungs)."""
        return np.concatenate([self.val_ranks, self._failed.astype(np.float64)], axis=1)

    def loss_at(self, rung: int, rank: float) -> float:
        """The validation loss of a scaled rank, between those that were measured."""
        return _loss_at(self._val[:, rung], self.val_ranks[:, rung], rank)

    def test_at(self, rung: int, rank: float) -> float:
        """The test loss of a scaled rank; NaN where none was measured."""
        return _loss_at(self._test[:, rung], self.test_ranks[:, rung], rank)


def _scaled_ranks(losses: Floats) -> Floats:
    last = np.where(np.isnan(losses), np.inf, losses)
    ranks = rankdata(last, axis=0).astype(np.float64)
    scaled: Floats = (ranks - 1) / max(len(losses) - 1, 1)
    return scaled


def _loss_at(losses: Floats, ranks: Floats, rank: float) -> float:
    known = ~np.isnan(losses)
    if not known.any():
        return float("nan")
    order = np.argsort(ranks[known], kind="stable")
    return float(np.interp(rank, ranks[known][order], losses[known][order]))


def cross_validated(table: CurveTable, seed: int = 0) -> Floats:
    """Spearman's correlation of predicted and measured losses at each rung, over unseen parts.

    Every configuration is predicted by a forest that was fitted without its fifth of the table.
    What failed ranks behind all else. NaN where all losses of a rung are equal, or there are fewer
    than ``LEAST`` configurations.

    Returns:
        Shape (rungs,).
    """
    n, rungs = len(table.configs), len(table.about.costs)
    if n < LEAST:
        return np.full(rungs, np.nan)
    encoder = Encoder(table.about.search_space)
    x = np.array([encoder.vector(config) for config in table.configs])
    targets = Targets(table)
    y = targets.validation
    fold = np.random.default_rng(derive("surrogate", "folds", seed)).permutation(n) % FOLDS
    predicted = np.empty((n, rungs))
    for number in range(FOLDS):
        out = fold == number
        trees = Trees.fitted(x[~out], y[~out], derive("surrogate", "fold", number, seed))
        predicted[out] = [trees.predict(one)[:rungs] for one in x[out]]
    return np.array([_spearman(predicted[:, r], targets.val_ranks[:, r]) for r in range(rungs)])


def _spearman(a: Floats, b: Floats) -> float:
    a, b = rankdata(a), rankdata(b)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
