"""Which cells of a stored study are to be run again, and whether they can be."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bohb_study.errors import StudyError, UsageError
from bohb_study.methods.user.user_method import read_own_method
from bohb_study.numerics import Mode
from bohb_study.schema import removed_since
from bohb_study.seeding import derive
from bohb_study.store import CellRecord, LoadedStudy
from bohb_study.store.method_facts import StoredMethod
from bohb_study.store.stored_study import TaskFile
from bohb_study.study import Cell, Study, StudyConfig
from bohb_study.tasks import task_name
from bohb_study.tasks.user.own_file import OwnFile
from bohb_study.tasks.user.user_task import read_own


class NotReproducibleError(UsageError):
    """The study cannot come out the same here; the message says why."""


@dataclass(frozen=True, eq=False)
class Rerun:
    """Cells of a stored study that can be run again, and the study of them as it is here."""

    stored: LoadedStudy
    cells: tuple[Cell, ...]
    study: Study
    """With the tasks of ``cells`` alone: no other is made, or executed."""

    def record(self, cell: Cell) -> CellRecord:
        """What is stored of a cell."""
        return self.stored.cells[cell.task, cell.method, cell.seed]


def choose(study: LoadedStudy, sample: int | None, without: Collection[str] = ()) -> list[Cell]:
    """The cells to run again: all of them, or ``sample`` drawn by the study's id.

    Args:
        study: the stored study.
        sample: how many; all if None.
        without: tasks of which none is taken.

    Raises:
        UsageError: the sample is not between 1 and the number of cells.
    """
    cells = [Cell(*key) for key in study.cells if key[0] not in without]
    if sample is None:
        return cells
    if not 1 <= sample <= len(cells):
        raise UsageError(
            f"{sample}: must be between 1 and {len(cells)} (the cells)", parameter="sample"
        )
    rng = np.random.default_rng(derive("sample", study.study.id))
    drawn = sorted(rng.permutation(len(cells))[:sample].tolist())
    return [cells[i] for i in drawn]


def unavailable(study: LoadedStudy, *, download: bool = False) -> dict[str, str]:
    """The tasks of a study whose data or packages are not on this machine, and why.

    Files of users are not looked at: nothing of them is executed.
    """
    found = {}
    names = dict.fromkeys(task for task, _, _ in study.cells)
    for name in [name for name in names if name not in study.study.task_files]:
        try:
            task = config_of(study, [Cell(name, "", 0)]).resolve().tasks[name]
            task.prepare(download=download)
            task.space(0)  # the space of a table is in the table
        except UsageError as why:
            found[name] = str(why)
    return found


def files_of(study: LoadedStudy, cells: Sequence[Cell]) -> dict[str, TaskFile]:
    """The user's files that running ``cells`` executes, by task."""
    names = {cell.task for cell in cells}
    return {name: file for name, file in study.study.task_files.items() if name in names}


def method_files_of(study: LoadedStudy, cells: Sequence[Cell]) -> dict[str, StoredMethod]:
    """The user's files of the methods of ``cells``, by method."""
    names = {cell.method for cell in cells}
    return {name: file for name, file in study.study.method_files.items() if name in names}


def executed_files(study: LoadedStudy, cells: Sequence[Cell]) -> list[OwnFile]:
    """All files of users that running ``cells`` executes.

    Raises:
        UsageError: one of them is not where it was.
    """
    found: list[OwnFile] = [read_own(file.task) for file in files_of(study, cells).values()]
    methods = method_files_of(study, cells).values()
    return found + [read_own_method(file.method) for file in methods]


