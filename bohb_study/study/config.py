"""What is asked of a study: tasks, methods, budget, seeds, and the id that names its folder."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from bohb_study.errors import UsageError
from bohb_study.former_names import accepts_former_names, renamed
from bohb_study.methods import RENAMED_METHODS, check_method
from bohb_study.numerics import MODES, Mode
from bohb_study.study.cell import Cell, identity_id
from bohb_study.study.config_checks import (
    MOST_WORKERS,
    check_cells,
    check_count,
    check_data_parallel,
    check_names,
    check_size,
)
from bohb_study.tasks import is_file, make_task, task_name
from bohb_study.tasks.user.user_task import OwnTask, check_trusted, own_tasks

if TYPE_CHECKING:
    from bohb_study.methods.user.user_method import OwnMethod
    from bohb_study.study.resolved import Study

Engine = Literal["auto", "tune", "virtual"]

STORED_NAMES: Mapping[str, str] = {"tasks": "task", "task_options": "task_option"}
"""Fields of ``StudyConfig`` that JSON files and the ids of studies call otherwise: as they were
called when the first studies were stored."""
FORMER_NAMES: Mapping[str, str] = {"task": "tasks", "task_option": "task_options"}
"""Keywords that ``StudyConfig`` takes for one more release, and what they are called now."""


@accepts_former_names(FORMER_NAMES)
@dataclass(frozen=True)
class StudyConfig:
    """What is compared, and how: all options that change results."""

    tasks: tuple[str, ...] = ("digits",)
    """Tasks (--list names them); path/to/file.py:NAME for a task of your own; table:PATH or
    surrogate:PATH for a table that tabulate has written."""
    methods: tuple[str, ...] = ("grid", "random", "asha", "bohb")
    """Methods (--list names them), or path/to/file.py:NAME for a method of your own."""
    budget: float = 50
    """Full evaluations that each cell may spend; at least 1, a whole number of units."""
    seeds: int = 3
    """Repetitions: seeds 0 .. n-1; each draws its data split, candidates and initial weights."""
    workers: int = 1
    """Trials at a time within a cell, on a virtual clock. Above 1, engine tune gives other rows
    each time."""
    engine: Engine = "auto"
    """What runs a cell: virtual (reports count in the order of a virtual clock: the same rows each
    time), tune (ray.tune.Tuner: reports count in the order in which they arrive), or auto: virtual
    wherever the task can run there."""
    eta: int | None = None
    """Halving rate; by default the task's own."""
    task_options: tuple[str, ...] = ()
    """Options of tasks, as task.key=value (--list shows them)."""
    data_parallel: int = 1
    """Processes that train each trial together (DistributedDataParallel), each on a share of every
    batch; batch size and learning rate are the configuration's."""
    numerics: Mode = "portable"
    """By which kernels rows are computed: portable (those of x86-64-v3, so that rows are the same
    on every such processor) or native (whatever numpy and PyTorch choose here: a little faster,
    and other rows on another machine)."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be run."""
        check_names("tasks", self.tasks)
        check_names("methods", self.methods)
        object.__setattr__(self, "methods", _present_names(self.methods))
        check_names("methods", self.methods)
        for method in self.methods:
            if not is_file(method):
                check_method(method)
        _ = self.own_methods  # a file that holds no method is refused here
        check_count("seeds", self.seeds)
        check_cells(len(self.tasks), len(self.methods), self.seeds)
        check_count("workers", self.workers)
        if self.workers > MOST_WORKERS:
            raise UsageError(
                f"{self.workers}: must be at most {MOST_WORKERS:,}", parameter="workers"
            )
        if self.engine not in get_args(Engine):
            raise UsageError(
                f"{self.engine}: no such engine; allowed: {', '.join(get_args(Engine))}",
                parameter="engine",
            )
        if self.numerics not in MODES:
            raise UsageError(
                f"{self.numerics}: not known; allowed: {', '.join(MODES)}", parameter="numerics"
            )
        if self.eta is not None:
            check_count("eta", self.eta, least=2)
        if isinstance(self.budget, bool) or not isinstance(self.budget, int | float):
            raise UsageError(
                f"{self.budget}: must be a number of full evaluations", parameter="budget"
            )
        try:  # 20 in Python is the 20.0 of the command line, and names the same study
            object.__setattr__(self, "budget", float(self.budget))
        except OverflowError:
            raise UsageError(
                f"{self.budget}: must be a finite number", parameter="budget"
            ) from None
        check_count("data_parallel", self.data_parallel)
        for task in self.resolve().tasks.values():
            check_size(self.budget, task)
            check_data_parallel(self.data_parallel, task)

    @cached_property
    def own_tasks(self) -> dict[str, OwnTask]:
        """What ``tasks`` gives as path:NAME, by the task's name.

        Files are read once, here: what they become while a study runs does not matter to it.
        """
        return own_tasks(given for given in self.tasks if is_file(given))

    @cached_property
    def own_methods(self) -> "dict[str, OwnMethod]":
        """What ``methods`` gives as path:NAME, by the method's name; read once, as tasks are."""
        given = [method for method in self.methods if is_file(method)]
        if not given:
            return {}
        from bohb_study.methods.user.user_method import own_methods  # imports Ray

        return own_methods(given)

    @property
    def method_names(self) -> tuple[str, ...]:
        """What cells, frames and folders call the methods."""
        names = {own.given: name for name, own in self.own_methods.items()}
        return tuple(names.get(given, given) for given in self.methods)

    def source(self, task: str) -> bytes:
        """The text of the user's file that a task is of; empty for a registered task."""
        own = self.own_tasks.get(task)
        return own.source if own else b""

    def method_source(self, method: str) -> bytes:
        """The text of the user's file that a method is of; empty for a registered method."""
        own = self.own_methods.get(method)
        return own.source if own else b""

    @property
    def task_names(self) -> tuple[str, ...]:
        """What cells, frames and folders call the tasks."""
        names = {own.given: name for name, own in self.own_tasks.items()}
        return tuple(names.get(given) or task_name(given) for given in self.tasks)

    @property
    def tables(self) -> dict[str, str]:
        """What ``tasks`` gives as table:PATH or surrogate:PATH, by the task's name."""
        called = {task_name(given): given for given in self.tasks if not is_file(given)}
        return {name: given for name, given in called.items() if name != given}

    def options(self) -> dict[str, dict[str, str]]:
        """``task_options`` as task -> key -> value."""
        parsed: dict[str, dict[str, str]] = {}
        for text in self.task_options:
            path, equals, value = text.partition("=")
            task, dot, key = path.rpartition(".")
            if not (equals and dot and value):
                raise UsageError(f"{text}: must look like task.key=value", parameter="task_options")
            if task not in self.task_names:
                among = f"{task} is not among tasks {self.task_names}"
                raise UsageError(f"{text}: {among}", parameter="task_options")
            if key in parsed.setdefault(task, {}):
                raise UsageError(f"{text}: {task}.{key} is given twice", parameter="task_options")
            parsed[task][key] = value
        return parsed

    def resolve(self) -> "Study":
        """The study that is asked for: its tasks are made once, however often this is called.

        Raises:
            UsageError: an unknown task or option, or an eta that does not fit.
        """
        return self._study

    @cached_property
    def _study(self) -> "Study":
        from bohb_study.study.resolved import Study  # which imports this module

        options, own, tables = self.options(), self.own_tasks, self.tables
        check_names("tasks", self.task_names)  # two tables may be called alike
        tasks = {
            name: own[name].make(options.get(name), self.eta)
            if name in own
            else make_task(tables.get(name, name), options.get(name), self.eta)
            for name in self.task_names
        }
        return Study(self, tasks)

    def cells(self) -> list[Cell]:
        """All cells, seed by seed, so that an interrupted study is complete for its first seeds."""
        return list(self.resolve().cells)

    def identity(self) -> dict[str, Any]:
        """What names the study: all fields that change a cell's rows and differ from their default.

        Tasks, methods and seeds are not in it: asking for more of them adds cells to the same
        folder. A field that is added later counts only where it is used, so old names hold.
        Only what a user's file says is in it, by the task's name; of an option that is a path, only
        what the data there say.

        Raises:
            UsageError: there are no data where an option says.
        """
        not_identity = {"tasks", "methods", "seeds"}
        given = {
            STORED_NAMES.get(f.name, f.name): getattr(self, f.name)
            for f in fields(self)
            if f.name not in not_identity and getattr(self, f.name) != f.default
        }
        if "task_option" in given:
            given["task_option"] = sorted(self._by_content(given["task_option"]))
        if self.own_tasks:
            given["task_files"] = {name: own.identity for name, own in self.own_tasks.items()}
        if self.tables:
            made = self.resolve().tasks
            given["task_tables"] = {name: made[name].data_sha256 for name in self.tables}
        if self.own_methods:
            own_methods = self.own_methods.items()
            given["method_files"] = {name: own.identity for name, own in own_methods}
        return given

    def _by_content(self, options: Iterable[str]) -> Iterator[str]:
        """The options, with the hash of the data in place of where they are."""
        tasks = self.resolve().tasks
        paths = {
            f"{name}.{f.name}": task
            for name, task in tasks.items()
            for f in fields(task)
            if f.metadata.get("path")
        }
        for option in options:
            key = option.partition("=")[0]
            sha256 = paths[key].data_sha256 if key in paths else None
            yield f"{key}=sha256:{sha256}" if sha256 else option

    @property
    def id(self) -> str:
        """Eight hexadecimal digits of the identity."""
        return identity_id(self.identity())

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; ``from_json`` gives the same config back."""
        return {
            STORED_NAMES.get(k, k): list(v) if isinstance(v, tuple) else v
            for k, v in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, trust: bool = False) -> "StudyConfig":
        """The config that ``to_json`` wrote.

        A config executes the files of its tasks. A stored one names files that nobody named now,
        so they are executed only where this process has executed the same text before, as it was
        told to, or where they are trusted.

        Args:
            data: of ``to_json``.
            trust: execute the files of tasks and methods that ``data`` names; ``own_tasks`` and
                ``own_methods`` of what is returned have their paths and hashes.

        Raises:
            UsageError: a field is unknown (written by a newer version) or out of range, or a file
                would have to be executed.
        """
        own = {STORED_NAMES.get(f.name, f.name): f.name for f in fields(cls)}
        unknown = sorted(set(data) - set(own))
        if unknown:
            raise UsageError(f"unknown field {unknown[0]!r}: written by a newer version?")
        if not trust:
            check_trusted(given for given in data.get("task", ()) if is_file(given))
            if files := [given for given in data.get("methods", ()) if is_file(given)]:
                from bohb_study.methods.user.user_method import check_trusted_methods

                check_trusted_methods(files)
        values: dict[str, Any] = {
            own[k]: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**values)


def _present_names(methods: Iterable[str]) -> tuple[str, ...]:
    """Method names, former ones replaced, with a warning that says so."""
    for name in methods:
        if name in RENAMED_METHODS:
            said = f"method {renamed(name, RENAMED_METHODS[name])}"
            warnings.warn(said, FutureWarning, stacklevel=4)
    return tuple(RENAMED_METHODS.get(name, name) for name in methods)
