"""finals.json: the results of the final configurations, retrained.

These trainings are off the ledger: no method is charged for them, and they choose nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from bohb_study.schema import CELL, EXTRA, present_method
from bohb_study.seeding import Config, config_id
from bohb_study.store import shapes
from bohb_study.store.sidecars.sidecar import Sidecar
from bohb_study.study import Cell
from bohb_study.tasks.base import Status

FINALS_FILE = "finals.json"
COLUMNS = (*CELL, "kind", "repeat", "config_id", "val_loss", "test_loss", "status", "seconds")
"""Columns of ``finals_frame``; the task's further measurements follow as ``extra.<name>``."""

TrainingKind = Literal["retrained", "all data"]
"""Retrained on the cell's own split, or refit once on all training data."""


_TRAINING = shapes.fields(
    {
        "task": shapes.name,
        "method": shapes.name,
        "seed": shapes.whole(0),
        "kind": shapes.one_of(get_args(TrainingKind)),
        "repeat": shapes.whole(0),
        "config_id": shapes.line,
        "config": shapes.table(shapes.anything),
        "val_loss": shapes.nullable(shapes.number),
        "test_loss": shapes.nullable(shapes.number),
        "status": shapes.one_of(get_args(Status)),
        "seconds": shapes.number,
        "extra": shapes.table(shapes.nullable(shapes.number), shapes.line),
        "message": shapes.text,
        "run": shapes.whole(0),
    }
)
_FINALS = shapes.fields(
    {
        "runs": shapes.array(shapes.table(shapes.anything)),
        "trainings": shapes.array(_TRAINING),
    }
)
_FINALS_JSON = Sidecar(
    FINALS_FILE,
    _FINALS,
    "remove it and run the same command again: the trainings of the final configurations are "
    "repeated, all else is kept",
)


@dataclass(frozen=True)
class Training(Cell):
    """One more training of the configuration that a cell chose."""

    kind: TrainingKind
    repeat: int
    """Number of the repetition, from 0; draws the training's seed."""

    def __str__(self) -> str:
        """The cell, the kind and the number: ``task/method/seed, retrained 0``."""
        return f"{super().__str__()}, {self.kind} {self.repeat}"


@dataclass(frozen=True)
class Final:
    """A training and its result."""

    training: Training
    config: Config
    val_loss: float
    """Of a refit it is measured on the test part, so that it says nothing. NaN without a result."""
    test_loss: float
    """NaN without a result, and where it is not defined."""
    status: Status
    seconds: float
    """Measured; decides nothing."""
    extra: Mapping[str, float | None] = field(default_factory=dict)
    """Further measurements; None where there is none."""
    message: str = ""
    """Why it failed, in one line."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Code hash, versions, git commit and host of the run that it was trained in."""

    @property
    def config_id(self) -> str:
        """The hash that names the configuration."""
        return config_id(self.config)


def write_finals(folder: Path, study_id: str, finals: Sequence[Final]) -> None:
    """Write finals.json of the study in ``folder``, all trainings at once.

    Raises:
        StudyError: the disk is full or the file cannot be written; what existed is untouched.
    """
    _FINALS_JSON.write(folder, study_id, _json_of(finals))


def finals_bytes(study_id: str, finals: Sequence[Final]) -> bytes:
    """finals.json of a study as it is stored."""
    return _FINALS_JSON.content(study_id, _json_of(finals))


def read_finals(folder: Path, study_id: str) -> list[Final]:
    """The trainings of finals.json, in the order written; none where there is no such file.

    Raises:
        StudyError: it is damaged, of a newer version, or of another study.
    """
    return _FINALS_JSON.read(folder, study_id, _finals_of) or []


def finals_frame(finals: Sequence[Final]) -> pd.DataFrame:
    """One row a training, as analysis reads it: ``COLUMNS``, then ``extra.<name>``."""
    rows = [
        {
            **{name: getattr(final.training, name) for name in (*CELL, "kind", "repeat")},
            **{name: getattr(final, name) for name in COLUMNS[len(CELL) + 2 :]},
            **{EXTRA + name: value for name, value in final.extra.items()},
        }
        for final in finals
    ]
    extra = dict.fromkeys(name for row in rows for name in row if name.startswith(EXTRA))
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *extra])
    return frame.astype({"seed": "int64", "repeat": "int64"} | dict.fromkeys(extra, "float64"))


def _json_of(finals: Sequence[Final]) -> dict[str, Any]:
    runs: list[Mapping[str, Any]] = []
    for final in finals:
        if final.run not in runs:
            runs.append(final.run)
    return {
        "runs": [dict(run) for run in runs],
        "trainings": [_to_json(final, runs) for final in finals],
    }


def _to_json(final: Final, runs: list[Mapping[str, Any]]) -> dict[str, Any]:
    training = final.training
    return {
        **{name: getattr(training, name) for name in (*CELL, "kind", "repeat")},
        "config_id": final.config_id,
        "config": final.config,
        "val_loss": _known(final.val_loss),
        "test_loss": _known(final.test_loss),
        "extra": dict(final.extra),
        "status": final.status,
        "message": final.message,
        "seconds": round(final.seconds, 3),
        "run": runs.index(final.run),
    }


def _known(loss: float) -> float | None:
    """A loss as JSON can hold it: null where it is not finite."""
    return loss if math.isfinite(loss) else None


def _finals_of(stored: Mapping[str, Any]) -> list[Final]:
    return [_from_json(row, stored["runs"], stored["schema"]) for row in stored["trainings"]]


def _from_json(row: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], schema: int) -> Final:
    method = present_method(row["method"], schema)
    training = Training(row["task"], method, row["seed"], row["kind"], row["repeat"])
    if row["run"] >= len(runs):
        raise ValueError(f"{training}: there is no run {row['run']}")
    names = ("config", "status", "seconds", "extra", "message")
    # before schema 2 a number of the task's stood for the losses of a training without a result
    none = row["status"] != "ok"
    losses: dict[str, Any] = {
        name: math.nan if none or row[name] is None else row[name]
        for name in ("val_loss", "test_loss")
    }
    values = {name: row[name] for name in names}
    final = Final(training, **losses, **values, run=runs[row["run"]])
    try:
        found = final.config_id
    except TypeError as why:
        raise ValueError(f"{training}: {why}") from None
    if found != row["config_id"]:
        raise ValueError(f"{training}: its configuration is not {row['config_id']}")
    return final
