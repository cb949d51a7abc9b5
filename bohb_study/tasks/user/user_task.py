"""A user's task: a class or a task in a file, as ``path/to/file.py:NAME``."""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType

from bohb_study.errors import UsageError
from bohb_study.tasks import TASKS, build_task, near
from bohb_study.tasks.base import Task
from bohb_study.tasks.registry import home_of
from bohb_study.tasks.user.own_file import OwnFile, by_name, check_executed, executes, read_file_of
from bohb_study.tasks.user.user_file import tasks_of, with_eta

__all__ = ["OwnTask", "check_trusted", "executes", "own_tasks", "read_own"]


@dataclass(frozen=True)
class OwnTask(OwnFile):
    """A user's file, and which task, or class of a task, of it is meant."""

    @property
    def found(self) -> type[Task] | Task:
        """The class or task; its file is imported once per process.

        Raises:
            UsageError: the file cannot be imported, or the name is missing or no complete task.
        """
        module = self.module()
        tasks = tasks_of(module)
        if self.class_name not in tasks:
            raise self.error(_missing(self.class_name, module))
        found = tasks[self.class_name]
        if isinstance(found, type) and (lacking := sorted(found.__abstractmethods__)):
            raise self.error(f"{self.class_name} lacks {', '.join(lacking)}")
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
        self.check_name(name)
        if name in TASKS:
            what = "class" if isinstance(found, type) else "task"
            raise self.error(
                f'its name {name} is a registered task\'s; give the {what} another by name = "..."'
            )
        if home_of(name):
            raise self.error(f"its name {name} is one of a table's; it must begin otherwise")
        return name

    def make(self, options: Mapping[str, str] | None = None, eta: int | None = None) -> Task:
        """The task with its options (texts, as ``task_options`` gives them) and eta.

        Raises:
            UsageError: as ``make_task``; or the task cannot be made, or contradicts itself.
        """
        found, name = self.found, self.name
        with self.one_line_errors("making the task", UsageError):
            if isinstance(found, type):
                task = build_task(found, name, options, eta)
            else:
                task = self._changed(found, options, eta)
            _check(task, name)
        return task

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
    return OwnTask("tasks", given, *read_file_of("tasks", given))


def check_trusted(given: Iterable[str]) -> None:
    """Raise UsageError for a file that this process was not asked to execute.

    Args:
        given: files, as path:NAME, that a stored study names.
    """
    check_executed(map(read_own, given))


def own_tasks(given: Iterable[str]) -> dict[str, OwnTask]:
    """Files of the user's by the names of their tasks, in the order given.

    Raises:
        UsageError: as ``read_own`` and ``OwnTask.name``; or two have one name.
    """
    return by_name(map(read_own, given))


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
