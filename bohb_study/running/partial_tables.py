"""What is done of a table that is being made: a line of JSON for each evaluation, kept at once.

An interrupted run leaves the file, and the same command goes on behind it. Its first line says what
is being made; a file of something else is never added to.
"""

import fcntl
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError, UsageError
from bohb_study.files import MOST_BYTES, open_own
from bohb_study.tasks import Report

Place = tuple[int, int]
"""Of an evaluation in a table: configuration of the design, and seed."""


class PartialTable:
    """The evaluations that are done, and the file that holds them."""

    def __init__(self, path: Path, descriptor: int, head: Mapping[str, Any]) -> None:
        """Read what ``descriptor`` holds; begin it where it is empty.

        Args:
            path: of the file, for messages.
            descriptor: of it, for reading and writing.
            head: what is made, as JSON values.

        Raises:
            StudyError: it is of something else, or damaged.
        """
        self._path, self._descriptor = path, descriptor
        self.reports: dict[Place, tuple[Report, ...]] = {}
        whole = 0
        with os.fdopen(os.dup(descriptor), "rb") as file:
            lines = file.read(MOST_BYTES).splitlines(keepends=True)
        if lines and lines[-1][-1:] != b"\n":
            lines.pop()  # was being written when the process ended
        for number, line in enumerate(lines):
            try:
                said = json.loads(line)
                if number:
                    self.reports[int(said["i"]), int(said["seed"])] = _reports(said)
                elif said != head:
                    other = next((k for k in head if said.get(k) != head[k]), "more")
                    raise StudyError(f"{path}: was begun with another {other}; {self._advice}")
            except (ValueError, KeyError, TypeError, AttributeError):
                raise StudyError(f"{path}: damaged in line {number + 1}; {self._advice}") from None
            whole += len(line)
        os.ftruncate(descriptor, whole)
        os.lseek(descriptor, 0, os.SEEK_END)
        if not lines:
            self._write([json.dumps(head, sort_keys=True)])

    @property
    def _advice(self) -> str:
        return "remove it to start over, or name another folder in --out"

    def add(self, found: Mapping[Place, tuple[Report, ...]]) -> None:
        """Keep evaluations; they are on the disk when this returns.

        Raises:
            StudyError: they cannot be written.
        """
        self.reports.update(found)
        self._write(_line(place, reports) for place, reports in found.items())

    def _write(self, lines: Iterable[str]) -> None:
        data = "".join(f"{line}\n" for line in lines).encode()
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise StudyError(f"{self._path}: cannot be written: {error.strerror}") from None


@contextmanager
def partial_table(path: Path, head: Mapping[str, Any]) -> Iterator[PartialTable]:
    """The file at ``path``, made if it is not there, for this process alone.

    Raises:
        UsageError: it cannot be written.
        StudyError: another process writes it, it is of something else, or damaged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_own(path.name, path.parent)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}", "out") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(f"{path}: is being written by another process") from None
        yield PartialTable(path, descriptor, head)
    finally:
        os.close(descriptor)


def _line(place: Place, reports: tuple[Report, ...]) -> str:
    rungs = [
        [_number(one.val_loss), _number(one.test_loss), one.seconds, one.units, one.status]
        for one in reports
    ]
    why = next((one.message for one in reports if one.message), "")
    return json.dumps({"i": place[0], "seed": place[1], "rungs": rungs, "why": why})


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _reports(said: Mapping[str, Any]) -> tuple[Report, ...]:
    return tuple(
        Report(
            val_loss=math.nan if val is None else float(val),
            test_loss=math.nan if test is None else float(test),
            seconds=float(seconds),
            units=int(units),
            status=status,
            message=said["why"] if status != "ok" else "",
        )
        for val, test, seconds, units, status in said["rungs"]
    )
