"""heartbeat.json: how far a study was when its command last said so, and how that ended."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError
from bohb_study.store import shapes
from bohb_study.store.sidecars.sidecar import Sidecar

HEARTBEAT_FILE = "heartbeat.json"
ENDS = ("finished", "failed", "interrupted")
"""How a command ends that is not killed; ``failed``: with an error of its own."""

_CELL = shapes.fields(
    {
        "cell": shapes.line,
        "done": shapes.whole(0),
        "allowed": shapes.whole(0),
        "best": shapes.nullable(shapes.number),
        "seconds": shapes.number,
    }
)
_HEARTBEAT = shapes.fields(
    {
        "process": shapes.whole(1),
        "host": shapes.line,
        "began": shapes.line,
        "written": shapes.line,
        "seconds": shapes.number,
        "cells": shapes.whole(0),
        "done": shapes.whole(0),
        "failed": shapes.whole(0),
        "seconds_left": shapes.nullable(shapes.number),
        "running": shapes.array(_CELL),
        "end": shapes.nullable(shapes.one_of(ENDS)),
        "command": shapes.line,
    }
)
_FILE = Sidecar(HEARTBEAT_FILE, _HEARTBEAT, "remove it: it is made again while the study runs")


@dataclass(frozen=True)
class RunningCell:
    """A cell that was running."""

    cell: str
    """``task/method/seed``."""
    done: int
    """Units charged so far."""
    allowed: int
    best: float | None
    """Lowest validation loss so far."""
    seconds: float
    """Since it began."""


@dataclass(frozen=True)
class Heartbeat:
    """How far a study was."""

    process: int
    host: str
    began: str
    """As the clock said, in UTC; durations are measured by another one."""
    written: str
    seconds: float
    """Since the command began."""
    cells: int
    """That were asked for."""
    done: int
    failed: int
    seconds_left: float | None
    """Until all are done, at the pace so far; None where nothing can be said."""
    running: tuple[RunningCell, ...]
    end: str | None
    """One of ``ENDS``; None where the command had not ended."""
    command: str
    """What goes on with it."""


def write_heartbeat(folder: Path, study_id: str, heartbeat: Heartbeat) -> None:
    """Write heartbeat.json; where that is not possible, nothing happens: no row depends on it."""
    with suppress(StudyError):
        _FILE.write(folder, study_id, asdict(heartbeat))


def read_heartbeat(folder: Path, study_id: str) -> Heartbeat | None:
    """The last heartbeat of a study; None where there is none.

    Raises:
        StudyError: it is damaged, of a newer version, or of another study.
    """
    return _FILE.read(folder, study_id, _heartbeat)


def _heartbeat(stored: Mapping[str, Any]) -> Heartbeat:
    own = {key: value for key, value in stored.items() if key not in ("schema", "study")}
    running = tuple(RunningCell(**cell) for cell in own.pop("running"))
    return Heartbeat(**own, running=running)