def prepare_rerun(
    study: LoadedStudy,
    cells: Sequence[Cell] | None = None,
    numerics: Mode | None = None,
    *,
    download: bool = False,
    trust: bool = False,
) -> Rerun:
    """``cells`` ready to be run again.

    They need engine virtual or one worker (else rows depend on the order of arrival), the files of
    the user's own tasks, and the data. Nothing of a file is executed unless it is the one that was
    run, and trusted.

    Args:
        study: the stored study.
        cells: of it; all if None.
        numerics: by which kernels they are to be computed; as the study's if None.
        download: fetch data that are not here.
        trust: the user's files that the study names may be executed.

    Raises:
        NotReproducibleError: they cannot come out as they were.
        UsageError: data are missing here, or a file is not trusted.
    """
    # cells of before there was another engine do not name theirs
    by_ray = [record.cell for record in study.cells.values() if record.engine == "tune"]
    workers = study.study.config.workers
    if workers != 1 and by_ray:
        raise NotReproducibleError(
            f"{study.path}: {by_ray[0]} was run with {workers} workers by engine tune, so "
            "its rows depend on the order of arrival and cannot be reproduced"
        )
    cells = choose(study, None) if cells is None else cells
    for cell in cells:
        if study.cells[cell.task, cell.method, cell.seed].limits:
            raise NotReproducibleError(
                f"{study.path}: {cell}: some of its trials were ended by limits, or have ended "
                "their process, which no other run need do"
            )
    _check_hashes(study, cells)
    for file in files_of(study, cells).values():
        _check_file(study.path, file.task, file.sha256, read_own)
    for method in method_files_of(study, cells).values():
        _check_file(study.path, method.method, method.sha256, read_own_method)
    resolved = config_of(study, cells, numerics, trust=trust).resolve()
    for name, task in resolved.tasks.items():
        stored = study.study.tasks[name].data
        if stored is None:
            continue
        task.prepare(download=download)
        if stored != task.data_sha256:
            raise NotReproducibleError(f"{study.path}: {name} was run on other data than are here")
    return Rerun(study, tuple(cells), resolved)


def config_of(
    study: LoadedStudy,
    cells: Sequence[Cell],
    numerics: Mode | None = None,
    *,
    trust: bool = False,
) -> StudyConfig:
    """The study's config with the tasks and methods of ``cells`` alone: no other is executed.

    Raises:
        UsageError: a file would have to be executed, and is not trusted.
    """
    stored = study.study
    names = {cell.task for cell in cells}
    called = {file.task: name for name, file in stored.task_files.items()}
    tasks = [
        given for given in stored.config.tasks if (called.get(given) or task_name(given)) in names
    ]
    options = [
        option
        for option in stored.config.task_options
        if option.partition("=")[0].rpartition(".")[0] in names
    ]
    called = {file.method: name for name, file in stored.method_files.items()}
    wanted = {cell.method for cell in cells}
    methods = [given for given in stored.config.methods if called.get(given, given) in wanted]
    needed = {**stored.config.json, "task": tasks, "task_option": options}
    # where no method is asked for, the tasks alone are needed: any registered one will do
    needed["methods"] = methods or ["grid"]
    config = StudyConfig.from_json(needed, trust=trust)
    return replace(config, numerics=numerics) if numerics else config


def same_study(study: LoadedStudy, *, trust: bool = False) -> Study:
    """All of a stored study as it is here, where its tasks are still those that were run.

    Raises:
        UsageError: a user's file would have to be executed, and is not trusted.
        StudyError: a task is not the one that was run.
    """
    config = StudyConfig.from_json(study.study.config.json, trust=trust)
    if config.id != study.study.id:
        raise StudyError(
            f"{study.path}: its tasks are not those that were run: study {study.study.id} would "
            f"be {config.id} here"
        )
    return config.resolve()


def _check_hashes(study: LoadedStudy, cells: Sequence[Cell]) -> None:
    """Where rows were left out, all that can be compared is the hash of all columns of then."""
    for cell in cells if study.is_compact else ():
        schema = study.cells[cell.task, cell.method, cell.seed].schema
        if gone := removed_since(schema):
            raise NotReproducibleError(
                f"{study.path}: {cell}: its rows were left out when it was packed, and the hash of "
                f"them is over columns that are no longer computed: {', '.join(gone)}"
            )


def _check_file(path: Path, given: str, sha256: str, read: Callable[[str], OwnFile]) -> None:
    try:
        own = read(given)  # nothing of a changed file is run
    except UsageError as why:
        raise NotReproducibleError(f"{path}: {why}") from None
    if own.sha256 != sha256:
        raise NotReproducibleError(
            f"{path}: {own.parameter} {given}: its file is not the one that was run (its sha256 "
            f"was {sha256[:8]}, is {own.sha256[:8]})"
        )
