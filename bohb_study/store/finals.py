"""finals.json: what became of the final configurations when they were trained once more.

These trainings are off the ledger: no method is charged for them, and they choose nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from bohb_study.columns import CELL, EXTRA, SCHEMA_VERSION
from bohb_study.errors import StudyError
from bohb_study.seeding import Config, config_id
from bohb_study.store.files import json_bytes, read_json, replace_files
from bohb_study.study import Cell
from bohb_study.tasks.base import Status

FINALS_FILE = "finals.json"
COLUMNS = (*CELL, "kind", "repeat", "config_id", "val_loss", "test_loss", "status", "seconds")
"""Columns of ``finals_frame``; the task's further measurements follow as ``extra.<name>``."""

Kind = Literal["retrained", "all data"]
"""Trained again on the cell's own split, or once on all data but the test part."""


@dataclass(frozen=True)
class Training(Cell):
    """One training more of the configuration that a cell chose."""

    kind: Kind
    repeat: int
    """Number of the repetition, from 0; draws the training's seed."""

    def __str__(self) -> str:
        """``task/method/seed, retrained 0``."""
        return f"{super().__str__()}, {self.kind} {self.repeat}"


@dataclass(frozen=True)
class Final:
    """A training and what came of it."""

    training: Training
    config: Config
    val_loss: float
    """On all data measured on the test part, so that it says nothing. NaN without a result."""
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
        """Names the configuration."""
        return config_id(self.config)


def write_finals(folder: Path, study_id: str, finals: Sequence[Final]) -> None:
    """Write finals.json of the study in ``folder``, all trainings at once.

    Raises:
        StudyError: the disk is full or the file cannot be written; what existed is untouched.
    """
    replace_files({folder / FINALS_FILE: finals_bytes(study_id, finals)})


def finals_bytes(study_id: str, finals: Sequence[Final]) -> bytes:
    """finals.json of a study as it is stored."""
    runs: list[Mapping[str, Any]] = []
    for final in finals:
        if final.run not in runs:
            runs.append(final.run)
    return json_bytes(
        {
            "schema": SCHEMA_VERSION,
            "study": study_id,
            "runs": [dict(run) for run in runs],
            "trainings": [_to_json(final, runs) for final in finals],
        }
    )


def read_finals(folder: Path, study_id: str) -> list[Final]:
    """The trainings of finals.json, in the order written; none where there is no such file.

    Raises:
        StudyError: it is damaged, of a newer version, or of another study.
    """
    path = folder / FINALS_FILE
    try:
        stored = read_json(path)
        if stored["study"] != study_id:
            raise ValueError(f"belongs to study {stored['study']}, not {study_id}")
        return [_from_json(row, stored["runs"]) for row in stored["trainings"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, IndexError) as why:
        raise StudyError(
            f"{path}: damaged: {why}; remove it and run the same command again: the trainings of "
            "the final configurations are repeated, all else is kept"
        ) from None


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
    """A loss as JSON has it."""
    return loss if math.isfinite(loss) else None


def _from_json(row: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> Final:
    training = Training(*(row[name] for name in (*CELL, "kind", "repeat")))
    if training.kind not in get_args(Kind) or row["status"] not in get_args(Status):
        raise ValueError(f"{training}: unknown kind or status {row['status']!r}")
    names = ("config", "status", "seconds", "extra", "message")
    # before schema 2 a number of the task's stood for the losses of a training without a result
    none = row["status"] != "ok"
    losses: dict[str, Any] = {
        name: math.nan if none or row[name] is None else row[name]
        for name in ("val_loss", "test_loss")
    }
    values = {name: row[name] for name in names}
    final = Final(training, **losses, **values, run=runs[row["run"]])
    if final.config_id != row["config_id"]:
        raise ValueError(f"{training}: its configuration is not {row['config_id']}")
    return final
