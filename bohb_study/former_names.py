"""Names that were changed: the former ones are taken for one more release, and it is said."""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Class = TypeVar("Class")


def renamed(former: str, now: str) -> str:
    """What is said where a former name is taken."""
    return f"{former} is now {now}; the former name will be removed in the next release"


def accepts_former_names(names: Mapping[str, str]) -> Callable[[type[Class]], type[Class]]:
    """A decorator of a dataclass that takes keywords by their former names as well.

    Args:
        names: former name -> present name.
    """

    def decorated(cls: type[Class]) -> type[Class]:
        made = cls.__init__

        @functools.wraps(made)
        def init(self: Class, *values: Any, **named: Any) -> None:
            for former in names.keys() & named.keys():
                now = names[former]
                if now in named:
                    raise TypeError(f"{former} is the former name of {now}; give one of them")
                said = f"{cls.__name__}: {renamed(former, now)}"
                warnings.warn(said, DeprecationWarning, stacklevel=2)
                named[now] = named.pop(former)
            made(self, *values, **named)

        setattr(cls, "__init__", init)  # noqa: B010 (an assignment is refused by type checkers)
        return cls

    return decorated
