"""Space-filling designs: configurations that cover a search space evenly.

A scrambled Sobol sequence fills the unit cube, one coordinate a hyperparameter, and each coordinate
becomes a value as the hyperparameter's own distribution says: log scales, weights and normal
distributions included, whole numbers with equal shares. What is inactive is left out then, and what
is forbidden or was there before is passed over. The first n configurations of a longer design are
those of a shorter one.

Source: I. M. Sobol, USSR Computational Mathematics and Mathematical Physics 7 (1967), scrambled as
A. B. Owen, Journal of Complexity 14 (1998), does.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.arrays import Floats
from bohb_study.seeding import Config, canonical, config_id, derive, plain
from bohb_study.tasks.encoding import possible

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

SOBOL = "scrambled Sobol sequence"
ALL = "all configurations"
BLOCK = 256
"""Points that are drawn at a time; the sequence is balanced at powers of two."""
MOST_DRAWN = 64
"""How many points are drawn for each configuration before the space counts as exhausted."""
QUANTILES = 4096
"""Into so many equally likely parts is a distribution cut that is not uniform."""


@dataclass(frozen=True)
class Design:
    """Configurations, none twice, in plain Python types."""

    kind: str
    seed: int
    configs: tuple[Config, ...]

    @property
    def sha256(self) -> str:
        """Over all configurations, in their order."""
        digest = hashlib.sha256()
        for config in self.configs:
            digest.update(canonical(config).encode() + b"\n")
        return digest.hexdigest()


def design(space: "ConfigurationSpace", most: int, seed: int = 0) -> Design:
    """At most ``most`` configurations that fill ``space``.

    Fewer where there are no more; where that is known beforehand, all of them in order.

    Args:
        space: the search space, with conditions and forbidden clauses, if any.
        most: configurations, at least 1.
        seed: of the scrambling.
    """
    sizes = [_size(one) for one in space.values()]
    if math.prod(sizes) <= most:
        grids = [_all_values(one) for one in space.values()]
        found = _distinct(space, itertools.product(*grids))
        return Design(ALL, seed, tuple(found))
    points = itertools.islice(_sobol(len(sizes), seed), MOST_DRAWN * most)
    quantiles = [_quantile(one) for one in space.values()]
    values = (
        [quantile(float(u)) for quantile, u in zip(quantiles, point, strict=True)]
        for point in points
    )
    return Design(SOBOL, seed, tuple(itertools.islice(_distinct(space, values), most)))


def _distinct(
    space: "ConfigurationSpace", rows: Iterator[Sequence[Any]] | Iterator[tuple[Any, ...]]
) -> Iterator[Config]:
    """Rows of values as configurations that are allowed, each once."""
    from ConfigSpace.exceptions import ForbiddenValueError
    from ConfigSpace.util import deactivate_inactive_hyperparameters

    seen = set()
    for row in rows:
        whole = dict(zip(space, row, strict=True))
        try:
            config = plain(dict(deactivate_inactive_hyperparameters(whole, space)))
        except ForbiddenValueError:
            continue
        if (known := config_id(config)) not in seen:
            seen.add(known)
            yield config


def _sobol(dimensions: int, seed: int) -> Iterator[Floats]:
    from scipy.stats.qmc import Sobol

    sequence = Sobol(dimensions, scramble=True, rng=np.random.default_rng(derive("design", seed)))
    while True:
        yield from sequence.random(BLOCK)


def _size(one: Any) -> float:
    """How many values a hyperparameter has; infinite for a float."""
    from ConfigSpace.hyperparameters import IntegerHyperparameter

    values = possible(one)
    if values is not None:
        return len(values)
    whole = isinstance(one, IntegerHyperparameter)
    return int(one.upper) - int(one.lower) + 1 if whole else math.inf


def _all_values(one: Any) -> Sequence[Any]:
    values = possible(one)
    return range(int(one.lower), int(one.upper) + 1) if values is None else values


def _quantile(one: Any) -> Callable[[float], Any]:
    """What gives a hyperparameter's value at ``u`` in [0, 1), by its own distribution."""
    from ConfigSpace.hyperparameters import (
        CategoricalHyperparameter,
        UniformFloatHyperparameter,
        UniformIntegerHyperparameter,
    )

    values = possible(one)
    if isinstance(one, CategoricalHyperparameter) and values is not None:
        ends = np.cumsum([weight for weight in one.probabilities if weight > 0])[:-1]
        return lambda u: values[int(np.searchsorted(ends, u, side="right"))]
    if values is not None:
        return lambda u: values[int(u * len(values))]
    if isinstance(one, UniformFloatHyperparameter):
        return lambda u: one.to_value(np.float64(u))
    if isinstance(one, UniformIntegerHyperparameter):
        low, high = one.lower - 0.5, one.upper + 0.5
        if one.log:
            low, high = math.log(low), math.log(high)

        def whole(u: float) -> int:
            at = low + u * (high - low)
            found = round(math.exp(at) if one.log else at)
            return min(max(found, int(one.lower)), int(one.upper))

        return whole
    drawn = np.sort(one.sample_vector(QUANTILES, seed=np.random.RandomState(0)))
    return lambda u: one.to_value(drawn[int(u * QUANTILES)])
