"""Does a stored study come out again? Reruns its cells and compares row by row."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.errors import StudyError, UsageError
from bohb_study.identity import OWN_METHOD, cell_parts, code_hash, differences, versions
from bohb_study.methods.user.user_method import read_own_method
from bohb_study.numerics import Mode, expected
from bohb_study.numerics import differences as numeric_differences
from bohb_study.running.execution import allowed_units, execute, session
from bohb_study.running.options import RunOptions
from bohb_study.running.runner import ProgressContext
from bohb_study.schema import COLUMNS, rows_hash
from bohb_study.seeding import derive
from bohb_study.store import LoadedStudy
from bohb_study.store.code_file import read_code
from bohb_study.study import Cell, StudyConfig
from bohb_study.tasks.user.own_file import OwnFile
from bohb_study.tasks.user.user_task import read_own

SYNTAX_SCHEMA = 2
"""The schema from which on a cell's code is hashed by its syntax tree."""


class NotReproducibleError(UsageError):
    """The study cannot come out the same here; the message says why."""


@dataclass(frozen=True)
class Difference:
    """The first place in which two frames of one cell differ."""

    row: int
    """``seq`` of the row; the number of rows of the shorter frame where one has more."""
    column: str
    stored: Any
    rerun: Any


@dataclass(frozen=True)
class Comparison:
    """One cell, run again."""

    cell: Cell
    rows: int
    """Rows stored."""
    difference: Difference | None
    """None: every row and column is equal, the measured seconds aside."""


def compare_frames(stored: pd.DataFrame, rerun: pd.DataFrame) -> Difference | None:
    """The first difference between two frames of one cell, by row and then by column.

    Equal means identical: floats bit for bit (NaN equals NaN), types included. Measured columns
    are left out.
    """
    measured = {column.name for column in COLUMNS if column.measured}
    for name in [*stored.columns, *rerun.columns]:
        for frame, other in ((stored, rerun), (rerun, stored)):
            if name in frame and (name not in other or frame[name].dtype != other[name].dtype):
                return Difference(0, str(name), _dtype(stored, name), _dtype(rerun, name))
    names = [name for name in stored.columns if name not in measured]
    rows = min(len(stored), len(rerun))
    a, b = stored.iloc[:rows].reset_index(drop=True), rerun.iloc[:rows].reset_index(drop=True)
    unequal = pd.DataFrame({name: _unequal(a[name], b[name]) for name in names})
    if unequal.to_numpy().any():
        row = int(np.argmax(unequal.any(axis=1).to_numpy()))
        column = names[int(np.argmax(unequal.iloc[row].to_numpy()))]
        stored_value, rerun_value = (_plain(f[column].iloc[row]) for f in (a, b))
        return Difference(int(a["seq"].iloc[row]), column, stored_value, rerun_value)
    if len(stored) != len(rerun):
        return Difference(rows, "(number of rows)", len(stored), len(rerun))
    return None


def _plain(value: Any) -> Any:
    """A value as people write it, not as numpy does."""
    return value.item() if isinstance(value, np.generic) else value


def _dtype(frame: pd.DataFrame, name: str) -> str:
    return str(frame[name].dtype) if name in frame else "no such column"


def _unequal(a: pd.Series, b: pd.Series) -> np.ndarray:
    both_missing = a.isna().to_numpy() & b.isna().to_numpy()
    same = (a == b).fillna(False).to_numpy(dtype=bool)
    if a.dtype == np.float64:
        same = same & (np.signbit(a.to_numpy()) == np.signbit(b.to_numpy()))  # 0.0 == -0.0
    return ~(same | both_missing)


def reasons(
    study: LoadedStudy,
    cells: Sequence[Cell],
    numerics: Mode | None = None,
    *,
    trust: bool = False,
) -> list[str]:
    """Why rows of ``cells`` may come out otherwise here, one line each; none where they must not.

    First the numerics that they were computed with, then the code that ran them with the versions
    of the packages that decide rows, cell by cell, each reason once.

    Args:
        study: the stored study.
        cells: of it.
        numerics: by which kernels they are to be computed; as the study's if None.
        trust: the user's files that the study names may be executed.

    Raises:
        UsageError: a file would have to be executed, and is not trusted.
    """
    config = config_of(study, cells, numerics, trust=trust)
    found: dict[str, None] = {}
    here = expected(config.numerics, torch=True)
    for cell in cells:
        stored = study.cells[cell.task, cell.method, cell.seed].get("numerics", {})
        found.update(dict.fromkeys(numeric_differences(stored, here)))
    for cell in cells:
        if why := _other_code(study, cell, config):
            found[why] = None
    return list(found)


