"""A study's folder, and study.json: all that was ever asked for in it."""

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bohb_study.columns import SCHEMA_VERSION
from bohb_study.errors import StudyError, UsageError
from bohb_study.store.files import json_bytes, read_json, replace_files
from bohb_study.study import Cell, StudyConfig
from bohb_study.tasks import Task
from bohb_study.tasks.fingerprints import describe_space

STUDY_FILE = "study.json"

_KEYS = {"name", "id", "config", "tasks", "methods", "seeds", "asked"}


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
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from error
    return newest


def newest_folder(out: Path, name: str, study_id: str) -> Path | None:
    """The folder that a plain run would continue; None where there is none. Writes nothing.

    Raises:
        UsageError: the name is no plain file name, or the output folder cannot be read.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}", name):
        raise UsageError(
            f"--name {name!r}: must be a plain file name of at most 100 letters, digits and _ . + -"
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
        raise StudyError(f"{path}: belongs to study {old['id']}, not {config.id}; use --fresh")
    for task_name, task in tasks.items():
        before = old.get("tasks", {}).get(task_name, {}).get("data")
        if before not in (None, task.data_sha256):
            raise StudyError(f"{path}: {task_name} was run on other data; use --fresh")
    merged = _merge(old, config) if old else config
    study = {
        "schema": SCHEMA_VERSION,
        "name": name,
        "id": config.id,
        "config": merged.to_json(),
        "tasks": {**old.get("tasks", {}), **{n: _describe(task) for n, task in tasks.items()}},
        "methods": list(merged.methods),
        "seeds": merged.seeds,
        "asked": _asked(old.get("asked", {}), config, merged),
    }
    if config.own_tasks:
        study["task_files"] = {
            name: {"task": own.given, "sha256": own.sha256}
            for name, own in config.own_tasks.items()
        }
    replace_files({path: json_bytes(study)})
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
        raise UsageError(f"--out {out}: cannot be read: {error.strerror}") from error
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
    try:
        study = read_json(path)
        if lacking := _KEYS - study.keys():
            raise ValueError(f"lacks {', '.join(sorted(lacking))}")
    except FileNotFoundError:
        return None
    except ValueError as why:
        raise StudyError(
            f"{path}: {why}; remove it and run the same command again: finished cells are kept"
        ) from None
    return study


def _merge(study: Mapping[str, Any], config: StudyConfig) -> StudyConfig:
    """``config`` with the tasks, methods and seeds that were asked for before."""
    old = study["config"]
    # by name: a user's file may be where it was not before
    names = {file["task"]: name for name, file in study.get("task_files", {}).items()}
    before = {names.get(given, given): given for given in old["task"]}
    tasks = {**before, **dict(zip(config.task_names, config.task, strict=True))}
    return replace(
        config,
        task=tuple(tasks.values()),
        methods=_union(old["methods"], config.methods),
        seeds=max(old["seeds"], config.seeds),
    )


def _union(old: Iterable[str], new: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*old, *new]))


def _asked(
    old: Mapping[str, Mapping[str, int]], config: StudyConfig, merged: StudyConfig
) -> dict[str, dict[str, int]]:
    """Seeds asked for by task and method, in the order of ``merged``."""

    def seeds(task: str, method: str) -> int:
        now = config.seeds if task in config.task_names and method in config.methods else 0
        return max(now, old.get(task, {}).get(method, 0))

    return {
        task: {method: n for method in merged.methods if (n := seeds(task, method))}
        for task in merged.task_names
    }


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
