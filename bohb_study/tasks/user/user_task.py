"""A task of one's own: a class or a task in a file of the user's, as ``path/to/file.py:NAME``.

The file alone decides what the task is. Its sha256 is part of the study's identity; its folder is
not searched for imports, so nothing beside it decides a row; and its text travels with a pickled
task, so other processes and the nodes of a cluster need no such file.
"""

import errno
import hashlib
import inspect
import re
import stat
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from bohb_study.errors import UsageError
from bohb_study.tasks import TASKS, build_task, near
from bohb_study.tasks.base import Task
from bohb_study.tasks.spaces import with_cause
from bohb_study.tasks.user.time_limit import TooLongError, time_limit
from bohb_study.tasks.user.user_file import executed, load, tasks_of, with_eta

IMPORT_SECONDS = 30.0
"""How long importing a user's file may take, and then making its task: an import of PyTorch takes
5 on a slow disk. Code that ends the process itself (``os._exit``) cannot be held."""
MOST_BYTES = 16 * 2**20
"""Of a file that defines a task."""


@dataclass(frozen=True)
class OwnTask:
    """The text of a user's file, read once, and which class or task of it is meant."""

    given: str
    """As it was given: path/to/file.py:NAME."""
    class_name: str
    """Of the class, or of the variable that names the task."""
    path: str
    """Absolute; a copy of the task in another process only names it in tracebacks."""
    source: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Of the bytes of the file."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def identity(self) -> dict[str, str]:
        """What decides the task: the file, and which class or task of it."""
        return {"class": self.class_name, "sha256": self.sha256}

    @property
    def found(self) -> type[Task] | Task:
        """The class or task; its file is imported once per process.

        Raises:
            UsageError: the file cannot be imported, or the name is missing or no complete task.
        """
        with self._said_in_one_line("importing it"):
            module = load(self.source, self.path)
        tasks = tasks_of(module)
        if self.class_name not in tasks:
            raise UsageError(
                f"{self.given}: {_missing(self.class_name, module)}", parameter="tasks"
            )
        found = tasks[self.class_name]
        if isinstance(found, type) and (lacking := sorted(found.__abstractmethods__)):
            raise UsageError(
                f"{self.given}: {self.class_name} lacks {', '.join(lacking)}", parameter="tasks"
            )
        return found

    @property
    def task_class(self) -> type[Task]:
        """The class, or that of the task; raises as ``found``."""
        found = self.found
        return found if isinstance(found, type) else type(found)

    @property
    def name(self) -> str:
        """What frames and folders call it: its ``name``, else what the class is called.

        Raises:
            UsageError: as ``found``; or the name is no folder name, or a registered task's.
        """
        found = self.found
        own = getattr(found, "name", None)
        name = own if isinstance(own, str) and own else self.task_class.__name__
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", name):
            raise UsageError(
                f"{self.given}: name {name!r} must be at most 100 letters, digits and _ -",
                parameter="tasks",
            )
        if name in TASKS:
            what = "class" if isinstance(found, type) else "task"
            raise UsageError(
                f"{self.given}: its name {name} is a registered task's; "
                f'give the {what} another by name = "..."',
                parameter="tasks",
            )
        return name

    def make(self, options: Mapping[str, str] | None = None, eta: int | None = None) -> Task:
        """The task with its options (texts, as ``task_options`` gives them) and eta.

        Raises:
            UsageError: as ``make_task``; or the task cannot be made, or contradicts itself.
        """
        found, name = self.found, self.name
        with self._said_in_one_line("making the task", UsageError):
            if isinstance(found, type):
                task = build_task(found, name, options, eta)
            else:
                task = self._changed(found, options, eta)
            _check(task, name)
        return task

    @contextmanager
    def _said_in_one_line(self, doing: str, *as_it_is: type[Exception]) -> Iterator[None]:
        """Give the file's own code its time, and turn what it raises into a UsageError.

        Args:
            doing: what takes the time.
            as_it_is: what is let through, for it says which parameter it is about.
        """
        try:
            with time_limit(IMPORT_SECONDS):
                yield
        except TooLongError as error:
            at = _line(error, self.path)
            raise UsageError(
                f"{self.given}: {doing} took longer than {IMPORT_SECONDS:g} s ({self.path}"
                f"{at}); a task's file says what is to be run, and runs nothing itself",
                parameter="tasks",
            ) from error
        except BaseException as error:
            named = isinstance(error, as_it_is) and bool(getattr(error, "parameter", None))
            if named or isinstance(error, KeyboardInterrupt):
                raise
            raise UsageError(
                f"{self.given}: {_said(error, self.path)}", parameter="tasks"
            ) from error

    def _changed(self, task: Task, options: Mapping[str, str] | None, eta: int | None) -> Task:
        """The file's own task; with another eta a copy of it."""
        for key in options or {}:
            raise UsageError(
                f"{task.name}.{key}: no such option of {task.name}; it is a task "
                f"with all its options set in {self.path}",
                parameter="task_options",
            )
        return with_eta(self.source, self.path, self.class_name, eta)


