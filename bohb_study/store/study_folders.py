"""A study's folder, and what is written into study.json: all that was ever asked for in it."""

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError, UsageError
from bohb_study.files import replace_files
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store.method_facts import describe_method
from bohb_study.store.names import STUDY_FILE, is_packed
from bohb_study.store.sealed import sealed_json
from bohb_study.store.stored_study import DamagedError, StoredStudy, find_study, stored_study
from bohb_study.store.study_shape import MOST_RUNS, PLAIN_NAME, check_study
from bohb_study.study import StudyConfig
from bohb_study.tasks import Task, task_name
from bohb_study.tasks.fingerprints import describe_space


def study_folder(out: Path, name: str, study_id: str, fresh: bool) -> Path:
    """The folder to run in, made if it is not there.

    A plain run continues the newest of ``<name>-<id>``, ``<name>-<id>.2``, ``.3``; ``fresh`` makes
    the next one.

    Raises:
        UsageError: the name is no plain file name, or the output folder cannot be written.
    """
    newest = newest_folder(out, name, study_id)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if newest is None or fresh:
            newest = _make_next(out, f"{name}-{study_id}")
        # The only test of being writable that holds for root, read-only mounts and quotas alike.
        with tempfile.TemporaryFile(dir=newest) as file:
            file.write(b"x")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}", parameter="out") from error
    return newest


def newest_folder(out: Path, name: str, study_id: str) -> Path | None:
    """The folder that a plain run would continue; None where there is none. Writes nothing.

    Raises:
        UsageError: the name is no plain file name, or the output folder cannot be read.
    """
    if not re.fullmatch(PLAIN_NAME, name):
        raise UsageError(
            f"{name!r}: must be a plain file name of at most 100 letters, digits and _ . + -",
            parameter="name",
        )
    runs = _runs(out, f"{name}-{study_id}")
    return runs[max(runs)] if runs else None


def write_study(
    folder: Path,
    name: str,
    config: StudyConfig,
    tasks: Mapping[str, Task],
    run: Mapping[str, Any] | None = None,
    only: Mapping[str, Mapping[str, int]] | None = None,
) -> StoredStudy:
    """Write study.json, merged with what was asked for in ``folder`` before, and return it.

    ``asked`` holds, for each task and method, for how many seeds it was ever asked for: asking for
    grid with 3 seeds and then for bohb with 10 does not leave seven cells of grid missing.
    With ``only`` it is for those seeds, and not for all of ``config``, that it is asked for now.
    ``runs`` says of each run what it was made with, the last ones and the first.
    ``task_files``, where there are tasks of the user's own, says by name where each was and the
    sha256 of its file.

    Raises:
        StudyError: study.json is damaged, of a newer version or of another study, or a task's data
            have changed.
    """
    path = folder / STUDY_FILE
    found = find_study(folder)
    if found is not None:
        _refuse_other(found, config, tasks)
    old: Mapping[str, Any] = found.json if found else {}
    given = _tasks_given(found, config)
    methods_given = _methods_given(found, config)
    methods = list(methods_given)
    before = old.get("asked", {}) if found else _found_cells(folder)
    asked = _asked(before, config, only, list(given), methods)
    most = max((n for of_task in asked.values() for n in of_task.values()), default=0)
    seeds = max(old.get("seeds", 0), config.seeds if only is None else 0, most)
    # only put together, never made a config: that would execute files which nobody named now
    merged = {
        "task": list(given.values()),
        "methods": list(methods_given.values()),
        "seeds": seeds,
    }
    study = {
        "schema": SCHEMA_VERSION,
        "name": name,
        "id": config.id,
        "identity": config.identity(),
        "config": {**config.to_json(), **merged},
        "tasks": {**old.get("tasks", {}), **{n: _describe(task) for n, task in tasks.items()}},
        "methods": methods,
        "seeds": seeds,
        "asked": asked,
    }
    if runs := [*old.get("runs", ()), *([run] if run else ())]:
        study["runs"] = [runs[0], *runs[1:][-(MOST_RUNS - 1) :]]
    if config.own_tasks:
        study["task_files"] = {
            name: {"task": own.given, "sha256": own.sha256}
            for name, own in config.own_tasks.items()
        }
    if config.own_methods:
        study["method_files"] = {
            name: describe_method(
                own.method, own.given, own.sha256, tasks, old.get("method_files", {}).get(name)
            )
            for name, own in config.own_methods.items()
        }
    try:
        check_study(study)
    except ValueError as why:  # rather now than when it is to be read
        raise StudyError(f"{path}: cannot be written: {why}") from None
    replace_files({path: sealed_json(study)}, folder)
    return stored_study(study, path)


