"""What a study is: its cells, its budget, and the id that names its folder."""

import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

from bohb_study.budget import exact, units_allowed
from bohb_study.errors import UsageError
from bohb_study.former_names import accepts_former_names
from bohb_study.methods import RENAMED_METHODS, check_method
from bohb_study.numerics import MODES, Mode
from bohb_study.tasks import Task, is_file, make_task
from bohb_study.tasks.user.user_task import OwnTask, check_trusted, own_tasks

if TYPE_CHECKING:
    from bohb_study.methods.user.user_method import OwnMethod

Engine = Literal["auto", "tune", "virtual"]

STORED_NAMES: Mapping[str, str] = {"tasks": "task", "task_options": "task_option"}
"""Fields of ``StudyConfig`` that JSON files and the ids of studies call otherwise: as they were
called when the first studies were stored."""
FORMER_NAMES: Mapping[str, str] = {"task": "tasks", "task_option": "task_options"}
"""Keywords that ``StudyConfig`` takes for one more release, and what they are called now."""

MOST_CELLS = 100_000
"""Cells of a study: two files each, all of which are looked at whenever the study is continued."""
MOST_STEPS = 1_000_000
"""Steps that the budget of one cell can pay for. Each may become a row, and a trial may end with
it: some 3 kB while the cell runs, so 3 GB for one that is this large."""
MOST_WORKERS = 10_000
"""Trials at a time within a cell; each is drawn before the first one ends."""


@dataclass(frozen=True)
class Cell:
    """One (task, method, seed): the unit that is run, stored, resumed and reproduced."""

    task: str
    method: str
    seed: int

    def __str__(self) -> str:
        """``task/method/seed``, as on disk."""
        return f"{self.task}/{self.method}/{self.seed}"


@accepts_former_names(FORMER_NAMES)
@dataclass(frozen=True)
class StudyConfig:
    """What is compared, and how: all options that change results."""

    tasks: tuple[str, ...] = ("digits",)
    """Tasks (--list names them); path/to/file.py:NAME for a task of your own."""
    methods: tuple[str, ...] = ("grid", "random", "asha", "bohb")
    """Methods (--list names them), or path/to/file.py:NAME for a method of your own."""
    budget: float = 50
    """Full evaluations that each cell may spend; at least 1, a whole number of units."""
    seeds: int = 3
    """Repetitions: seeds 0 .. n-1; each draws its data split, candidates and initial weights."""
    workers: int = 1
    """Trials at a time within a cell. Above 1, engine tune gives other rows each time."""
    engine: Engine = "auto"
    """What runs a cell: virtual (a virtual clock), tune (ray.tune.Tuner), or auto: virtual for one
    worker and for tasks that are computed, else tune."""
    eta: int | None = None
    """Halving rate; by default the task's own."""
    task_options: tuple[str, ...] = ()
    """Options of tasks, as task.key=value (--list shows them)."""
    numerics: Mode = "portable"
    """By which kernels rows are computed: portable (those of x86-64-v3, so that rows are the same
    on every such processor) or native (whatever numpy and PyTorch choose here: a little faster,
    and other rows on another machine)."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be run."""
        _check_names("tasks", self.tasks)
        _check_names("methods", self.methods)
        object.__setattr__(self, "methods", _present_names(self.methods))
        _check_names("methods", self.methods)
        for method in self.methods:
            if not is_file(method):
                check_method(method)
        _ = self.own_methods  # a file that holds no method is refused here
        _check_count("seeds", self.seeds)
        _check_cells(self)
        _check_count("workers", self.workers)
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
            _check_count("eta", self.eta, least=2)
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
        for task in self.made_tasks().values():
            _check_size(self.budget, task)

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
        return tuple(names.get(given, given) for given in self.tasks)

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

    def made_tasks(self) -> dict[str, Task]:
        """The tasks by name, with their options and eta.

        Raises:
            UsageError: an unknown task or option, or an eta that does not fit.
        """
        options, own = self.options(), self.own_tasks
        return {
            name: own[name].make(options.get(name), self.eta)
            if name in own
            else make_task(name, options.get(name), self.eta)
            for name in self.task_names
        }

    def cells(self) -> list[Cell]:
        """All cells, seed by seed, so that an interrupted study is complete for its first seeds."""
        return [
            Cell(task, method, seed)
            for seed in range(self.seeds)
            for task in self.task_names
            for method in self.method_names
        ]

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
        if self.own_methods:
            own_methods = self.own_methods.items()
            given["method_files"] = {name: own.identity for name, own in own_methods}
        return given

    def _by_content(self, options: Iterable[str]) -> Iterator[str]:
        """The options, with the hash of the data in place of where they are."""
        tasks = self.made_tasks()
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


def identity_id(identity: Mapping[str, Any]) -> str:
    """What names a study of this identity: eight hexadecimal digits."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]


def _present_names(methods: Iterable[str]) -> tuple[str, ...]:
    """Method names, former ones replaced, with a warning that says so."""
    for name in methods:
        if name in RENAMED_METHODS:
            warnings.warn(
                f"methods {name}: is called {RENAMED_METHODS[name]} now; the former name will "
                "not be known in the next release",
                FutureWarning,
                stacklevel=4,
            )
    return tuple(RENAMED_METHODS.get(name, name) for name in methods)


def _check_names(parameter: str, names: Iterable[str]) -> None:
    names = list(names)
    if not names or not all(names):
        raise UsageError(": empty; name at least one", parameter)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        given = " ".join(names)
        raise UsageError(f"{given}: {', '.join(twice)} is given more than once", parameter)


def _check_count(parameter: str, value: float, least: int = 1) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or value % 1 or value < least:  # NaN and infinity leave NaN
        raise UsageError(f"{value}: must be a whole number, at least {least}", parameter)


def _check_cells(config: StudyConfig) -> None:
    """Raise UsageError for more cells than a study can have."""
    tasks, methods = len(config.tasks), len(config.methods)
    most = MOST_CELLS // (tasks * methods)
    if config.seeds > most:
        raise UsageError(
            f"{config.seeds}: must be at most {most:,} with {tasks} x {methods} tasks and "
            f"methods (a study has at most {MOST_CELLS:,} cells)",
            parameter="seeds",
        )


def _check_size(budget: float, task: Task) -> None:
    """Raise UsageError for a cell that would outgrow the memory of the process that runs it."""
    ladder = task.ladder
    rungs = zip((0, *ladder.costs), ladder.costs, strict=False)
    least = 1 if ladder.curve else min(ladder.step_units(low, high) for low, high in rungs)
    if units_allowed(budget, ladder.top) // least <= MOST_STEPS:
        return
    why = f"a cell keeps its steps in memory: at most {MOST_STEPS:,}"
    most = MOST_STEPS * least // ladder.top
    if most < 1:
        raise UsageError(
            f"{task.name}: a full evaluation of {ladder.top} {ladder.unit}s is too long ({why})",
            parameter="tasks",
        )
    raise UsageError(
        f"{exact(budget)}: must be at most {most:,} full evaluations of {task.name} ({why})",
        parameter="budget",
    )
