"""A study's folder, and study.json: all that was ever asked for in it."""

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError, UsageError
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store import shapes
from bohb_study.store.files import replace_files
from bohb_study.store.method_facts import METHOD_FILE, describe_method
from bohb_study.store.sealed import read_json, sealed_json
from bohb_study.store.shapes import Told
from bohb_study.study import Cell, StudyConfig, identity_id
from bohb_study.tasks import Task
from bohb_study.tasks.fingerprints import describe_space

STUDY_FILE = "study.json"

PACKED_RECORDS = "cells.json"
"""Is there where a study is packed."""
SUMS_FILE = "SHA256SUMS"
"""Likewise: the list of its files' hashes."""
MOST_CELLS = 1_000_000
"""That a study may ask for."""
PLAIN_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}"
"""Of a study: first part of its folder's name."""
_BOUNDS: dict[str, shapes.Shape] = {"lower": shapes.number, "upper": shapes.number}
_RANGE: dict[str, dict[str, shapes.Shape]] = {
    "int": _BOUNDS,
    "float": _BOUNDS,
    "categorical": {"choices": shapes.array(shapes.anything, least=1)},
}
"""Kind of a hyperparameter -> what says which values it has."""


def _described(value: Any, where: str) -> None:
    """A hyperparameter, as ``describe_space`` tells it."""
    shapes.fields({"kind": shapes.one_of(_RANGE), "conditional": shapes.flag})(value, where)
    shapes.fields(_RANGE[value["kind"]])(value, where)


_COSTS = shapes.array(shapes.whole(1), least=1)
_TASK = shapes.fields(
    {
        "unit": shapes.line,
        "top": shapes.whole(1),
        "optimum": shapes.nullable(shapes.number),
        "val_metric": shapes.line,
        "test_metric": shapes.line,
    },
    {
        "costs": _COSTS,
        "eta": shapes.whole(2),
        "curve": shapes.flag,
        "resumable": shapes.flag,
        "summary": shapes.text,
        "data": shapes.nullable(shapes.line),
        "only_engine": shapes.nullable(shapes.one_of(("tune", "virtual"))),
        "space": shapes.table(_described, shapes.line),
    },
)
_CONFIG = shapes.fields(
    {"budget": shapes.number, "workers": shapes.whole(1)},
    {
        "task": shapes.array(shapes.line, least=1),
        "methods": shapes.array(shapes.line, least=1),
        "seeds": shapes.whole(1),
        "engine": shapes.line,
        "eta": shapes.nullable(shapes.whole(2)),
        "task_option": shapes.array(shapes.line),
    },
)
_STUDY = shapes.fields(
    {
        "name": shapes.matching(PLAIN_NAME, "a plain file name"),
        "id": shapes.matching("[0-9a-f]{8}", "eight hexadecimal digits"),
        "config": _CONFIG,
        "tasks": shapes.table(_TASK, shapes.name),
        "methods": shapes.array(shapes.name, least=1),
        "seeds": shapes.whole(1),
        "asked": shapes.table(shapes.table(shapes.whole(0), shapes.name), shapes.name),
    },
    {
        "identity": shapes.table(shapes.anything),
        "task_files": shapes.table(
            shapes.fields({"task": shapes.line, "sha256": shapes.sha256}), shapes.name
        ),
        "method_files": shapes.table(METHOD_FILE, shapes.name),
    },
)


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
    folder: Path, name: str, config: StudyConfig, tasks: Mapping[str, Task]
) -> dict[str, Any]:
    """Write study.json, merged with what was asked for in ``folder`` before, and return it.

    ``asked`` holds, for each task and method, for how many seeds it was ever asked for: asking for
    grid with 3 seeds and then for bohb with 10 does not leave seven cells of grid missing.
    ``task_files``, where there are tasks of the user's own, says by name where each was and the
    sha256 of its file.

    Raises:
        StudyError: study.json is damaged, of a newer version or of another study, or a task's data
            have changed.
    """
    path = folder / STUDY_FILE
    old = _read(path) or {}
    if old and old["id"] != config.id:
        raise StudyError(f"{path}: belongs to study {old['id']}, not {config.id}; use fresh=True")
    for task_name, task in tasks.items():
        before = old.get("tasks", {}).get(task_name, {}).get("data")
        if before not in (None, task.data_sha256):
            raise StudyError(f"{path}: {task_name} was run on other data; use fresh=True")
    if old.get("identity", config.identity()) != config.identity():
        raise StudyError(f"{path}: its identity is not that of study {config.id}; use fresh=True")
    given = _tasks_given(old, config)
    methods_given = _methods_given(old, config)
    methods = list(methods_given)
    seeds = max(old.get("seeds", 0), config.seeds)
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
        "asked": _asked(old.get("asked", {}), config, list(given), methods),
    }
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
    return study


