"""A stored study as it can be run again exactly: ``compare --from``."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError, UsageError
from bohb_study.identity import cell_parts, differences
from bohb_study.methods.user.user_method import read_own_method
from bohb_study.numerics import missing
from bohb_study.running.provenance import packages
from bohb_study.store import StoredStudy, read_study
from bohb_study.store.code_file import read_code
from bohb_study.store.method_facts import StoredMethod
from bohb_study.store.names import STUDY_FILE
from bohb_study.store.stored_study import TaskFile
from bohb_study.study import StudyConfig
from bohb_study.tasks.user.own_file import OwnFile
from bohb_study.tasks.user.user_task import read_own

_NAMED = 3
"""At most so many differences are named in one line."""


@dataclass(frozen=True)
class SameAgain:
    """A stored study that gives the same rows here."""

    config: StudyConfig
    asked: Mapping[str, Mapping[str, int]]
    """Seeds that it was asked for, by task and method."""
    notes: list[str]
    """What differs without deciding a row, a line each."""


def config_from(path: Path, *, trust: bool = False) -> SameAgain:
    """A stored study as it can be run again.

    Args:
        path: its study.json, or its folder.
        trust: the user's files that it names may be executed, where they are unchanged.

    Raises:
        UsageError: there is no such study, a file is not trusted, or code, versions, data or
            numerics are not those that it was run with: names the first differences, and how to
            get what there was.
    """
    folder = path.parent if path.name == STUDY_FILE else path
    try:
        stored = read_study(folder)
    except StudyError as error:
        raise UsageError(str(error), "from") from None
    if not trust and (files := [*stored.task_files.values(), *stored.method_files.values()]):
        names = ", ".join(str(getattr(one, "task", getattr(one, "method", ""))) for one in files)
        raise UsageError(f"{path}: would execute {names}; trust=True allows it", "from")
    for file, own in _own_files(stored):
        if file.sha256 != own.sha256:  # before anything of it is executed
            raise UsageError(
                f"{path}: {own.given} is not the file that it was run with: its sha256 is "
                f"{own.sha256[:16]}, was {file.sha256[:16]}",
                "from",
            )
    config = StudyConfig.from_json(stored.config.json, trust=trust)
    if config.id != stored.id:
        raise UsageError(
            f"{path}: its files or data are not those that it was run with: study {stored.id} "
            f"would be {config.id} here",
            "from",
        )
    if different := [*_data(stored, config), *_code(stored, config)]:
        more = f" and {len(different) - _NAMED} more" if len(different) > _NAMED else ""
        raise UsageError(
            f"{path}: would give other rows here: {'; '.join(different[:_NAMED])}{more}; "
            f"{_how_to_get(stored)}",
            "from",
        )
    return SameAgain(config, stored.asked, list(_harmless(stored)))


def _own_files(stored: StoredStudy) -> Iterator[tuple[TaskFile | StoredMethod, OwnFile]]:
    for task in stored.task_files.values():
        yield task, read_own(task.task)
    for method in stored.method_files.values():
        yield method, read_own_method(method.method)


def _data(stored: StoredStudy, config: StudyConfig) -> Iterator[str]:
    tasks = config.resolve().tasks
    for name, task in stored.tasks.items():
        if name in tasks and task.data not in (None, tasks[name].data_sha256):
            yield f"data of {name}"
    if config.numerics == "portable" and (why := missing()):
        yield f"numerics: {why}"


def _code(stored: StoredStudy, config: StudyConfig) -> list[str]:
    """How the code that decides its rows differs from the code here."""
    then = read_code(stored.path.parent)
    if then is None:
        return ["its code was not recorded"]
    here: dict[str, str] = {}
    for task in config.task_names:
        for method in config.method_names:
            for engine in ("virtual", "tune"):
                here |= cell_parts(
                    task, method, engine, config.source(task), config.method_source(method)
                )
    return differences({name: text for name, text in then.items() if name in here}, here)


def _how_to_get(stored: StoredStudy) -> str:
    run: Mapping[str, Any] = next(iter(stored.json.get("runs", ())), {})
    commit = run.get("git", {}).get("commit")
    if not commit:
        return "its commit was not recorded"
    said = f"it was run at commit {commit}"
    if run["diff"]:
        said += f" with changes (sha256 {run['diff']['sha256'][:8]}, kept in study.json)"
    return said


def _harmless(stored: StoredStudy) -> Iterator[str]:
    """What differs of packages and machine, and decides no row."""
    run = next(iter(stored.json.get("runs", ())), None)
    if run is None:
        return
    if other := differences(run["packages"], packages()):
        more = f" and {len(other) - _NAMED} more" if len(other) > _NAMED else ""
        yield f"packages that decide no row differ: {'; '.join(other[:_NAMED])}{more}"
    version = sys.version.partition(" ")[0]
    if run["python"] != version:
        yield f"Python was {run['python']}, is {version}"
