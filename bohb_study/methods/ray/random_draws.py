"""Random configurations of a space, many at a time, with ConfigSpace's own stream."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import (
    FloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.hyperparameters.distributions import (
    UniformIntegerDistribution,
    UniformIntegerNormalizedDistribution,
    UnitUniformContinuousDistribution,
)
from ConfigSpace.hyperparameters.hp_components import ROUND_PLACES

from bohb_study.arrays import Floats

AT_ONCE = 32
"""Configurations that are drawn ahead and converted together."""
DRAWN = 5
"""Values that ``sample_configuration`` draws of each hyperparameter for one configuration (of
which it uses the first); more where there are conditions or forbidden clauses."""


class Draws:
    """``dict(space.sample_configuration())`` again and again: the same values, in plain types.

    ConfigSpace takes a third of a millisecond for one, most of it to convert single values. Here
    the same random numbers are drawn in the same order and converted 32 at a time. The space's
    stream runs ahead by as many, so whoever draws this way must be the only one.
    """

    def __init__(self, space: ConfigurationSpace) -> None:
        """Draw from ``space``, wherever its stream stands at the first draw."""
        self._space = space
        self._ahead: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        """The next configuration of the stream."""
        space = self._space
        if space.conditions or space.forbidden_clauses:
            return dict(space.sample_configuration())
        if not self._ahead:
            self._ahead = self._draw()
            self._ahead.reverse()
        return self._ahead.pop()

    def _draw(self) -> list[dict[str, Any]]:
        """As many configurations as are drawn at once, in order."""
        hyperparameters = list(self._space.values())
        kinds = [_kind(hyperparameter) for hyperparameter in hyperparameters]
        draws, random = [draw for draw, _ in kinds], self._space.random
        # one configuration after the other, hyperparameter by hyperparameter, as ConfigSpace draws
        raw = [[draw(random)[0] for draw in draws] for _ in range(AT_ONCE)]
        columns = []
        for hyperparameter, (_, quantized), drawn in zip(
            hyperparameters, kinds, zip(*raw, strict=True), strict=True
        ):
            values = hyperparameter.to_value(quantized(np.array(drawn)))
            if isinstance(hyperparameter, FloatHyperparameter):
                values = np.round(values, ROUND_PLACES)
            columns.append(values.tolist())
        names = list(self._space)
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _kind(hyperparameter: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """How values of the unit interval are drawn from a RandomState, and what is done to them.

    Beside an array of five numbers ConfigSpace's own wrappers, and scipy's, take most of the time.
    """
    distribution: Any = hyperparameter._vector_dist
    match distribution:
        case UnitUniformContinuousDistribution():
            return _uniform, lambda drawn: drawn
        case UniformIntegerDistribution(size=size):
            return partial(_index, size), lambda drawn: drawn.astype(float)
        case UniformIntegerNormalizedDistribution(size=size):
            return partial(_index, size), lambda drawn: drawn / (size - 1)
    if isinstance(hyperparameter, UniformIntegerHyperparameter) and hyperparameter.log:
        return _uniform, distribution._quantize
    return (lambda random: hyperparameter.sample_vector(DRAWN, seed=random)), lambda drawn: drawn


def _uniform(random: np.random.RandomState) -> Floats:
    return random.random_sample(DRAWN)


def _index(size: int, random: np.random.RandomState) -> Any:
    return random.randint(0, size, DRAWN)
