"""A task of one's own: a class in a file of the user's, given as ``path/to/file.py:Class``.

The file alone decides what the task is. Its sha256 is part of the study's identity; its folder is
not searched for imports, so nothing beside it decides a row; and its text travels with a pickled
task, so other processes and the nodes of a cluster need no such file.
"""

import copyreg
import hashlib
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from bohb_study.errors import UsageError
from bohb_study.tasks import TASKS, build_task, near
from bohb_study.tasks.base import Task

MODULE = "_bohb_study_task_"
"""With the first digits of the file's sha256: the name under which it is imported."""


@dataclass(frozen=True)
class OwnTask:
    """The text of a user's file, read once, and which class of it is meant."""

    given: str
    """What stands behind ``--task``."""
    class_name: str
    path: str
    """Absolute; a copy of the task in another process only names it in tracebacks."""
    source: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def identity(self) -> dict[str, str]:
        """What decides the task: the file, and which class of it."""
        return {"class": self.class_name, "sha256": self.sha256}

    @property
    def task_class(self) -> type[Task]:
        """The class; its file is imported once per process.

        Raises:
            UsageError: the file cannot be imported, or the class is missing or no complete task.
        """
        try:
            module = _load(self.source, self.path)
        except (Exception, SystemExit) as error:
            raise UsageError(f"--task {self.given}: {_said(error, self.path)}") from error
        found = _tasks_of(module)
        if self.class_name not in found:
            raise UsageError(f"--task {self.given}: {_missing(self.class_name, module)}")
        cls = found[self.class_name]
        if lacking := sorted(cls.__abstractmethods__):
            raise UsageError(f"--task {self.given}: {self.class_name} lacks {', '.join(lacking)}")
        return cls

    @property
    def name(self) -> str:
        """What frames and folders call it: the class's ``name``, else what the class is called.

        Raises:
            UsageError: as ``task_class``; or the name is no folder name, or a registered task's.
        """
        cls = self.task_class
        own = getattr(cls, "name", None)
        name = own if isinstance(own, str) and own else cls.__name__
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", name):
            raise UsageError(
                f"--task {self.given}: name {name!r} must be at most 100 letters, digits and _ -"
            )
        if name in TASKS:
            raise UsageError(
                f"--task {self.given}: its name {name} is a registered task's; "
                'give the class another by name = "..."'
            )
        return name

    def make(self, options: Mapping[str, str] | None = None, eta: int | None = None) -> Task:
        """The task with its options (texts, as given by ``--task-option``) and eta.

        Raises:
            UsageError: as ``make_task``; or the task cannot be made, or contradicts itself.
        """
        cls, name = self.task_class, self.name
        try:
            task = build_task(cls, name, options, eta)
            _check(task, name)
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(f"--task {self.given}: {_said(error, self.path)}") from error
        return task


def read_own(given: str) -> OwnTask:
    """The file behind ``given`` (path:Class, from the current folder); runs nothing of it.

    Raises:
        UsageError: not path:Class, no .py, or a file that cannot be read.
    """
    file, _, name = given.rpartition(":")
    if not name.isidentifier():
        raise UsageError(f"--task {given}: must look like path/to/file.py:Class")
    if not file.endswith(".py"):
        raise UsageError(f"--task {given}: {file or 'nothing'} is no .py file")
    path = Path(file).absolute()
    try:
        return OwnTask(given, name, str(path), path.read_bytes())
    except OSError as error:
        raise UsageError(f"--task {given}: cannot read {path}: {error.strerror}") from None


def own_tasks(given: Iterable[str]) -> dict[str, OwnTask]:
    """Files of the user's by the names of their tasks, in the order given.

    Raises:
        UsageError: as ``read_own`` and ``OwnTask.name``; or two have one name.
    """
    found: dict[str, OwnTask] = {}
    for own in map(read_own, given):
        name = own.name
        if name in found:
            raise UsageError(
                f"--task {found[name].given} {own.given}: both are named {name}; "
                'give one class another by name = "..."'
            )
        found[name] = own
    return found


def _load(source: bytes, path: str) -> ModuleType:
    """The module of a file's text, executed once per process."""
    name = MODULE + hashlib.sha256(source).hexdigest()[:16]
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module  # dataclasses look their module up
    try:
        # not by importlib: a stale .pyc could be run in place of the text that was hashed
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    for class_name, cls in _tasks_of(module).items():
        copyreg.pickle(cls, partial(_reduce, source, path, class_name))
    return module


def _tasks_of(module: ModuleType) -> dict[str, type[Task]]:
    """The tasks that a file defines; one that it imports is not hashed with it."""
    classes = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    return {
        name: cls
        for name, cls in classes.items()
        if issubclass(cls, Task) and cls.__module__ == module.__name__
    }


def _reduce(source: bytes, path: str, class_name: str, task: Task) -> tuple[Any, ...]:
    """Pickle a task with the text of its file: by plain pickle and by Ray's cloudpickle alike."""
    reduced = object.__reduce_ex__(task, 4)
    assert isinstance(reduced, tuple)
    return _bare, (source, path, class_name), *reduced[2:]


def _bare(source: bytes, path: str, class_name: str) -> Task:
    """A task without its fields, for pickle to fill in."""
    cls = _tasks_of(_load(source, path))[class_name]
    return cls.__new__(cls)


def _check(task: Task, name: str) -> None:
    """Raise ValueError for what would only fail, or lie, once cells are running."""
    if task.name != name:
        raise ValueError(f"its name is {task.name!r}, its class's {name!r}")
    costs = task.ladder.costs
    if type(costs) is not tuple or any(type(cost) is not int for cost in costs):
        raise ValueError(f"the levels must be a tuple of whole numbers, not {costs}")
    searched = sorted(task.space(0))
    if sorted(task.grid_order) != searched:
        raise ValueError(f"grid_order {task.grid_order} must name each of {', '.join(searched)}")


def _missing(name: str, module: ModuleType) -> str:
    tasks = _tasks_of(module)
    if name in vars(module):
        return f"{name} is no subclass of bohb_study.tasks.Task that this file defines"
    return f"no such class; {near(name, tasks)}" if tasks else "no such class; it defines no task"


def _said(error: BaseException, path: str) -> str:
    """Type and message of ``error`` and the file's line that raised it, as one line."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    if isinstance(error, SyntaxError) and error.filename == path:
        lines.append(error.lineno)
    where = f" ({path}, line {lines[-1]})" if lines else ""
    if isinstance(error, ModuleNotFoundError):
        where += "; the file's own folder is not searched"
    return f"{type(error).__name__}: {' '.join(text.split())[:300]}{where}"
