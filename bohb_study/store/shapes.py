"""What stored JSON must look like: small checks that are put together, and say where one fails."""

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

Shape = Callable[[Any, str], None]
"""Raises ValueError for a value that is not such, naming where it stands."""

MOST = 2**63
"""Whole numbers are smaller, with either sign."""
_SHOWN = 40
"""Letters of a key or value that a message shows."""


def text(value: Any, where: str) -> None:
    """Any text, of however many lines."""
    _need(isinstance(value, str), value, where, "text")


def line(value: Any, where: str) -> None:
    """Text that can be printed, without control characters."""
    _need(isinstance(value, str) and value.isprintable(), value, where, "one line of text")


def matching(pattern: str, what: str) -> Shape:
    """Text that a regular expression matches from end to end."""
    known = re.compile(pattern)

    def check(value: Any, where: str) -> None:
        _need(isinstance(value, str) and known.fullmatch(value) is not None, value, where, what)

    return check


name = matching(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", "a name of letters, digits, _ and -")
"""Of a task or a method: it becomes a folder."""
sha256 = matching("[0-9a-f]{64}", "a sha256")


def one_of(known: Collection[str]) -> Shape:
    """One of a few texts."""

    def check(value: Any, where: str) -> None:
        _need(isinstance(value, str) and value in known, value, where, " or ".join(known))

    return check


def whole(least: int = -MOST) -> Shape:
    """A whole number, at least ``least``."""

    def check(value: Any, where: str) -> None:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value < MOST
        what = "a whole number" + (f", at least {least}" if least > -MOST else "")
        _need(good, value, where, what)

    return check


def number(value: Any, where: str) -> None:
    """A finite number, whole or not."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    _need(good, value, where, "a number")


def flag(value: Any, where: str) -> None:
    """True or false, and not 1 or 0."""
    _need(isinstance(value, bool), value, where, "true or false")


def anything(value: Any, where: str) -> None:
    """Any value that JSON can hold."""


def nullable(shape: Shape) -> Shape:
    """Null, or of this shape."""

    def check(value: Any, where: str) -> None:
        if value is not None:
            shape(value, where)

    return check


def array(shape: Shape, least: int = 0) -> Shape:
    """A list, all of one shape, at least so long."""

    def check(value: Any, where: str) -> None:
        what = "a list" + (f" of at least {least}" if least else "")
        _need(isinstance(value, list) and len(value) >= least, value, where, what)
        for number_, one in enumerate(value):
            shape(one, f"{where}[{number_}]")

    return check


def table(shape: Shape, key: Shape = text) -> Shape:
    """An object with whatever keys are of shape ``key``."""

    def check(value: Any, where: str) -> None:
        _need(isinstance(value, dict), value, where, "an object")
        for own, one in value.items():
            key(own, f"a key of {where}" if where else "a key")
            shape(one, _below(where, own))

    return check


def fields(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """An object with these keys; others are left to whoever wrote them."""
    shapes = {**required, **(optional or {})}

    def check(value: Any, where: str) -> None:
        _need(isinstance(value, dict), value, where, "an object")
        if lacking := [own for own in required if own not in value]:
            raise ValueError(f"{where}: lacks {lacking[0]}" if where else f"lacks {lacking[0]}")
        for own, shape in shapes.items():
            if own in value:
                shape(value[own], _below(where, own))

    return check


def _below(where: str, key: Any) -> str:
    shown = key if str(key).isprintable() and len(str(key)) <= _SHOWN else _shown(key)
    return f"{where}.{shown}" if where else str(shown)


def _need(good: bool, value: Any, where: str, what: str) -> None:
    if not good:
        raise ValueError(f"{where or 'it'} must be {what}, not {_shown(value)}")


def _shown(value: Any) -> str:
    shown = ascii(value[:_SHOWN]) if isinstance(value, str) else type(value).__name__
    if isinstance(value, int | float):
        shown = ascii(value)
    return shown if len(shown) <= 2 * _SHOWN else shown[:_SHOWN] + "..."
