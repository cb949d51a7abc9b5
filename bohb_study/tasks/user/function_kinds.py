"""Which kind of training function a function is, by the parameters that it takes."""

import inspect
from functools import partial
from typing import Any

STATE = "state"
"""Third parameter of a generator that can go on after a pause, and the key under which it yields
what it then needs."""


def unwrapped(train: Any) -> Any:
    """The function behind ``functools.partial`` and decorators."""
    while isinstance(train, partial):
        train = train.func
    return inspect.unwrap(train)


def called(train: Any) -> str:
    """What the function, or the class of a callable object, is called."""
    train = unwrapped(train)
    name: str = getattr(train, "__name__", type(train).__name__)
    return name.strip("<>")


def _yields(train: Any) -> bool:
    inner = unwrapped(train)
    return inspect.isgeneratorfunction(inner) or inspect.isgeneratorfunction(
        getattr(type(inner), "__call__", None)  # noqa: B004 (of a class, not whether)
    )


def is_generator(train: Any) -> bool:
    """Whether it is a generator that can be called as ``train(config, seed[, state=...])``."""
    return _yields(train) and (_takes(train, {}, 0) or _takes(train, {}, 0, **{STATE: None}))


def is_ray_function(train: Any) -> bool:
    """Whether it is a plain function that can be called as ``train(config)``."""
    return callable(train) and not _yields(train) and _takes(train, {})


def _takes(train: Any, *args: Any, **kwargs: Any) -> bool:
    try:
        inspect.signature(train).bind(*args, **kwargs)
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False
    return True


def written(train: Any) -> str:
    """A function as it would be written."""
    if not callable(train):
        return type(train).__name__
    # what is called like a generator and only returns one can be recognised by nothing else
    silent = "" if _yields(train) or not _takes(train, {}, 0) else ", which has no `yield`"
    return f"{called(train)}{inspect.signature(train)}{silent}"


def takes_state(train: Any) -> bool:
    """Whether it has the parameter ``state``."""
    return STATE in inspect.signature(train).parameters
