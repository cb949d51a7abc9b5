"""What all cells of a task must share, so short that it is stored with each: space and split."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bohb_study.seeding import Value, plain_value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from bohb_study.schema import Kind


def space_sha256(space: "ConfigurationSpace") -> str:
    """Over the serialised space, which has no seed in it."""
    text = json.dumps(space.to_serialized_dict(), sort_keys=True, default=plain_value)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_space(space: "ConfigurationSpace") -> dict[str, dict[str, Any]]:
    """The hyperparameters as JSON values, so that rows can be checked without the task.

    Returns:
        By name, in the space's order: ``kind`` (float, int or categorical), ``lower`` and ``upper``
        of a number or the ``choices`` (those of weight 0 are none), ``json`` where its column
        has JSON text, and ``conditional``: whether it may be inactive.
    """
    conditional = set(space.conditional_hyperparameters)
    return {
        name: {**_describe(hyperparameter), "conditional": name in conditional}
        for name, hyperparameter in space.items()
    }


def column_kind(hyperparameter: Any) -> "tuple[Kind, bool]":
    """The type of a hyperparameter's column, and whether its values are JSON text there.

    They are where they are not all of one type, so that 1, 1.0, "1" and None stay what they are.
    """
    from ConfigSpace.hyperparameters import IntegerHyperparameter

    from bohb_study.tasks.encoding import possible

    values = possible(hyperparameter)
    if values is None:
        return ("int" if isinstance(hyperparameter, IntegerHyperparameter) else "float"), False
    kinds = {type(plain_value(value)) for value in values}
    for kind, name in _KINDS.items():
        if kinds == {kind}:
            return name, False
    return "str", True


_KINDS: "dict[type, Kind]" = {bool: "bool", int: "int", float: "float", str: "str"}


def stored_value(value: Any, as_json: bool) -> Any:
    """A value as it stands in its column: itself, or its JSON text."""
    return json.dumps(plain_value(value), allow_nan=False) if as_json else value


def own_value(stored: Any, described: Mapping[str, Any]) -> Value:
    """The value that stands in a column, in its own type.

    Args:
        stored: not NA.
        described: the hyperparameter in ``describe_space``.
    """
    return plain_value(json.loads(stored) if described.get("json") else stored)


def varying(space: Mapping[str, Mapping[str, Any]]) -> int:
    """How many hyperparameters of a described space have more than one value."""
    return sum(len(one.get("choices", "..")) > 1 for one in space.values())


def _describe(hyperparameter: Any) -> dict[str, Any]:
    from ConfigSpace.hyperparameters import IntegerHyperparameter

    from bohb_study.tasks.encoding import possible

    values = possible(hyperparameter)
    if values is None:
        return {
            "kind": "int" if isinstance(hyperparameter, IntegerHyperparameter) else "float",
            "lower": plain_value(hyperparameter.lower),
            "upper": plain_value(hyperparameter.upper),
        }
    described = {"kind": "categorical", "choices": [plain_value(value) for value in values]}
    return {**described, "json": True} if column_kind(hyperparameter)[1] else described


def indices_sha256(parts: Sequence[NDArray[np.int64]]) -> str:
    """Over the parts of a split, in their order; each of shape (n,) with an n of its own."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(str(len(part)).encode())
        digest.update(np.ascontiguousarray(part, dtype="<i8").data)
    return digest.hexdigest()
