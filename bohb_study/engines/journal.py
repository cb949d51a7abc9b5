"""The journal of a cell: each report is on disk before it counts, so a killed cell can go on.

A file of records, one a line, that is only ever appended to. Each line begins with a hash over all
records up to it, so what a crash has cut off or damaged is seen, and left away from there on. The
first record says what the reports depend on: a journal of other code, another study or another
machine's numerics is refused and kept.

Nothing of a journal is executed: records are JSON, columns of numbers and states are raw bytes
(``plain_data``).
"""

import fcntl
import hashlib
import json
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

from bohb_study.engines.journal_place import JournalPlace
from bohb_study.errors import StudyError
from bohb_study.files import open_own, opened_folder
from bohb_study.tasks.base import Report

FORMAT = 1
SYNC_SECONDS = 1.0
"""After which a record is on the disk at the latest."""
LOCK_SECONDS = 120.0
"""How long a process of the run before may take to end, or a file server to see that its machine is
gone."""
MOST_LINE = 2**20
"""Bytes of a record's text."""
MOST_COLUMNS = 2**28
"""Bytes of the columns of one block."""
MOST_BYTES = 2 * 2**30
"""Of a journal; what comes after is not recorded, and would be computed again."""
_HASH = 16
"""Hexadecimal digits of a record's hash."""


class Entry(NamedTuple):
    """A recorded report."""

    trial: str
    config: str
    """``config_id`` of its configuration."""
    level: int
    units: int
    """Charged for the step."""
    report: Report
    limited: bool = False
    """Whether its step was ended from outside: it took too long, say."""


class Step(NamedTuple):
    """A step that was begun."""

    trial: str
    config: str
    level: int
    units: int


