"""Two small tasks, and studies on disk made of rows such as engines write."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import pytest
from ConfigSpace import ConfigurationSpace

from bohb_study.schema import build_frame
from bohb_study.store import study_folder, write_cell, write_study
from bohb_study.study import Cell, StudyConfig
from bohb_study.tasks import TASKS, Ladder, Task

KINDS = {
    "curvy": {"lr": "float", "layers": "int", "optimizer": "str", "nesterov": "bool"},
    "rungs": {"x": "float", "layers": "int"},
    "mixed": {"lr": "str", "layers": "float"},
}
"""Hyperparameters of each task; "mixed" has namesakes of other kinds."""
EXTRA = {"curvy": ["weights"], "rungs": [], "mixed": []}


class Toy(Task):
    name: ClassVar[str] = "curvy"
    summary = "a task with a curve"
    val_metric = "error"
    test_metric = "error"
    optimum = 0.0
    grid_order = ("lr",)

    @property
    def own_ladder(self) -> Ladder:
        return Ladder("epoch", (1, 3, 9), eta=3, curve=True, resumable=True)

    def space(self, seed: int) -> ConfigurationSpace:
        return ConfigurationSpace({"lr": (0.0, 1.0)}, seed=seed)

    def start(self, config: Any, seed: int) -> Any:
        raise NotImplementedError

    def duration(self, config: Any, start: int, end: int) -> float:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _toy_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("toy_tasks")
    for name in KINDS:
        setattr(module, name, type(name, (Toy,), {"name": name}))
        monkeypatch.setitem(TASKS, name, f"toy_tasks:{name}")
    monkeypatch.setitem(sys.modules, "toy_tasks", module)


def make_frame(cell: Cell, reports: int = 6) -> pd.DataFrame:
    """A cell's rows with every type and an NA in every column that may hold one."""
    values = {"float": 0.1 + 0.2, "int": 2**53 + 1, "str": "sgd, näive", "bool": True}
    rows = [
        {
            "task": cell.task,
            "method": cell.method,
            "seed": cell.seed,
            "seq": i,
            "trial": i // 2,
            "config_id": f"{i // 2:012x}",
            "level": i % 2 + 1,
            "units": 1,
            "units_restart": i % 2 + 1,
            "units_total": i + 1,
            "full_evals": (i + 1) / 9,
            "bracket": 0 if i % 3 else None,
            "rung": i % 2 or None,
            "decision": "end" if i == reports - 1 else "continue",
            "model_based": i % 2 == 0 if i else None,
            "val_loss": (1 + cell.seed) / (i + 3),
            "test_loss": 1 / 3,
            "true_loss": 1e-300 if i % 2 else None,
            "status": "ok",
            "train_seconds": 0.01,
            "search_seconds": 0.001,
            "virtual_seconds": None,
            **{f"extra.{name}": float(i) for name in EXTRA[cell.task]},
            **{
                f"hp.{name}": values[kind] if i % 2 else None
                for name, kind in KINDS[cell.task].items()
            },
        }
        for i in range(reports)
    ]
    return build_frame(rows, KINDS[cell.task], EXTRA[cell.task])


LEDGER = {
    **dict.fromkeys(("allowed", "charged", "executed"), 6),
    "unspent": 0,
    "refused": 1,
    "ended": "budget",
}


def record_of(config: StudyConfig) -> dict[str, Any]:
    """What the runner says of a cell's study."""
    of = {"study": config.id, "identity": config.identity(), "config": config.to_json()}
    return {**of, "ledger": LEDGER, "host": "here"}


@pytest.fixture
def frame_of() -> Callable[..., pd.DataFrame]:
    return make_frame


@pytest.fixture
def cell() -> Cell:
    return Cell("curvy", "random", 0)


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Path]:
    """Writes a finished study of the given tasks and returns its folder."""

    def make(*tasks: str) -> Path:
        config = StudyConfig(tasks=tasks, methods=("random", "asha"), budget=2, seeds=2)
        folder = study_folder(tmp_path / "results", "compare", config.id, fresh=False)
        write_study(folder, "compare", config, config.resolve().tasks)
        for one in config.cells():
            write_cell(folder, one, make_frame(one), record_of(config))
        return folder

    return make


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """``after(n)`` lets n calls of fsync through; every later one finds the disk full."""
    left = {"calls": 10**9}
    real = os.fsync

    def fsync(descriptor: int) -> None:
        left["calls"] -= 1
        if left["calls"] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    return SimpleNamespace(after=lambda n: left.update(calls=n))