def set_damaged_aside(folder: Path) -> str:
    """Rename a study.json that cannot be read, so that the study can go on: cells speak for theirs.

    Returns:
        What is to be said of it, in a line; empty where nothing is damaged.

    Raises:
        StudyError: a newer version wrote it, the study is packed, or it cannot be renamed.
    """
    path = folder / STUDY_FILE
    try:
        find_study(folder)
    except DamagedError as why:
        if is_packed(folder):
            raise
        aside = path.with_name(f"{STUDY_FILE}.damaged")
        try:
            path.replace(aside)
        except OSError as error:
            raise StudyError(f"{path}: damaged, and cannot be renamed: {error.strerror}") from why
        return f"{path} was damaged: it is {aside.name} now, and was made anew from what was asked"
    return ""


def _refuse_other(found: StoredStudy, config: StudyConfig, tasks: Mapping[str, Task]) -> None:
    """Raise StudyError where a folder's study is not the one that is to be written."""
    path = found.path
    if found.id != config.id:
        raise StudyError(f"{path}: belongs to study {found.id}, not {config.id}; use fresh=True")
    for name, task in tasks.items():
        before = found.tasks[name].data if name in found.tasks else None
        if before not in (None, task.data_sha256):
            raise StudyError(f"{path}: {name} was run on other data; use fresh=True")
    if found.identity not in (None, config.identity()):
        raise StudyError(f"{path}: its identity is not that of study {config.id}; use fresh=True")


def _runs(out: Path, stem: str) -> dict[int, Path]:
    """The folders ``<stem>`` (1), ``<stem>.2`` (2), ... that exist."""
    try:
        folders = [path for path in out.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{out}: cannot be read: {error.strerror}", parameter="out") from error
    pattern = re.compile(re.escape(stem) + r"(?:\.([1-9]\d*))?")
    matches = [(pattern.fullmatch(path.name), path) for path in folders]
    return {int(match[1] or 1): path for match, path in matches if match}


def _make_next(out: Path, stem: str) -> Path:
    """Make the folder after the newest; another process may be doing the same."""
    while True:
        number = max(_runs(out, stem), default=0) + 1
        folder = out / (stem if number == 1 else f"{stem}.{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            if not folder.is_dir():
                raise
        else:
            return folder


def _tasks_given(found: StoredStudy | None, config: StudyConfig) -> dict[str, str]:
    """All tasks by name, those that were asked for before first, as they are given."""
    before: dict[str, str] = {}
    if found is not None:
        # by name: a user's file may be where it was not before
        names = {file.task: name for name, file in found.task_files.items()}
        before = {names.get(given) or task_name(given): given for given in found.config.tasks}
    return {**before, **dict(zip(config.task_names, config.tasks, strict=True))}


def _methods_given(found: StoredStudy | None, config: StudyConfig) -> dict[str, str]:
    """All methods by name, those that were asked for before first, as they are given."""
    before: dict[str, str] = {}
    if found is not None:
        names = {file.method: name for name, file in found.method_files.items()}
        before = {name: name for name in found.methods if name not in found.method_files}
        before |= {names.get(given, given): given for given in found.config.methods}
    return {**before, **dict(zip(config.method_names, config.methods, strict=True))}


def _asked(
    old: Mapping[str, Mapping[str, int]],
    config: StudyConfig,
    only: Mapping[str, Mapping[str, int]] | None,
    tasks: Iterable[str],
    methods: Iterable[str],
) -> dict[str, dict[str, int]]:
    """Seeds asked for by task and method, in the order of ``tasks`` and ``methods``."""

    def seeds(task: str, method: str) -> int:
        now = config.seeds if task in config.task_names and method in config.method_names else 0
        if only is not None:
            now = only.get(task, {}).get(method, 0)
        return max(now, old.get(task, {}).get(method, 0))

    return {task: {method: n for method in methods if (n := seeds(task, method))} for task in tasks}


def _found_cells(folder: Path) -> dict[str, dict[str, int]]:
    """For how many seeds a folder without study.json has cells, by task and method."""
    seeds: dict[tuple[str, str], set[str]] = {}
    for path in folder.glob("cells/*/*/*.json"):
        seeds.setdefault((path.parts[-3], path.parts[-2]), set()).add(path.stem)
    found: dict[str, dict[str, int]] = {}
    for (task, method), names in seeds.items():
        whole = next(n for n in range(len(names) + 1) if str(n) not in names)
        found.setdefault(task, {})[method] = whole
    return found


def _describe(task: Task) -> dict[str, Any]:
    ladder = task.ladder
    return {
        "unit": ladder.unit,
        "top": ladder.top,
        "costs": list(ladder.costs),
        "eta": ladder.eta,
        "curve": ladder.curve,
        "resumable": ladder.resumable,
        "optimum": task.optimum,
        "val_metric": task.val_metric,
        "test_metric": task.test_metric,
        "summary": task.summary,
        "data": task.data_sha256,
        "only_engine": task.only_engine,
        "space": describe_space(task.space(0)),
    }
