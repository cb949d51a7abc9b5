"""What a task may give as its search space: hyperparameters, a ConfigurationSpace, or a dict."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeAlias

from bohb_study.errors import UsageError

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

Given: TypeAlias = "Sequence[Hyperparameter[Any, Any]] | ConfigurationSpace | Mapping[str, Any]"


def fixed_given(given: Given) -> "tuple[Hyperparameter[Any, Any], ...] | ConfigurationSpace":
    """``given`` as a tuple of hyperparameters or a ConfigurationSpace.

    Raises:
        UsageError: it is neither, nor a dict that ``ConfigurationSpace(space=...)`` takes.
    """
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

    if isinstance(given, ConfigurationSpace):
        return given
    if isinstance(given, Mapping):
        try:
            return ConfigurationSpace(space=dict(given))
        except Exception as error:
            raise UsageError(f"hyperparameters: {with_cause(error)}") from error
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise UsageError(
            "hyperparameters: must be a list of ConfigSpace hyperparameters, a ConfigurationSpace "
            f"or a dict, not {type(given).__name__}"
        )
    for one in given:
        if not isinstance(one, Hyperparameter):
            raise UsageError(f"hyperparameters: {one!r} is no ConfigSpace hyperparameter")
    return tuple(given)


def names_of(given: Given) -> tuple[str, ...]:
    """The hyperparameters' names, in the order given."""
    from ConfigSpace import ConfigurationSpace

    fixed = fixed_given(given)
    return tuple(fixed) if isinstance(fixed, ConfigurationSpace) else tuple(h.name for h in fixed)


def make_space(given: Given, seed: int) -> "ConfigurationSpace":
    """A space of its own, with a stream that ``seed`` seeds; conditions and clauses are kept."""
    from ConfigSpace import ConfigurationSpace

    fixed = fixed_given(given)
    if isinstance(fixed, ConfigurationSpace):
        space = deepcopy(fixed)
        space.seed(seed)
        return space
    space = ConfigurationSpace(seed=seed)
    space.add(list(fixed))
    return space


def with_cause(error: BaseException) -> str:
    """What an error says, with what it says of its cause; ConfigSpace says the reason there."""
    said = [" ".join(str(error).split())]
    cause = error.__cause__
    while cause is not None:
        text = " ".join(str(cause).split())
        if text and text not in said[-1]:
            said.append(text)
        cause = cause.__cause__
    return ": ".join(part for part in said if part)