def files_of(study: LoadedStudy, cells: Sequence[Cell]) -> dict[str, Mapping[str, str]]:
    """The user's files that running ``cells`` executes: ``task`` and ``sha256`` by task."""
    names = {cell.task for cell in cells}
    files: Mapping[str, Mapping[str, str]] = study.study.get("task_files", {})
    return {name: file for name, file in files.items() if name in names}


def method_files_of(study: LoadedStudy, cells: Sequence[Cell]) -> dict[str, Mapping[str, str]]:
    """The user's files of the methods of ``cells``: ``method`` and ``sha256`` by method."""
    names = {cell.method for cell in cells}
    files: Mapping[str, Mapping[str, str]] = study.study.get("method_files", {})
    return {name: file for name, file in files.items() if name in names}


def executed_files(study: LoadedStudy, cells: Sequence[Cell]) -> list[OwnFile]:
    """All files of users that running ``cells`` executes.

    Raises:
        UsageError: one of them is not where it was.
    """
    tasks, methods = files_of(study, cells).values(), method_files_of(study, cells).values()
    found: list[OwnFile] = [read_own(file["task"]) for file in tasks]
    return found + [read_own_method(file["method"]) for file in methods]


def check_possible(
    study: LoadedStudy,
    cells: Sequence[Cell] | None = None,
    *,
    download: bool = False,
    trust: bool = False,
) -> None:
    """Raise NotReproducibleError where ``cells`` (all, if None) cannot be run again as they were.

    They need engine virtual or one worker (else rows depend on the order of arrival), the files of
    the user's own tasks, and the data (fetched with ``download``). Nothing of a file is executed
    unless it is the one that was run, and trusted.

    Raises:
        UsageError: data are missing here, or a file is not trusted.
    """
    workers = study.study["config"]["workers"]
    # cells of before there was another engine do not name theirs
    by_ray = [k for k, record in study.cells.items() if record.get("engine", "tune") == "tune"]
    if workers != 1 and by_ray:
        raise NotReproducibleError(
            f"{study.path}: {Cell(*by_ray[0])} was run with {workers} workers by engine tune, so "
            "its rows depend on the order of arrival and cannot be reproduced"
        )
    cells = choose(study, None) if cells is None else cells
    for file in files_of(study, cells).values():
        _check_file(study.path, "tasks", file["task"], file["sha256"])
    for file in method_files_of(study, cells).values():
        _check_file(study.path, "methods", file["method"], file["sha256"])
    _check_data(study, cells, download, trust)


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
    data = study.study["config"]
    names = {cell.task for cell in cells}
    called = {file["task"]: name for name, file in study.study.get("task_files", {}).items()}
    tasks = [given for given in data["task"] if called.get(given, given) in names]
    options = [
        option
        for option in data.get("task_option", ())
        if option.partition("=")[0].rpartition(".")[0] in names
    ]
    called = {file["method"]: name for name, file in study.study.get("method_files", {}).items()}
    wanted = {cell.method for cell in cells}
    # where no method is asked for, tasks alone are needed: any registered method will do
    methods = [given for given in data["methods"] if called.get(given, given) in wanted] or ["grid"]
    needed = {**data, "task": tasks, "task_option": options, "methods": methods}
    config = StudyConfig.from_json(needed, trust=trust)
    return replace(config, numerics=numerics) if numerics else config


def _other_code(study: LoadedStudy, cell: Cell, config: StudyConfig) -> str:
    """How the code of a cell differs from the code here; empty where it does not."""
    record = study.cells[cell.task, cell.method, cell.seed]
    engine = record.get("engine", "tune")
    here = cell_parts(
        cell.task,
        cell.method,
        engine,
        config.source(cell.task),
        config.method_source(cell.method),
    )
    if record.get("code") == code_hash(here):
        return ""
    then, now = (
        {name: text for name, text in _versions(said).items() if name in here}
        for said in (record, {"versions": versions()})
    )
    changed = differences(then, now)
    if record.get("schema", 1) < SYNTAX_SCHEMA:
        # hashed byte by byte: whether anything that matters changed since cannot be told
        changed = [*changed, f"the code of {_commit(record)} was hashed in another way"]
    elif parts := read_code(study.path):
        here.pop(OWN_METHOD, None)  # is compared as a whole, before anything is run
        changed = differences({k: v for k, v in parts.items() if k in here}, here) or changed
    return "code: " + ("; ".join(changed) or f"that of {_commit(record)} is not the code here")


