"""The tree of seeds, and the one canonical form of a configuration.

Every random stream of a study has its own seed, derived by hashing what the stream belongs to.
Nothing depends on the order in which methods, tasks or cells are named or run.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

Value = int | float | str | bool | None | tuple[Any, ...]
"""Values of a configuration may be tuples."""
Config = dict[str, Any]
"""Values by name; each one a ``Value``."""


_PLAIN = frozenset({bool, int, float, str, type(None)})
"""What nearly all values are of already; not what is only derived from these, as numpy's floats."""
_AS_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
"""One encoder for all: ``json.dumps`` would make one at each call."""


def plain_value(value: Any) -> Value:
    """``value`` in plain Python types (searchers hand out numpy scalars, JSON lists for tuples)."""
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, tuple | list):
        return tuple(plain_value(part) for part in value)
    kind = type(value).__name__
    raise TypeError(f"a hyperparameter is a number, text, a bool, None or a tuple, not {kind}")


def plain(config: Mapping[str, Any]) -> Config:
    """The configuration in plain Python types with sorted keys."""
    return {str(key): plain_value(config[key]) for key in sorted(config)}


def canonical(config: Mapping[str, Any]) -> str:
    """The one text of a configuration: JSON, plain types, sorted keys, floats by ``repr``.

    Feeds ``config_id``, the trial's seed and everything that is stored.
    """
    return _AS_JSON.encode(plain(config))


def config_id(config: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that name a configuration."""
    return hashlib.sha256(canonical(config).encode()).hexdigest()[:12]


def derive(*parts: str | int) -> int:
    """A seed in [0, 2**32) from the path ``parts``; the range that numpy and torch both take."""
    path = _AS_JSON.encode(parts)  # a list of texts and whole numbers
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:4], "big")


def space_seed(task: str, seed: int) -> int:
    """Seed of the ConfigSpace's stream: equal for all methods, so they draw the same candidates."""
    return derive("space", task, seed)


def split_seed(task: str, seed: int) -> int:
    """Seed of the data split: equal for all methods, so intervals over seeds include the split."""
    return derive("split", task, seed)


def model_seed(task: str, method: str, seed: int) -> int:
    """Seed of what one method draws for itself (its model, its brackets, its visiting order)."""
    return derive("model", task, method, seed)


def trial_seed(task: str, seed: int, config: Mapping[str, Any]) -> int:
    """Seed of one training: a function of (task, study seed, configuration) and nothing else.

    The same configuration trains identically under every method (common random numbers).
    """
    return derive("trial", task, seed, canonical(config))


def retraining_seed(task: str, seed: int, config: Mapping[str, Any], repeat: int) -> int:
    """Seed of a training that repeats one whose configuration was chosen for its result."""
    return derive("retraining", task, seed, canonical(config), repeat)
