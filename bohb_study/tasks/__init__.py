"""The tasks, made by name. A new task is one module and one line in ``registry``."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_type_hints

from bohb_study.errors import UsageError
from bohb_study.tasks.base import Evaluation, Report, Task
from bohb_study.tasks.ladder import Ladder
from bohb_study.tasks.registry import TABLE_KINDS, TASKS, table_kind, task_name

if TYPE_CHECKING:
    from bohb_study.tasks.computed import ComputedTask
    from bohb_study.tasks.user.training_function import FunctionTask

__all__ = [
    "TASKS",
    "ComputedTask",
    "Evaluation",
    "FunctionTask",
    "Ladder",
    "Report",
    "Task",
    "build_task",
    "is_file",
    "make_task",
    "option_fields",
    "task_class",
    "task_name",
]

_HOME = {
    "ComputedTask": "bohb_study.tasks.computed",
    "FunctionTask": "bohb_study.tasks.user.training_function",
}


def __getattr__(name: str) -> Any:
    """Import what needs ConfigSpace on first use (PEP 562): it takes most of a second."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


NAMED = 10
"""Names that an error lists where none is near."""


def near(name: str, known: Iterable[str]) -> str:
    """The known names that ``name`` may have meant, else the first of them, as text."""
    known = list(known)
    by_lower = {one.lower(): one for one in known}  # people write BOHB
    found = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
    if close := [by_lower[one] for one in found]:
        return f"did you mean {' or '.join(close)}?"
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return f"known: {', '.join(known[:NAMED])}{more}"


def is_file(name: str) -> bool:
    """Whether ``name`` is meant as path/to/file.py:NAME, a task or a method of the user's own."""
    return table_kind(name) is None and (":" in name or "/" in name or name.endswith(".py"))


def task_class(name: str) -> type[Task]:
    """The class behind a task's name, or behind path/to/file.py:NAME or table:PATH.

    Raises:
        UsageError: no such task; names the near ones.
    """
    if is_file(name):
        from bohb_study.tasks.user.user_task import read_own

        return read_own(name).task_class
    kind = table_kind(name)
    if kind is None and name not in TASKS:
        raise UsageError(f"{name}: no such task; {near(name, TASKS)}", parameter="tasks")
    module, _, attribute = (TABLE_KINDS[kind] if kind else TASKS[name]).partition(":")
    found: type[Task] = getattr(import_module(module), attribute)
    return found


def option_fields(cls: type[Task]) -> list[Field[Any]]:
    """The dataclass fields of a task's class that ``task_options`` can set."""
    shared = {"name", "eta"}
    mine = [f for f in fields(cls) if f.init and f.name not in shared]
    return [f for f in mine if f.metadata.get("option", True)]


def make_task(name: str, options: dict[str, str] | None = None, eta: int | None = None) -> Task:
    """The task ``name`` with its options (texts, as ``task_options`` gives them) and eta.

    Args:
        name: of a registered task, path/to/file.py:NAME, or table:PATH or surrogate:PATH.
        options: values by the option's name.
        eta: halving rate; None for the task's own.

    Raises:
        UsageError: unknown task or option, a value of the wrong type, or an eta that does not fit.
    """
    if is_file(name):
        from bohb_study.tasks.user.user_task import read_own

        return read_own(name).make(options, eta)
    cls: Any = task_class(name)
    fixed = cls.fields_of(name) if table_kind(name) else {}
    return build_task(cls, task_name(name), options, eta, **fixed)


def build_task(
    cls: type[Task],
    name: str,
    options: Mapping[str, str] | None = None,
    eta: int | None = None,
    **fixed: Any,
) -> Task:
    """``make_task`` for a class that is at hand; ``fixed`` are fields that are no options."""
    hints = get_type_hints(cls) if options else {}
    known = {f.name: hints.get(f.name) for f in option_fields(cls)}
    values: dict[str, Any] = {}
    for key, text in (options or {}).items():
        if key not in known:
            hint = near(key, known) if known else "it has no options"
            raise UsageError(
                f"{name}.{key}: no such option of {name}; {hint}", parameter="task_options"
            )
        values[key] = _parse(f"{name}.{key}", text, known[key])
    task = cls(name=name, eta=eta, **values, **fixed)
    _ = task.ladder  # an eta or option that does not fit is refused here
    return task


_PARSERS: dict[object, tuple[Callable[[str], Any], str]] = {
    int: (int, "a whole number"),
    float: (float, "a number"),
    bool: (lambda text: {"true": True, "false": False}[text.lower()], "true or false"),
    str: (str, "text"),
}
"""Type of an option -> what reads it, and what it must be."""


def _parse(flag: str, text: str, kind: object) -> Any:
    if kind not in _PARSERS:
        raise UsageError(
            f"{flag}: an option is int, float, bool or str, not {kind}", parameter="task_options"
        )
    parser, what = _PARSERS[kind]
    try:
        return parser(text)
    except (ValueError, KeyError):
        raise UsageError(f"{flag}={text}: must be {what}", parameter="task_options") from None
