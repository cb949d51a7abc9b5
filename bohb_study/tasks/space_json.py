"""A search space as JSON and back: the very hyperparameters, conditions and clauses.

ConfigSpace's own form, in which JSON loses one thing that values may be: tuples. They are marked.
"""

import math
from typing import TYPE_CHECKING, Any

from bohb_study.seeding import plain_value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

TUPLE = "tuple"
"""The only key of what stands for a tuple."""
MOST_HYPERPARAMETERS = 1000
"""Of a space that is read from a file."""


def space_to_json(space: "ConfigurationSpace") -> dict[str, Any]:
    """JSON values from which ``space_from_json`` makes an equal space, but for notes (``meta``).

    Raises:
        TypeError: a value is none that a configuration may have.
    """
    found = space.to_serialized_dict()
    for one in found["hyperparameters"]:
        one["meta"] = None
    return {key: _encoded(part) for key, part in found.items()}


def space_from_json(data: Any) -> "ConfigurationSpace":
    """The space that ``space_to_json`` wrote, with a stream of its own.

    Raises:
        ValueError: it is no such space; says why.
    """
    from ConfigSpace import ConfigurationSpace

    try:
        decoded = _decoded(data)
        if len(decoded["hyperparameters"]) > MOST_HYPERPARAMETERS:
            raise ValueError(f"has more than {MOST_HYPERPARAMETERS} hyperparameters")
        return ConfigurationSpace.from_serialized_dict(decoded)
    except Exception as why:  # ConfigSpace raises whatever comes of what it is given
        said = " ".join(str(why).split())[:120]
        raise ValueError(f"its search space cannot be read: {said}") from None


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _encoded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_encoded(part) for part in value]
    if isinstance(value, tuple):
        return {TUPLE: [_encoded(part) for part in value]}
    plain = plain_value(value)
    if isinstance(plain, float) and not math.isfinite(plain):
        raise TypeError(f"{plain} is no value of a hyperparameter")
    return plain


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if [*value] == [TUPLE]:
            return tuple(_decoded(part) for part in value[TUPLE])
        return {key: _decoded(part) for key, part in value.items()}
    return [_decoded(part) for part in value] if isinstance(value, list) else value
