"""What all cells of a task must share, so short that it is stored with each: space and split."""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bohb_study.seeding import plain_value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def space_sha256(space: "ConfigurationSpace") -> str:
    """Over the serialised space, which holds no seed."""
    text = json.dumps(space.to_serialized_dict(), sort_keys=True, default=plain_value)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_space(space: "ConfigurationSpace") -> dict[str, dict[str, Any]]:
    """The hyperparameters as JSON values, so that rows can be checked without the task.

    Returns:
        By name, in the space's order: ``kind`` (float, int or categorical), ``lower`` and ``upper``
        of a number or the ``choices``, and ``conditional``: whether it may be inactive.
    """
    conditional = set(space.conditional_hyperparameters)
    return {
        name: {**_describe(hyperparameter), "conditional": name in conditional}
        for name, hyperparameter in space.items()
    }


def _describe(hyperparameter: Any) -> dict[str, Any]:
    from ConfigSpace.hyperparameters import (
        CategoricalHyperparameter,
        Constant,
        IntegerHyperparameter,
        OrdinalHyperparameter,
    )

    values: Sequence[Any]
    if isinstance(hyperparameter, CategoricalHyperparameter):
        values = hyperparameter.choices
    elif isinstance(hyperparameter, OrdinalHyperparameter):
        values = hyperparameter.sequence
    elif isinstance(hyperparameter, Constant):
        values = [hyperparameter.value]
    else:
        return {
            "kind": "int" if isinstance(hyperparameter, IntegerHyperparameter) else "float",
            "lower": plain_value(hyperparameter.lower),
            "upper": plain_value(hyperparameter.upper),
        }
    return {"kind": "categorical", "choices": [plain_value(value) for value in values]}


def indices_sha256(parts: Sequence[NDArray[np.int64]]) -> str:
    """Over the parts of a split, in their order; each of shape (n,) with an n of its own."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(str(len(part)).encode())
        digest.update(np.ascontiguousarray(part, dtype="<i8").data)
    return digest.hexdigest()
