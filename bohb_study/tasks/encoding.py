"""A task's space as the methods see it: floats, integers and plain choices that really vary.

Searchers differ in what they take: ordinals, ``None``, names with a slash. So none of them sees
any: what is not plain is coded, an ordinal by its index as an integer, a choice by its index as a
category, an odd name by a plain one. A hyperparameter with one value (a constant, or all other
choices of weight 0) is left out, for only what varies is a dimension of a model. A space in which
everything is plain is handed through as it is, so its random stream is the one that it always had.
"""

import math
import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ConfigSpace import (
    AndConjunction,
    ConfigurationSpace,
    ForbiddenAndConjunction,
    ForbiddenInClause,
    InCondition,
    OrConjunction,
)
from ConfigSpace.exceptions import ForbiddenValueError
from ConfigSpace.forbidden import ForbiddenConjunction, ForbiddenRelation
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    FloatHyperparameter,
    Hyperparameter,
    IntegerHyperparameter,
    OrdinalHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.types import NotSet

from bohb_study.errors import UsageError
from bohb_study.seeding import plain_value
from bohb_study.tasks.base import Task

PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""A name that no searcher, and nothing of Ray's, takes apart or keeps for itself."""

Coded = Hyperparameter[Any, Any]


@dataclass(frozen=True)
class Encoding:
    """The space that methods search, and the way back to the task's own values."""

    space: ConfigurationSpace
    own: ConfigurationSpace
    """The task's."""
    values: Mapping[str, tuple[Any, ...]]
    """The values of each coded hyperparameter of the task, by their index in ``space``; a single
    one where it does not vary, none where its conditions can never hold."""
    names: Mapping[str, str]
    """Of each hyperparameter that varies, what ``space`` calls it."""

    @property
    def plain(self) -> bool:
        """Whether the task's own space is handed through."""
        return self.space is self.own

    def decode(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration of ``space`` as one of the task's, with the values as they were given."""
        if self.plain:
            return dict(config)
        values: dict[str, Any] = dict.fromkeys(self.own, NotSet)
        for name in self.own:  # parents come first
            if name in self.names:
                if (coded := self.names[name]) in config:
                    value = config[coded]
                    values[name] = self.values[name][value] if name in self.values else value
            elif self.values[name] and _active(self.own, name, values):
                values[name] = self.values[name][0]
        return {name: value for name, value in values.items() if value is not NotSet}


def encoding(task: Task, seed: int) -> Encoding:
    """The space of ``task`` for its methods; ``seed`` seeds its stream.

    Raises:
        UsageError: something in the space is not supported, by any method.
    """
    try:
        return encode(task.space(seed), seed)
    except UsageError as error:
        raise UsageError(f"{task.name}: {error}") from None


@lru_cache(maxsize=64)
def decoder(task: Task) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """``Encoding.decode`` of a task's space."""
    return encoding(task, 0).decode


def possible(one: Coded) -> tuple[Any, ...] | None:
    """The values that a hyperparameter can take; None for a number. Weight 0 is no value."""
    match one:
        case CategoricalHyperparameter():
            weights = one.probabilities
            return tuple(v for v, w in zip(one.choices, weights, strict=True) if w > 0)
        case OrdinalHyperparameter():
            return tuple(one.sequence)
        case Constant():
            return (one.value,)
    return None


def encode(space: ConfigurationSpace, seed: int) -> Encoding:
    """The space that methods search in place of ``space``.

    Raises:
        UsageError: a value cannot be stored exactly, a kind of hyperparameter or of clause is
            unknown, or nothing varies.
    """
    for name, one in space.items():
        _check(name, one)
    if all(_is_plain(one) for one in space.values()):
        return Encoding(space, space, {}, {name: name for name in space})
    return _Encoder(space, seed).encoding()


def _is_plain(one: Coded) -> bool:
    if not PLAIN_NAME.fullmatch(one.name):
        return False
    if isinstance(one, CategoricalHyperparameter):
        kinds = {type(plain_value(value)) for value in one.choices}
        varies = possible(one) == tuple(one.choices) and len(one.choices) > 1
        return varies and len(kinds) == 1 and not kinds & {tuple, type(None)}
    return not isinstance(one, OrdinalHyperparameter | Constant)


def _check(name: str, one: Coded) -> None:
    values = possible(one)
    if values is None:
        if not isinstance(one, FloatHyperparameter | IntegerHyperparameter):
            raise UsageError(
                f"hyperparameter {name}: {type(one).__name__} is not supported by any method; "
                "allowed are floats, integers, categoricals, ordinals and constants"
            )
        return
    for value in values:
        if why := _not_stored(value):
            raise UsageError(
                f"hyperparameter {name}: value {value!r} {why}; allowed are int, float, str, bool, "
                "None and tuples of these"
            )


def _not_stored(value: Any) -> str | None:
    """Why a value cannot be stored exactly; None where it can."""
    if isinstance(value, tuple):
        return next((why for part in value if (why := _not_stored(part))), None)
    try:
        if isinstance(value, list):
            raise TypeError
        known = plain_value(value)
    except TypeError:
        return f"is a {type(value).__name__}"
    if isinstance(known, float) and not math.isfinite(known):
        return "is not finite"
    return None


def _active(space: ConfigurationSpace, name: str, values: Mapping[str, Any]) -> bool:
    conditions = space.parent_conditions_of[name]
    return all(condition.satisfied_by_value(dict(values)) for condition in conditions)


class _Encoder:
    """Builds the coded space: hyperparameters, then conditions and clauses over their indices."""

    def __init__(self, space: ConfigurationSpace, seed: int) -> None:
        self._own = space
        self._space = ConfigurationSpace(seed=seed)
        self._values: dict[str, tuple[Any, ...]] = {}
        self._names: dict[str, str] = {}
        self._coded: dict[str, Coded] = {}

    def encoding(self) -> Encoding:
        conditions = []
        for number, (name, one) in enumerate(self._own.items()):
            child = self._code(number, one)
            active: Any = True
            parts = []
            for condition in self._own.parent_conditions_of[name]:
                part = self._condition(condition, child)
                if part is False:
                    active = False
                elif part is not True:
                    parts.append(part)
            if active is False:
                self._values[name] = ()
            elif child is not None:
                self._names[name] = child.name
                self._coded[name] = child
                self._space.add(child)
                conditions += parts
        if not self._coded:
            raise UsageError("every hyperparameter has one value: there is nothing to search")
        if conditions:
            self._space.add(conditions)
        try:
            clauses = [self._forbidden(clause) for clause in self._own.forbidden_clauses]
            if any(clause is True for clause in clauses):
                raise UsageError("its forbidden clauses leave no configuration")
            self._space.add([clause for clause in clauses if clause is not False])
        except ForbiddenValueError as error:
            raise UsageError(f"its default configuration is forbidden: {error}") from None
        return Encoding(self._space, self._own, self._values, self._names)

    def _code(self, number: int, one: Coded) -> Coded | None:
        """The hyperparameter that stands for ``one``; None where it has one value."""
        name = one.name if PLAIN_NAME.fullmatch(one.name) else f"h{number:03}"
        while name != one.name and name in self._own:
            name = f"h{name}"
        values = possible(one)
        if values is None or _is_plain_kind(one):
            coded = copy(one)
            coded.name = name
            return coded
        self._values[one.name] = values
        if len(values) == 1:
            return None
        if isinstance(one, OrdinalHyperparameter):
            first = values.index(one.default_value)
            return UniformIntegerHyperparameter(name, 0, len(values) - 1, default_value=first)
        assert isinstance(one, CategoricalHyperparameter)
        weights = None if one.weights is None else [w for w in one.probabilities if w > 0]
        return CategoricalHyperparameter(name, list(range(len(values))), weights=weights)

    def _condition(self, condition: Any, child: Coded | None) -> Any:
        """The condition over the coded parents, or whether it is always or never true."""
        if isinstance(condition, AndConjunction | OrConjunction):
            parts = [self._condition(part, child) for part in condition.components]
            ends = isinstance(condition, OrConjunction)
            if any(part is ends for part in parts):
                return ends
            parts = [part for part in parts if part is not (not ends)]
            if len(parts) > 1:
                return None if child is None else type(condition)(*parts)
            return parts[0] if parts else not ends
        parent = condition.parent.name
        values = self._values.get(parent)
        if values is None:
            if child is None:
                return None
            what = condition.values if isinstance(condition, InCondition) else condition.value
            return type(condition)(child, self._coded[parent], what)
        held = [i for i, v in enumerate(values) if condition.satisfied_by_value({parent: v})]
        if not held:
            return False
        if parent not in self._coded:
            return self._fixed_parent(parent, child)
        if child is None:
            return None
        return InCondition(child, self._coded[parent], held)

    def _fixed_parent(self, parent: str, child: Coded | None) -> Any:
        """What a condition on a parent of one value comes to: that the parent is active."""
        grand = self._own.parent_conditions_of[parent]
        parts = [self._condition(condition, child) for condition in grand]
        if any(part is False for part in parts):
            return False
        parts = [part for part in parts if part is not True]
        if len(parts) > 1:
            return None if child is None else AndConjunction(*parts)
        return parts[0] if parts else True

    def _forbidden(self, clause: Any) -> Any:
        """The clause over coded hyperparameters, or whether it always or never forbids."""
        if isinstance(clause, ForbiddenConjunction):
            parts = [self._forbidden(part) for part in clause.components]
            ends = not isinstance(clause, ForbiddenAndConjunction)
            if any(part is ends for part in parts):
                return ends
            parts = [part for part in parts if part is not (not ends)]
            return type(clause)(*parts) if len(parts) > 1 else parts[0] if parts else not ends
        if isinstance(clause, ForbiddenRelation):
            sides = clause.left.name, clause.right.name
            for name in sides:
                if name in self._values:
                    raise UsageError(
                        f"hyperparameter {name}: {type(clause).__name__} compares it with another, "
                        "which is supported between numbers alone"
                    )
            return type(clause)(*(self._coded[name] for name in sides))
        name = clause.hyperparameter.name
        values = self._values.get(name)
        if values is None:
            what = clause.values if isinstance(clause, ForbiddenInClause) else clause.value
            return type(clause)(self._coded[name], what)
        ruled_out = [i for i, v in enumerate(values) if clause.is_forbidden_value({name: v})]
        if not ruled_out or name not in self._coded:
            return bool(ruled_out)
        return ForbiddenInClause(self._coded[name], ruled_out)


def _is_plain_kind(one: Coded) -> bool:
    """Whether only the name of a categorical may have to be coded."""
    named = copy(one)
    named.name = "plain"
    return _is_plain(named)