class Journal:
    """The journal of one cell, open: its reports are read first, then others are added.

    No error of the disk ends a cell: where nothing can be added any more, ``broken`` says why.
    """

    def __init__(self, place: JournalPlace, own: Mapping[str, Any] | None = None) -> None:
        """Open it, or begin one.

        Args:
            place: where it is.
            own: what its reports depend on beside ``place.head``; None: whatever it says of that.

        Raises:
            StudyError: it is of another cell or study, of other code, or another process has it.
        """
        self.place = place
        self.resumed = 0
        """How often the cell was begun before."""
        self.step: Step | None = None
        """The last one that was begun and has no report, of what was read."""
        self.deaths: list[str] = []
        """How processes ended in that step."""
        self.states: dict[str, tuple[int, str]] = {}
        """Last saved state of a trial: its level, and the sha256 of the file."""
        self.given = 0
        """Recorded reports that were taken."""
        self.limited: set[str] = set()
        """Trials of which a step was ended from outside."""
        self.broken = ""
        self._began = time.monotonic()
        self._chain = b""
        self._sessions = self._session = 0.0
        """Seconds of all runs before but the last one, and of that."""
        self._writes = False
        self.table: Any = None
        """Trials of the blocks, once there is a block."""
        try:
            self._file = os.fdopen(_opened(place), "r+b", buffering=0)
            self._reader = open(os.dup(self._file.fileno()), "rb")  # noqa: SIM115
        except OSError as error:
            raise StudyError(f"cannot open {place.path}: {error.strerror}") from None
        try:
            _open.add(self)
            self._lock()
            self._good = 0
            head = json.loads(json.dumps({"format": FORMAT, **place.head, **(own or {})}))
            self._own = head
            self._entries = self._read(head)
            self._ahead = next(self._entries, None)
        except BaseException:
            self.close()
            raise

    # --- what was recorded ---

    @property
    def before(self) -> float:
        """Seconds that the cell had run before, of what was read."""
        return self._sessions + self._session

    @property
    def replays(self) -> bool:
        """Whether a recorded report is left."""
        return self._ahead is not None

    def next(self) -> Entry:
        """The next recorded report."""
        assert self._ahead is not None
        entry, self._ahead = self._ahead, next(self._entries, None)
        self.given += 1
        if entry.limited:
            self.limited.add(entry.trial)
        return entry

    def check(self, entry: Entry, step: Step) -> None:
        """Raise StudyError where a recorded report is of another step than the cell takes now.

        Args:
            entry: the recorded one.
            step: that is taken; its trial may be empty, where trials have other names at each run.
        """
        here = (step.trial or entry.trial, *step[1:])
        if entry[:4] != here:
            raise StudyError(
                f"{self.place.path}: report {self.given} is of configuration {entry.config[:12]} "
                f"at level {entry.level}, and the cell now takes {step.config} to level "
                f"{step.level}: does the method draw from what no seed decides? Delete the file to "
                "begin the cell again"
            )

    def _read(self, head: Mapping[str, Any]) -> Iterator[Entry]:
        """All recorded reports; at the end the file ends behind the last good record."""
        for number, (record, columns) in enumerate(self._records()):
            if number == 0:
                _check_head(self.place.path, record, head)
                continue
            try:
                yield from self._understood(record, columns)
            except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
                return  # with a hash that holds: nobody's but this program's, or made up

    def _records(self) -> Iterator[tuple[Any, bytes]]:
        """All records whose hashes hold, with their columns."""
        while line := self._reader.readline(MOST_LINE):
            if not line.endswith(b"\n"):
                return
            said, _, text = line[:-1].partition(b" ")
            try:
                record = json.loads(text)
                size = record[2] if isinstance(record, list) and record[0] == "block" else 0
                columns = self._reader.read(size) if 0 < size <= MOST_COLUMNS else b""
            except (ValueError, TypeError, IndexError, KeyError, RecursionError):
                return
            chain = _hashed(self._chain, text, columns)
            if chain[:_HASH].encode() != said or len(columns) != size:
                return
            self._chain = chain.encode()
            self._good += len(line) + len(columns)
            yield record, columns

    def _understood(self, record: Any, columns: bytes) -> Iterator[Entry]:
        kind, *rest = record
        if kind == "began":
            self.resumed += 1
            self._sessions += self._session
            self._session = 0.0
        elif kind == "step":
            trial, config, level, units = rest
            step = Step(str(trial), str(config), int(level), int(units))
            if step != self.step:  # else it was begun once more, in another process
                self.step, self.deaths = step, []
        elif kind == "died":
            self.deaths.append(str(rest[0]))
        elif kind == "state":
            trial, level, sha256 = rest
            self.states[str(trial)] = (int(level), str(sha256))
        elif kind == "report":
            trial, config, level, units, seconds, said, limited = rest
            self._session = max(self._session, float(seconds))
            self.step, self.deaths = None, []
            yield Entry(
                str(trial), str(config), int(level), int(units), _report(said), bool(limited)
            )
        elif kind == "block":
            from bohb_study.engines.journal_blocks import TrialTable, entries  # numpy

            self._session = max(self._session, float(rest[2]))
            self.table = self.table or TrialTable()
            yield from entries(self.table, rest[3], columns)
        else:
            raise ValueError(kind)

    # --- what is added ---

    def add_step(self, step: Step) -> None:
        """A step begins: should its process die, it is known in which step."""
        self._append(["step", *step])

    def add_report(self, step: Step, report: Report, *, limited: bool = False) -> None:
        """A report, before it counts.

        Args:
            step: that it is of.
            report: with finite losses, or none.
            limited: whether its step was ended from outside.
        """
        self._append(["report", *step, self.seconds, _said(report), limited])
        if limited:
            self.limited.add(step.trial)

    def add_state(self, trial: str, level: int, sha256: str) -> None:
        """The state of ``trial`` at ``level`` is in its file, whose hash is ``sha256``."""
        self._append(["state", trial, level, sha256])

    def add_death(self, how: str) -> None:
        """The process of the cell ended in the middle of the last step that was begun."""
        self._append(["died", how])

    def add_block(self, meaning: Mapping[str, Any], columns: bytes) -> None:
        """Many reports at once, as ``journal_blocks`` makes them."""
        if len(columns) <= MOST_COLUMNS:
            self._append(["block", 0, len(columns), self.seconds, meaning], columns)

    @property
    def seconds(self) -> float:
        """Since it was opened."""
        return round(time.monotonic() - self._began, 3)

    def sync(self) -> None:
        """See that all is on the disk soon, without waiting for it."""
        if self._writes:
            self._flusher.now()

    def _append(self, record: Any, columns: bytes = b"") -> None:
        if self.broken:
            return
        try:
            if not self._writes:
                self._begin_writing()
            self._write(record, columns)
        except OSError as error:
            self.broken = error.strerror or str(error)
            with suppress(
                OSError
            ):  # what is half written is cut off, so that all that is left holds
                os.ftruncate(self._file.fileno(), self._good)

    def _begin_writing(self) -> None:
        """Cut off what is no good, and say that the cell has begun."""
        assert self._ahead is None, "recorded reports are left"
        os.ftruncate(self._file.fileno(), self._good)
        os.lseek(self._file.fileno(), self._good, os.SEEK_SET)
        self._writes = True
        self._flusher = _Flusher(self._file.fileno())
        if not self._good:
            self._write(self._own)
        self._write(["began", int(time.time())])

    def _write(self, record: Any, columns: bytes = b"") -> None:
        text = json.dumps(record, separators=(",", ":")).encode()
        chain = _hashed(self._chain, text, columns)
        data = b"%s %s\n%s" % (chain[:_HASH].encode(), text, columns)
        if self._good + len(data) > MOST_BYTES:
            raise OSError(0, f"is larger than {MOST_BYTES / 2**30:g} GiB")
        left = memoryview(data)
        while left:
            left = left[os.write(self._file.fileno(), left) :]
        self._chain = chain.encode()
        self._good += len(data)
        self._flusher.soon()

    # --- its file ---

    def _lock(self) -> None:
        """A cell's process of a run that was killed may take a moment to end."""
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StudyError(
                        f"{self.place.path} is being written by another process"
                    ) from None
                time.sleep(0.1)
            else:
                return

    def close(self) -> None:
        """Flush and close it."""
        _open.discard(self)
        if self._writes:
            self._flusher.close()
        self._reader.close()
        self._file.close()

    def leave(self) -> None:
        """This process is a fork of the one that has it, and would keep others from it."""
        self.broken = "in a fork"
        for file in (self._file, self._reader):
            with suppress(OSError):
                os.close(file.fileno())


