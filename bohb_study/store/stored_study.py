"""study.json, checked once and typed: all that was ever asked for in a study's folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError, UsageError
from bohb_study.schema import present_method
from bohb_study.store.method_facts import StoredMethod, stored_methods
from bohb_study.store.names import PACK_AGAIN, STUDY_FILE, is_packed
from bohb_study.store.sealed import read_json
from bohb_study.store.study_shape import check_study
from bohb_study.study import Cell
from bohb_study.tasks import Ladder

Space = Mapping[str, Mapping[str, Any]]
"""A search space as ``tasks.fingerprints.describe_space`` gives it."""


class DamagedError(StudyError):
    """A study.json that is not as it was written."""


@dataclass(frozen=True)
class StoredTask:
    """What study.json says of a task; None where an early version did not say it."""

    unit: str
    """What the budget counts, in the singular."""
    top: int
    """Units of one full evaluation."""
    val_metric: str
    test_metric: str
    optimum: float | None = None
    """Lowest possible noise-free loss, where known."""
    costs: tuple[int, ...] = ()
    """Units of each rung, the top last."""
    eta: int | None = None
    curve: bool | None = None
    resumable: bool | None = None
    summary: str = ""
    data: str | None = None
    """sha256 of its data; None where it has none."""
    only_engine: str | None = None
    space: Space | None = None
    """The search space of seed 0."""


@dataclass(frozen=True)
class TaskFile:
    """Where a task of the user's own was, and the hash of its file."""

    task: str
    """As it was given: path/to/file.py:NAME."""
    sha256: str


@dataclass(frozen=True)
class StoredConfig:
    """What was asked for, as study.json says it; made a ``StudyConfig`` only where it is run."""

    budget: float
    workers: int
    tasks: tuple[str, ...] = ()
    """Tasks as they were given: names, or path/to/file.py:NAME."""
    methods: tuple[str, ...] = ()
    """Methods as they were given: names, or path/to/file.py:NAME."""
    task_options: tuple[str, ...] = ()
    eta: int | None = None
    json: Mapping[str, Any] = field(default_factory=dict)
    """All of it, for ``StudyConfig.from_json``."""


@dataclass(frozen=True)
class StoredStudy:
    """study.json of a folder, with the names that methods have now."""

    name: str
    id: str
    config: StoredConfig
    tasks: Mapping[str, StoredTask]
    methods: tuple[str, ...]
    seeds: int
    asked: Mapping[str, Mapping[str, int]]
    """Seeds that were asked for, by task and method."""
    identity: Mapping[str, Any] | None = None
    """What the id is the hash of; None where schema 1 did not say it."""
    task_files: Mapping[str, TaskFile] = field(default_factory=dict)
    """The user's own tasks, by name."""
    method_files: Mapping[str, StoredMethod] = field(default_factory=dict)
    """The user's own methods, by name."""
    json: Mapping[str, Any] = field(default_factory=dict)
    """All that the file says, under its own keys."""
    path: Path = field(default=Path(STUDY_FILE), compare=False)
    """Where the file is."""

    @property
    def title(self) -> str:
        """``name-id``, as its folder is called."""
        return f"{self.name}-{self.id}"

    @property
    def tops(self) -> dict[str, int]:
        """Units of one full evaluation by task."""
        return {name: task.top for name, task in self.tasks.items()}

    def ladder(self, name: str) -> Ladder:
        """The ladder of a task as it was run: a task of the user's own may be gone since.

        Raises:
            StudyError: study.json does not say all of it.
        """
        task = self.tasks[name]
        if not task.costs or task.eta is None or task.curve is None or task.resumable is None:
            known = {"costs": task.costs or None, "eta": task.eta, "curve": task.curve}
            what = next((key for key, value in known.items() if value is None), "resumable")
            raise StudyError(
                f"{self.path}: tasks.{name}: does not say {what}; {advice_of(self.path.parent)}"
            )
        return Ladder(task.unit, task.costs, task.eta, task.curve, task.resumable)

    def cells(self) -> list[Cell]:
        """All cells that were ever asked for, by task, method and seed."""
        return [
            Cell(task, method, seed)
            for task, methods in self.asked.items()
            for method, seeds in methods.items()
            for seed in range(seeds)
        ]


def read_study(folder: Path) -> StoredStudy:
    """study.json of a folder.

    Raises:
        UsageError: there is no study in this folder.
        StudyError: study.json is damaged or of a newer version.
    """
    study = find_study(folder)
    if study is None:
        raise UsageError(f"{folder}: no study here; give the folder that holds {STUDY_FILE}")
    return study


def find_study(folder: Path) -> StoredStudy | None:
    """As ``read_study``; None where there is no study.json."""
    path = folder / STUDY_FILE
    try:
        study = read_json(path)
        check_study(study)
    except FileNotFoundError:
        return None
    except ValueError as why:
        raise DamagedError(f"{path}: damaged: {why}; {advice_of(folder)}") from None
    return stored_study(study, path)


def stored_study(study: Mapping[str, Any], path: Path) -> StoredStudy:
    """The typed form of a study.json that ``check_study`` has passed.

    Args:
        study: what the file says.
        path: the file.
    """
    study = _with_present_methods(study)
    config, files = study["config"], study.get("task_files", {})
    return StoredStudy(
        study["name"],
        study["id"],
        StoredConfig(
            config["budget"],
            config["workers"],
            tuple(config.get("task", ())),
            tuple(config.get("methods", ())),
            tuple(config.get("task_option", ())),
            config.get("eta"),
            config,
        ),
        {name: _task(task) for name, task in study["tasks"].items()},
        tuple(study["methods"]),
        study["seeds"],
        study["asked"],
        study.get("identity"),
        {name: TaskFile(file["task"], file["sha256"]) for name, file in files.items()},
        stored_methods(study),
        study,
        path,
    )


def advice_of(folder: Path) -> str:
    """What to do about a damaged study.json."""
    if is_packed(folder):
        return PACK_AGAIN
    return "run the same command again: finished cells are kept"


def _task(task: Mapping[str, Any]) -> StoredTask:
    known = {key: task[key] for key in StoredTask.__dataclass_fields__ if key in task}
    return StoredTask(**{**known, "costs": tuple(task.get("costs", ()))})


def _with_present_methods(study: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = study.get("schema", 1)
    now = {name: present_method(name, schema) for name in study["methods"]}
    if all(name == present for name, present in now.items()):
        return study
    config = dict(study["config"])
    if "methods" in config:
        config["methods"] = [now.get(name, name) for name in config["methods"]]
    return {
        **study,
        "config": config,
        "methods": list(now.values()),
        "asked": {
            task: {now[name]: seeds for name, seeds in methods.items()}
            for task, methods in study["asked"].items()
        },
    }
