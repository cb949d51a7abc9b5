"""The tasks by name. A new task is one module and one line here."""

import difflib
from collections.abc import Iterable
from dataclasses import Field, fields
from importlib import import_module
from typing import Any

from bohb_study.errors import UsageError
from bohb_study.tasks.base import Evaluation, Ladder, Report, Task

__all__ = [
    "TASKS",
    "Evaluation",
    "Ladder",
    "Report",
    "Task",
    "make_task",
    "option_fields",
    "task_class",
]

TASKS: dict[str, str] = {
    "digits": "bohb_study.tasks.digits:Digits",
}
"""Name -> module:class. Imported when asked for, so that no task pays for another's imports.

One class may serve several names; it is told its own.
"""


def near(name: str, known: Iterable[str]) -> str:
    """The known names that ``name`` may have meant, else all of them, as text."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"


def task_class(name: str) -> type[Task]:
    """The class behind a task's name.

    Raises:
        UsageError: no such task; names the near ones.
    """
    if name not in TASKS:
        raise UsageError(f"--task {name}: no such task; {near(name, TASKS)}")
    module, _, attribute = TASKS[name].partition(":")
    found: type[Task] = getattr(import_module(module), attribute)
    return found


def option_fields(cls: type[Task]) -> list[Field[Any]]:
    """The dataclass fields of a task's class that ``--task-option`` can set."""
    return [f for f in fields(cls) if f.init and f.name not in {"name", "eta"}]


def make_task(name: str, options: dict[str, str] | None = None, eta: int | None = None) -> Task:
    """The task ``name`` with its options (texts, as given by ``--task-option``) and eta.

    Raises:
        UsageError: unknown task or option, a value of the wrong type, or an eta that does not fit.
    """
    cls = task_class(name)
    known = {f.name: f.type for f in option_fields(cls)}
    values: dict[str, Any] = {}
    for key, text in (options or {}).items():
        if key not in known:
            hint = near(key, known) if known else "it has no options"
            raise UsageError(f"--task-option {name}.{key}: no such option of {name}; {hint}")
        values[key] = _parse(f"{name}.{key}", text, known[key])
    task = cls(name=name, eta=eta, **values)
    _ = task.ladder  # an eta or option that does not fit is refused here
    return task


def _parse(flag: str, text: str, kind: object) -> Any:
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise UsageError(f"--task-option {flag}={text}: must be a whole number") from None
    return text
