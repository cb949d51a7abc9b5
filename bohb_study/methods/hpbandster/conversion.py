"""Between a model's vectors and configurations, with the fewest of ConfigSpace's objects.

For every suggestion HpBandSter builds up to five ``Configuration`` objects, each of which converts,
rounds and checks all values again; for every result one more. Where no hyperparameter depends on
another, values that ConfigSpace itself made of a vector pass its checks as they are, unless
rounding once more would change them, or has pushed them over a bound; those are left to it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.hyperparameters.hp_components import ROUND_PLACES
from ConfigSpace.util import deactivate_inactive_hyperparameters

from bohb_study.arrays import Floats


class Conversion:
    """Converts as ConfigSpace does, to the last bit."""

    def __init__(self, space: ConfigurationSpace) -> None:
        """Convert for ``space``."""
        self._space = space
        self._parts = list(space.items())
        self._names = set(space)
        self._simple = not (space.conditions or space.forbidden_clauses)
        self._numbers: list[tuple[str, type[float], float, float]] = []
        """Name, type of its values, least and greatest value."""
        self._choices: list[tuple[str, frozenset[Any]]] = []
        for name, one in self._parts:
            match one:
                case UniformFloatHyperparameter():
                    self._numbers.append((name, float, one.lower, one.upper))
                case UniformIntegerHyperparameter():
                    self._numbers.append((name, int, one.lower, one.upper))
                case CategoricalHyperparameter() if all(
                    isinstance(choice, str | int | float | np.generic) for choice in one.choices
                ):
                    self._choices.append((name, frozenset(one.choices)))
                case _:
                    self._simple = False
        self._floats = [name for name, kind, _, _ in self._numbers if kind is float]

    def config(self, vector: Floats) -> dict[str, Any]:
        """The configuration of a vector, without what is inactive.

        Args:
            vector: values in the unit cube or category indices, shape (d,).

        Raises:
            ForbiddenValueError, IllegalValueError: ConfigSpace does not allow it.
        """
        return self.active(dict(Configuration(self._space, vector=vector)))

    def active(self, values: dict[str, Any]) -> dict[str, Any]:
        """What ``deactivate_inactive_hyperparameters`` leaves of values made of a vector.

        Raises:
            ForbiddenValueError, IllegalValueError: as ``config``.
        """
        if self._passes(values):
            return values
        return dict(deactivate_inactive_hyperparameters(values, self._space))

    def vector(self, config: Mapping[str, Any]) -> Floats:
        """The vector of a configuration that was suggested here, shape (d,); NaN: inactive."""
        if not self._passes(config):
            return Configuration(self._space, config).get_array()
        return np.array([one.to_vector(config[name]) for name, one in self._parts])

    def _passes(self, values: Mapping[str, Any]) -> bool:
        """Whether ConfigSpace would keep all these values, and keep them as they are."""
        if not self._simple or values.keys() != self._names:
            return False
        for name, kind, lower, upper in self._numbers:
            value = values[name]
            if type(value) is not kind or not lower <= value <= upper:
                return False
        if any(values[name] not in choices for name, choices in self._choices):
            return False
        floats = [values[name] for name in self._floats]
        return bool(np.round(floats, ROUND_PLACES).tolist() == floats)