def read_study(folder: Path) -> dict[str, Any]:
    """study.json of a folder.

    Raises:
        UsageError: there is no study in this folder.
        StudyError: study.json is damaged or of a newer version.
    """
    study = _read(folder / STUDY_FILE)
    if study is None:
        raise UsageError(f"{folder}: no study here; give the folder that holds {STUDY_FILE}")
    return study


def check_study(study: Mapping[str, Any]) -> None:
    """Raise ValueError, which names the key, for what cannot be a study.json."""
    _STUDY(study, "")
    asked, tasks = study["asked"], study["tasks"]
    identity = study.get("identity")
    if identity is not None and identity_id(identity) != study["id"]:
        raise ValueError(f"its identity is not that of study {study['id']}")
    for name in [*asked, *study.get("task_files", {})]:
        if name not in tasks:
            raise ValueError(f"{name} is asked for, and not among its tasks")
    for name in study.get("method_files", {}):
        if name not in study["methods"]:
            raise ValueError(f"{name} has a file, and is not among its methods")
    for methods in asked.values():
        if unknown := [name for name in methods if name not in study["methods"]]:
            raise ValueError(f"{unknown[0]} is asked for, and not among its methods")
    for name, task in tasks.items():
        costs = task.get("costs", [task["top"]])
        if costs != sorted(set(costs)) or costs[-1] != task["top"]:
            raise ValueError(f"tasks.{name}: its costs do not rise to its top, {task['top']}")
    cells = sum(seeds for methods in asked.values() for seeds in methods.values())
    if cells > MOST_CELLS:
        raise ValueError(f"asks for {cells:,} cells; no more than {MOST_CELLS:,} are read")


def asked_cells(study: Mapping[str, Any]) -> list[Cell]:
    """All cells that were ever asked for, by task, method and seed."""
    return [
        Cell(task, method, seed)
        for task, methods in study["asked"].items()
        for method, seeds in methods.items()
        for seed in range(seeds)
    ]


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


def _read(path: Path) -> dict[str, Any] | None:
    """A study.json, or None where there is none."""
    advice = advice_of(path.parent)
    try:
        study = read_json(path)
        check_study(study)
    except FileNotFoundError:
        return None
    except ValueError as why:
        raise StudyError(f"{path}: damaged: {why}; {advice}") from None
    told = Told(study, str(path), advice)
    told["config"] = Told(study["config"], f"{path}: config", advice)
    told["tasks"] = {
        name: Told(task, f"{path}: tasks.{name}", advice) for name, task in study["tasks"].items()
    }
    return told


def advice_of(folder: Path) -> str:
    """What to do about a damaged study.json."""
    if is_packed(folder):
        return PACK_AGAIN
    return "remove it and run the same command again: finished cells are kept"


PACK_AGAIN = "restore the packed study from git, or pack it again"
"""What to do about a damaged file of a packed study."""


def is_packed(folder: Path) -> bool:
    """Whether the study in ``folder`` is packed."""
    return any((folder / name).exists() for name in (PACKED_RECORDS, SUMS_FILE))


def _tasks_given(old: Mapping[str, Any], config: StudyConfig) -> dict[str, str]:
    """All tasks by name, those that were asked for before first, as they are given."""
    # by name: a user's file may be where it was not before
    names = {file["task"]: name for name, file in old.get("task_files", {}).items()}
    before = {names.get(given, given): given for given in old.get("config", {}).get("task", ())}
    return {**before, **dict(zip(config.task_names, config.tasks, strict=True))}


def _methods_given(old: Mapping[str, Any], config: StudyConfig) -> dict[str, str]:
    """All methods by name, those that were asked for before first, as they are given."""
    names = {file["method"]: name for name, file in old.get("method_files", {}).items()}
    before = {names.get(given, given): given for given in old.get("config", {}).get("methods", ())}
    now = dict(zip(config.method_names, config.methods, strict=True))
    return {**dict.fromkeys(old.get("methods", ()), ""), **before, **now}


def _asked(
    old: Mapping[str, Mapping[str, int]],
    config: StudyConfig,
    tasks: Iterable[str],
    methods: Iterable[str],
) -> dict[str, dict[str, int]]:
    """Seeds asked for by task and method, in the order of ``tasks`` and ``methods``."""

    def seeds(task: str, method: str) -> int:
        now = config.seeds if task in config.task_names and method in config.method_names else 0
        return max(now, old.get(task, {}).get(method, 0))

    return {task: {method: n for method in methods if (n := seeds(task, method))} for task in tasks}


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