def read_own(given: str) -> OwnTask:
    """The file behind ``given`` (path:NAME, from the current folder); runs nothing of it.

    Raises:
        UsageError: not path:NAME, no .py, or a file that cannot be read.
    """
    file, _, name = given.rpartition(":")
    if not name.isidentifier():
        raise UsageError(f"{given}: must look like path/to/file.py:NAME", parameter="tasks")
    if not file.endswith(".py"):
        raise UsageError(f"{given}: {file or 'nothing'} is no .py file", parameter="tasks")
    path = Path(file).absolute()
    try:
        return OwnTask(given, name, str(path), _read(path))
    except OSError as error:
        raise UsageError(
            f"{given}: cannot read {path}: {error.strerror}", parameter="tasks"
        ) from None


def check_trusted(given: Iterable[str]) -> None:
    """Raise UsageError for a file that this process was not asked to execute.

    Args:
        given: files, as path:NAME, that a stored study names.
    """
    for own in map(read_own, given):
        if not executed(own.source):
            raise UsageError(
                f"the stored study names the file {own.given} (sha256 {own.sha256[:16]}), which "
                "would be executed: look at it, then name it in tasks, or give trust=True"
            )


def executes(tasks: Iterable[OwnTask]) -> list[str]:
    """A line for each file, to be shown where a stored study's files are executed."""
    return [f"executes {own.path} (sha256 {own.sha256})" for own in tasks]


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
                f"{found[name].given} {own.given}: both are named {name}; "
                'give one another by name = "..."',
                parameter="tasks",
            )
        found[name] = own
    return found


def _read(path: Path) -> bytes:
    """A regular file: a pipe is not waited for."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "is no file")
    with path.open("rb") as file:
        source = file.read(MOST_BYTES + 1)
    if len(source) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"is larger than {MOST_BYTES / 1e6:.0f} MB")
    return source


def _check(task: Task, name: str) -> None:
    """Raise ValueError for what would only fail, or lie, once cells are running."""
    if task.name != name:
        raise ValueError(f"its name is {task.name!r}, its class's {name!r}")
    costs = task.ladder.costs
    if type(costs) is not tuple or any(type(cost) is not int for cost in costs):
        raise ValueError(f"the levels must be a tuple of whole numbers, not {costs}")
    from bohb_study.tasks.encoding import encoding  # imports ConfigSpace

    searched = sorted(encoding(task, 0).own)
    if sorted(task.grid_order) != searched:
        raise ValueError(f"grid_order {task.grid_order} must name each of {', '.join(searched)}")


def _missing(name: str, module: ModuleType) -> str:
    tasks = tasks_of(module)
    value = vars(module).get(name)
    if inspect.isfunction(value):
        made = f"task = FunctionTask({name}, hyperparameters, max_epochs)"
        return f"{name} is a function; make it a task, such as {made}"
    if name in vars(module):
        return f"{name} is no task, and no subclass of bohb_study.tasks.Task that this file defines"
    return f"no such task; {near(name, tasks)}" if tasks else "no such task; it defines none"


def _said(error: BaseException, path: str) -> str:
    """Type and message of ``error`` and the file's line that raised it, as one line."""
    text = error.msg if isinstance(error, SyntaxError) else with_cause(error)
    line = _line(error, path)
    where = f" ({path}{line})" if line else ""
    if isinstance(error, ModuleNotFoundError):
        where += "; the file's own folder is not searched"
    # what is meant for the user says itself what it is
    kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
    return f"{kind}{' '.join(text.split())[:300]}{where}"


def _line(error: BaseException, path: str) -> str:
    """Which line of the file raised ``error``; empty where none did."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    if isinstance(error, SyntaxError) and error.filename == path:
        lines.append(error.lineno)
    return f", line {lines[-1]}" if lines else ""
