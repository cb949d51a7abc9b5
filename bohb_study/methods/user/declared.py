"""What a user's class or function declares of itself, as fields of ``Method``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LONGEST_LABEL = 40
"""Characters of a label, at most: it stands in legends, beside others."""


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _label(value: Any) -> bool:
    return _text(value) and len(value) <= LONGEST_LABEL


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("name", "searcher", "source", "known_defect"), (_text, "one line of text")),
    "label": (_label, f"one line of at most {LONGEST_LABEL} characters"),
    **dict.fromkeys(("uses_fidelity", "pauses"), (lambda v: isinstance(v, bool), "True or False")),
    "budget_factor": (_count, "a whole number, at least 1"),
    "plan": (callable, "a function of the ladder that returns the brackets of one band"),
    "model_after": (
        lambda v: _count(v) or callable(v),
        "a number of observations, or a function of the number of hyperparameters",
    ),
}
"""Attribute -> whether a value can be, and what it must be."""


def declared(found: Any, path: str) -> dict[str, Any]:
    """The fields of ``Method`` that attributes of a class or function give, with a name and source.

    Args:
        found: the user's class or function.
        path: its file, which is the source by default.

    Raises:
        ValueError: an attribute is not what it must be.
    """
    fields: dict[str, Any] = {"name": found.__name__, "source": f"the user's {Path(path).name}"}
    for name, (holds, what) in FIELDS.items():
        value = getattr(found, name, None)
        if value is None:
            continue
        if not holds(value):
            raise ValueError(f"{name} is {value!r}; it must be {what}")
        fields[name] = value
    if isinstance(after := fields.get("model_after"), int):
        fields["model_after"] = _Constant(after)
    return fields


class _Constant:
    """A number of observations that does not depend on the space."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __call__(self, dimensions: int) -> int:
        return self.value