def _commit(record: Mapping[str, Any]) -> str:
    return f"commit {str(record.get('git', {}).get('commit'))[:7]}"


def _check_data(study: LoadedStudy, cells: Sequence[Cell], download: bool, trust: bool) -> None:
    stored = {name: task.get("data") for name, task in study.study["tasks"].items()}
    with_data = [cell for cell in cells if stored[cell.task]]
    if not with_data:
        return
    for name, task in config_of(study, with_data, trust=trust).made_tasks().items():
        task.prepare(download=download)
        if stored[name] != task.data_sha256:
            raise NotReproducibleError(f"{study.path}: {name} was run on other data than are here")


def _check_file(path: Path, parameter: str, given: str, sha256: str) -> None:
    try:
        read = read_own if parameter == "tasks" else read_own_method
        found = read(given).sha256  # nothing of a changed file is run
    except UsageError as why:
        raise NotReproducibleError(f"{path}: {why}") from None
    if found != sha256:
        raise NotReproducibleError(
            f"{path}: {parameter} {given}: its file is not the one that was run (its sha256 was "
            f"{sha256[:8]}, is {found[:8]})"
        )


def _versions(record: dict[str, Any]) -> dict[str, str]:
    return {name: text for name, text in record["versions"].items() if name != "python"}


def _difference(study: LoadedStudy, cell: Cell, rerun: pd.DataFrame) -> Difference | None:
    """Row by row; where rows were left out when it was packed, by the hash of all rows."""
    key = (cell.task, cell.method, cell.seed)
    if not study.thinned:
        return compare_frames(study.rows(key), rerun)
    stored, here = study.cells[key]["rows_hash"], rows_hash(rerun)
    return None if stored == here else Difference(0, "(hash of all rows)", stored[:8], here[:8])


def unavailable(study: LoadedStudy, *, download: bool = False) -> dict[str, str]:
    """The tasks of a study whose data or packages are not on this machine, and why.

    Files of users are not looked at: nothing of them is executed.
    """
    found = {}
    names = dict.fromkeys(task for task, _, _ in study.cells)
    for name in [name for name in names if name not in study.study.get("task_files", {})]:
        try:
            task = config_of(study, [Cell(name, "", 0)]).made_tasks()[name]
            task.prepare(download=download)
            task.space(0)  # the space of a table is in the table
        except UsageError as why:
            found[name] = str(why)
    return found


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
    rng = np.random.default_rng(derive("sample", study.study["id"]))
    drawn = sorted(rng.permutation(len(cells))[:sample].tolist())
    return [cells[i] for i in drawn]


def reproduce(
    study: LoadedStudy,
    cells: list[Cell],
    options: RunOptions,
    open_progress: ProgressContext,
    numerics: Mode | None = None,
    *,
    trust: bool = False,
) -> list[Comparison]:
    """Run ``cells`` of a stored study again in a temporary folder and compare them.

    Args:
        study: the stored study; nothing of it is written.
        cells: what to run again.
        options: where and how (its output folder is not used).
        open_progress: opens the display of how far it is.
        numerics: by which kernels; as the study's if None.
        trust: the user's files that the study names may be executed.

    Raises:
        UsageError: a file would have to be executed, and is not trusted.
        StudyError: a cell failed when it was run again.
    """
    config = config_of(study, cells, numerics, trust=trust)
    comparisons = {}
    with (
        tempfile.TemporaryDirectory(prefix="bohb-reproduce-") as folder,
        session(config, cells, options),
        open_progress() as progress,
    ):
        progress.start(allowed_units(config, cells))
        with closing(execute(config, cells, options, Path(folder), progress)) as ended:
            for event in ended:
                cell, result = event.finished.cell, event.finished.result
                if result is None:
                    raise StudyError(f"{cell} failed when run again: {event.finished.error}")
                difference = _difference(study, cell, result.frame)
                rows = study.cells[cell.task, cell.method, cell.seed]["rows"]
                comparisons[cell] = Comparison(cell, rows, difference)
                outcome = "differs" if difference else "equal"
                progress.finish(str(cell), not difference, event.seconds, None, outcome)
    return [comparisons[cell] for cell in cells]
