"""The methods, made by name. A new method is one module in this folder, and nothing else.

Modules are imported when a method is asked for: naming methods costs no import of Ray.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.methods.registry import ABLATIONS, ALL, METHODS, RENAMED_METHODS
from bohb_study.tasks import Task, near

if TYPE_CHECKING:
    from bohb_study.methods.base import Method

__all__ = [
    "ABLATIONS",
    "ALL",
    "METHODS",
    "RENAMED_METHODS",
    "check_fits",
    "check_method",
    "get_method",
]


def check_method(name: str) -> None:
    """Raise UsageError, naming the near ones, where there is no method ``name``."""
    if name not in ALL:
        raise UsageError(f"{name}: no such method; {near(name, ALL)}", parameter="methods")


def get_method(name: str) -> "Method":
    """The method ``name``; imports its module.

    Raises:
        UsageError: no such method.
    """
    check_method(name)
    found: Method = import_module(ALL[name]).METHOD
    return found


def check_fits(method: "Method", task: Task) -> None:
    """Raise UsageError where ``task`` offers no place at which ``method`` stops or pauses trials.

    That is a single fidelity for methods that stop early, and an evaluation that cannot be resumed
    for those that pause.
    """
    if method.uses_fidelity and len(task.ladder.costs) == 1:
        others = [name for name in METHODS if not get_method(name).uses_fidelity]
        raise UsageError(
            f"{method.name}: {task.name} has a single fidelity, and nothing can be "
            f"stopped below it; use {', '.join(others)}",
            parameter="methods",
        )
    if method.pauses and not task.can_pause:
        others = [name for name in METHODS if not get_method(name).pauses]
        raise UsageError(
            f"{method.name}: it pauses trials, and {task.name} cannot go on after a "
            f"pause: let its function take and yield a state; or use {', '.join(others)}",
            parameter="methods",
        )
