"""A user's optimiser, whose every suggestion is checked before it costs anything."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.hyperparameters import IntegerHyperparameter

from bohb_study.errors import StudyError
from bohb_study.methods.base import Problem
from bohb_study.seeding import canonical, plain

MOST = 150
"""Characters of what a user's code said, at most."""


@dataclass(frozen=True)
class Asked:
    """What an optimiser asked for."""

    given: Any
    """The configuration as the optimiser has it, which ``tell`` gives back."""
    config: dict[str, Any]
    """The same in plain values."""
    key: str
    """Text that is equal for equal configurations."""
    level: int | None
    """Units of fidelity; None where a scheduler decides."""


class CheckedOptimiser:
    """Calls ``ask`` and ``tell``; what is wrong becomes one line that names the method."""

    def __init__(self, optimiser: Any, problem: Problem, lowest: int | None) -> None:
        """Wrap a user's optimiser.

        Args:
            optimiser: has ``ask`` and ``tell``.
            problem: what it was made for.
            lowest: the lowest level that it may ask for; None: the lowest of the ladder.
        """
        self._optimiser = optimiser
        self._method = problem.method
        # a space of its own: the optimiser draws from the other one, and may change it
        self._space = problem.space()
        ladder = problem.ladder
        self._levels = tuple(level for level in ladder.costs if lowest is None or level >= lowest)
        self._top = ladder.top
        self.model_based: bool | None = None
        """Whether a model made the last suggestion; None where the optimiser does not say."""

    def ask(self, *, levels: bool = True) -> Asked | None:
        """The next suggestion; None where it has none at present.

        Args:
            levels: whether the optimiser decides the level (full fidelity where it names none).

        Raises:
            StudyError: ``ask`` raised an error, or the suggestion cannot be evaluated.
        """
        try:
            suggestion = self._optimiser.ask()
            self.model_based = getattr(self._optimiser, "model_based", None)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit would end what else runs in the process
            raise self._error(f"ask() raised {raised(error)}") from error
        if not (self.model_based is None or isinstance(self.model_based, bool | np.bool)):
            raise self._error(
                f"model_based is {brief(self.model_based)}; it must be True, False or None"
            )
        if suggestion is None:
            return None
        given, level = self._parts(suggestion)
        config = self._config(given)
        chosen = self._level(level) if levels and level is not None else self._top
        return Asked(given, config, canonical(config), chosen if levels else None)

    def tell(self, asked: Asked, level: int, loss: float, cost: int) -> None:
        """Report a result.

        Args:
            asked: whose result.
            level: units of fidelity reached.
            loss: validation loss; infinity for a training without a result.
            cost: units charged since the configuration's last report.

        Raises:
            StudyError: ``tell`` raised an error.
        """
        try:
            self._optimiser.tell(asked.given, level, loss, cost)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._error(f"tell() raised {raised(error)}") from error

    def _parts(self, suggestion: Any) -> tuple[Any, Any]:
        if isinstance(suggestion, Mapping):
            return suggestion, None
        if isinstance(suggestion, tuple) and len(suggestion) == 2:
            given, level = suggestion
            if isinstance(given, Mapping):
                return given, level
        raise self._error(
            f"ask() returned {brief(suggestion)}; it must return (configuration, level), a "
            "configuration alone, or None"
        )

    def _config(self, given: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return checked_config(given, self._space)
        except ValueError as why:
            raise self._error(f"ask() returned {why}") from why

    def _level(self, level: Any) -> int:
        whole = not isinstance(level, bool) and hasattr(level, "__index__")
        if not whole or int(level) not in self._levels:
            allowed = ", ".join(map(str, self._levels))
            raise self._error(f"ask() returned the level {brief(level)}; allowed: {allowed}")
        return int(level)

    def _error(self, text: str) -> StudyError:
        return StudyError(f"method {self._method}: {text}")


def checked_config(given: Mapping[str, Any], space: ConfigurationSpace) -> dict[str, Any]:
    """A suggestion in plain values.

    Raises:
        ValueError: it is not a configuration of the space; says what it is and why.
    """
    try:
        config = plain(given)
        Configuration(space, values=config)
        for name, value in config.items():
            if isinstance(space[name], IntegerHyperparameter) and not isinstance(value, int):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
    except Exception as error:
        text = brief(error, str)
        raise ValueError(f"{brief(given, _listed)}, which is not in the space: {text}") from error
    return config


def brief(value: Any, text_of: Callable[[Any], str] = repr) -> str:
    """What a user's code returned or raised, as one printable line of at most ``MOST`` characters.

    Args:
        value: of any kind; it may be unable to describe itself.
        text_of: how it is described.
    """
    try:
        text = " ".join(text_of(value).split())
    except Exception:
        return f"an object of {type(value).__name__}"
    text = text if len(text) <= MOST else f"{text[:MOST]}..."
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _listed(given: Mapping[str, Any]) -> str:
    return repr(dict(given))


def raised(error: BaseException) -> str:
    """Type and message of ``error``, and where it was raised, as one line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = brief(error, str)
    return f"{type(error).__name__}: {text} ({last.filename}, line {last.lineno})"
