"""A user's file as a module, and tasks of it that are pickled with its text."""

import copyreg
import hashlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from bohb_study.tasks.base import Task

MODULE = "_bohb_study_task_"
"""With the first digits of the file's sha256: the name under which it is imported."""


def load(source: bytes, path: str) -> ModuleType:
    """The module of a file's text, executed once per process."""
    name = MODULE + hashlib.sha256(source).hexdigest()[:16]
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module  # dataclasses look their module up
    try:
        # not by importlib: a stale .pyc could be run in place of the text that was hashed
        code = compile(source, path, "exec", dont_inherit=True)
        with _without_pythons_own_folder():
            exec(code, vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    for task_name, found in tasks_of(module).items():
        if isinstance(found, type):
            copyreg.pickle(found, partial(_reduce, source, path, task_name))
    return module


@contextmanager
def _without_pythons_own_folder() -> Iterator[None]:
    """Imports do not look where Python looks first by itself: beside the script, or right here.

    What lies there is part of no study's identity: a study that is done would be taken for that of
    a changed file. What is installed, or on PYTHONPATH, is found.
    """
    main = getattr(sys.modules["__main__"], "__file__", None)
    own = {"", str(Path.cwd()), *([str(Path(main).absolute().parent)] if main else [])}
    removed = [sys.path.pop(0)] if sys.path and sys.path[0] in own else []
    try:
        yield
    finally:
        sys.path[:0] = removed


def executed(source: bytes) -> bool:
    """Whether this process has executed a file of this text."""
    return MODULE + hashlib.sha256(source).hexdigest()[:16] in sys.modules


def tasks_of(module: ModuleType) -> dict[str, type[Task] | Task]:
    """The classes of tasks that a file defines, and the tasks that it makes.

    A class that it imports is not hashed with it.
    """
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Task)
        or (
            isinstance(value, type)
            and issubclass(value, Task)
            and value.__module__ == module.__name__
        )
    }


def _reduce(source: bytes, path: str, class_name: str, task: Task) -> tuple[Any, ...]:
    """Pickle a task with the text of its file: by plain pickle and by Ray's cloudpickle alike."""
    reduced = object.__reduce_ex__(task, 4)
    assert isinstance(reduced, tuple)
    return _bare, (source, path, class_name), *reduced[2:]


def _loaded(source: bytes, path: str) -> ModuleType:
    """``load`` for a task that comes from another process, which has heard its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(source, path)


def _bare(source: bytes, path: str, class_name: str) -> Task:
    """A task without its fields, for pickle to fill in."""
    cls = tasks_of(_loaded(source, path))[class_name]
    assert isinstance(cls, type)
    return cls.__new__(cls)


def with_eta(source: bytes, path: str, task_name: str, eta: int | None) -> Task:
    """The task that a file makes, with another ``eta`` where one is given.

    It is pickled as a call of this function: its fields may be functions and other objects that
    nothing but the file's text can make again.

    Raises:
        UsageError: the eta does not fit.
    """
    task = tasks_of(_loaded(source, path))[task_name]
    assert isinstance(task, Task)
    if eta is not None:
        task.own_ladder.with_eta(eta)  # says it better than what the task itself may raise
        task = replace(task, eta=eta)
    if type(task) not in copyreg.dispatch_table:
        again = (with_eta, (source, path, task_name, eta))
        # pickle looks for it on the object; the class also serves tasks that no file makes
        object.__setattr__(task, "__reduce_ex__", lambda protocol: again)
    return task