_open: WeakSet[Journal] = WeakSet()


def _leave_all() -> None:
    for one in list(_open):
        one.leave()


os.register_at_fork(after_in_child=_leave_all)


class _Flusher:
    """Flushes a file to the disk, a second after it was written to at the latest.

    In a thread, for the disk may take longer than a step of a training does.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written, self._urgent = threading.Event(), threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def soon(self) -> None:
        """Something was written."""
        if not self._written.is_set():
            self._written.set()

    def now(self) -> None:
        """Do not wait for the second to be over."""
        self._urgent.set()

    def close(self) -> None:
        """Flush what is left, and end."""
        self._closed = True
        self._urgent.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._written.wait()
            self._urgent.wait(SYNC_SECONDS)
            self._urgent.clear()
            self._written.clear()
            with suppress(OSError):  # a disk that cannot says so when it is written to
                os.fsync(self._descriptor)


def read_head(place: JournalPlace) -> dict[str, Any] | None:
    """What the journal of a cell says that its reports depend on; None where there is none.

    Raises:
        StudyError: it cannot be read.
    """
    try:
        with opened_folder(place.path.parent, place.within, make=False) as folder:
            descriptor = os.open(
                place.path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder
            )
            with os.fdopen(descriptor, "rb") as file:
                said, _, text = file.readline(MOST_LINE).rstrip(b"\n").partition(b" ")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StudyError(f"cannot open {place.path}: {error.strerror}") from None
    if _hashed(b"", text, b"")[:_HASH].encode() != said:
        return None
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return head if isinstance(head, dict) else None


def check_head(place: JournalPlace) -> None:
    """Raise StudyError, in one line, where the journal of a cell does not fit ``place.head``."""
    head = read_head(place)
    if head is not None:
        wanted = {"format": FORMAT, **place.head}
        _check_head(place.path, head, json.loads(json.dumps(wanted)))


def _check_head(path: Path, said: Any, wanted: Mapping[str, Any]) -> None:
    if not isinstance(said, dict):
        raise StudyError(f"{path}: is no journal; delete it")
    for name, here in wanted.items():
        there = said.get(name)
        if there == here:
            continue
        what = f"{name} {_short(there)}, here {_short(here)}"
        if isinstance(there, dict) and isinstance(here, dict):
            one = next(key for key in {**there, **here} if there.get(key) != here.get(key))
            what = f"{one} {_short(there.get(one))}, here {_short(here.get(one))}"
        raise StudyError(
            f"{path}: the cell was begun with {what}; delete the file to begin it again, or "
            "use fresh=True"
        )


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 20 else f"{text[:8]}..."


def _opened(place: JournalPlace) -> int:
    with opened_folder(place.path.parent, place.within) as folder:
        return open_own(place.path.name, folder)


def _hashed(chain: bytes, text: bytes, columns: bytes) -> str:
    return hashlib.sha256(chain + b"\n" + text + b"\n" + columns).hexdigest()


def _said(report: Report) -> Sequence[Any]:
    extra = {name: _number(value) for name, value in report.extra.items()}
    val, test = _number(report.val_loss), _number(report.test_loss)
    return [val, test, report.seconds, report.units, report.status, extra, report.message]


def _number(value: float) -> float | str:
    """A float as JSON has it; NaN and infinities, which JSON has not, as text."""
    value = float(value)
    return value if math.isfinite(value) else repr(value)


def _report(said: Sequence[Any]) -> Report:
    val, test, seconds, units, status, extra, message = said
    if status not in ("ok", "diverged", "failed"):
        raise ValueError(status)
    further = {str(name): float(value) for name, value in extra.items()}
    return Report(
        float(val), float(test), float(seconds), int(units), status, further, str(message)
    )
