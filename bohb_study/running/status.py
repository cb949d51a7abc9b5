"""How far a stored study is, running or not."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bohb_study.errors import StudyError, UsageError
from bohb_study.numbers import counted, number
from bohb_study.running.progress.tally import duration
from bohb_study.store import Origin, cell_record, cell_state, load_study, read_study
from bohb_study.store.journals import journal_place
from bohb_study.store.locking import Holder, holder
from bohb_study.store.names import STUDY_FILE, is_packed
from bohb_study.store.sidecars.heartbeat_json import Heartbeat, read_heartbeat

SILENT_SECONDS = 60.0
"""After which a study that somebody holds is said to be silent: it beats every ten."""
_SHOWN = 10
"""Cells of a kind that are named."""


@dataclass(frozen=True)
class Status:
    """How far a study is."""

    folder: Path
    title: str
    done: int
    failed: dict[str, str]
    """Cells that have failed or are damaged, with one line each."""
    left: list[str]
    """Cells that were asked for and have not been run."""
    begun: list[str] = field(default_factory=list)
    """Of those, the ones that go on where they were."""
    resumed: int = 0
    """Of those that are done, how many went on after they had been killed."""
    heartbeat: Heartbeat | None = None
    age: float | None = None
    """Seconds since the last heartbeat, as the clocks say."""
    holder: Holder | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def cells(self) -> int:
        """How many were asked for."""
        return self.done + len(self.failed) + len(self.left)

    def to_json(self) -> str:
        """All of it, on one line."""
        return json.dumps({**asdict(self), "folder": str(self.folder)}, allow_nan=False)


def studies_in(folder: Path) -> Iterator[Path]:
    """``folder``, if it is a study's, else those of the studies in it.

    Raises:
        UsageError: there is none.
    """
    if (folder / STUDY_FILE).exists():
        yield folder
        return
    try:
        below = sorted(path for path in folder.iterdir() if (path / STUDY_FILE).exists())
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror}") from None
    if not below:
        raise UsageError(f"{folder}: no study there, nor in the folders in it")
    yield from below


def status_of(folder: Path) -> Status:
    """How far the study in ``folder`` is.

    Raises:
        StudyError: its study.json is damaged, or of a newer version.
    """
    study = read_study(folder)
    if is_packed(folder):
        loaded = load_study(folder, allow_missing=True)
        return Status(folder, study.title, len(loaded.cells), {}, list(loaded.problems))
    origin = Origin(study.id, study.config.json)
    done, resumed, failed, left, begun = 0, 0, {}, [], []
    for cell in study.cells():
        state, why = cell_state(folder, cell, origin)
        if state == "done":
            done += 1
            resumed += bool(cell_record(folder, cell, origin).resumed)
        elif state == "missing":
            left.append(str(cell))
            if journal_place(folder, cell).path.is_file():
                begun.append(str(cell))
        else:
            failed[str(cell)] = why.partition(": ")[2] or why
    problems, heartbeat = [], None
    try:
        heartbeat = read_heartbeat(folder, study.id)
    except StudyError as error:
        problems.append(str(error))
    age = None
    if heartbeat is not None:
        try:
            written = datetime.fromisoformat(heartbeat.written).timestamp()
            age = max(0.0, time.time() - written)
        except (ValueError, OverflowError):
            problems.append(f"{folder}: heartbeat.json says no time")
    held = holder(folder)
    return Status(
        folder, study.title, done, failed, left, begun, resumed, heartbeat, age, held, problems
    )


def lines_of(status: Status) -> Iterator[str]:
    """What a person is told of it."""
    yield f"{status.title}: {status.done:,} of {counted(status.cells, 'cells')} done"
    if status.resumed:
        yield f"  {status.resumed} of them went on after they had been killed"
    yield f"  {_who(status)}"
    beat = status.heartbeat
    if beat is not None and status.holder is not None:
        if beat.seconds_left is not None:
            left = max(0.0, beat.seconds_left - (status.age or 0.0))
            until = datetime.fromtimestamp(time.time() + left, UTC).strftime("%Y-%m-%d %H:%M UTC")
            yield f"  {duration(left)} left at the pace so far: done at about {until}"
        for cell in beat.running:
            best = "none yet" if cell.best is None else number(cell.best, zeros=False)
            yield (
                f"  running {cell.cell}: {cell.done:,} of {counted(cell.allowed, 'units')}, best "
                f"loss {best}, for {duration(cell.seconds)}"
            )
    for cell_name, why in list(status.failed.items())[:_SHOWN]:
        yield f"  failed  {cell_name}: {''.join(c if c.isprintable() else ' ' for c in why)}"
    yield from _more(len(status.failed))
    running = {cell.cell for cell in beat.running} if beat and status.holder else set()
    waiting = [cell for cell in status.left if cell not in running]
    begun = {*status.begun}
    for cell_name in sorted(waiting, key=lambda name: name not in begun)[:_SHOWN]:
        more = ": begun, goes on where it was" if cell_name in begun else ""
        yield f"  left    {cell_name}{more}"
    yield from _more(len(waiting))
    for problem in status.problems:
        yield f"  {problem}"
    if status.holder is None and (status.left or status.failed) and beat is not None:
        yield f"  go on with: {beat.command}"


def _more(count: int) -> Iterator[str]:
    if count > _SHOWN:
        yield f"          and {count - _SHOWN} more"


def _who(status: Status) -> str:
    """Who runs it, or how the last run ended."""
    beat, held = status.heartbeat, status.holder
    ago = "" if status.age is None else f", {duration(status.age)} ago"
    if held is not None:
        who = f"process {held.process} on {held.host}"
        known = "" if held.here else " by its own word"
        if status.age is None:
            return f"being run{known} by {who}"
        silent = (
            ", which is long: does its machine still run?" if status.age > SILENT_SECONDS else ""
        )
        return f"being run{known} by {who}; last heartbeat{ago}{silent}"
    if beat is None:
        return "nobody runs it"
    if beat.end is None:
        return f"its command was killed after the last heartbeat{ago}"
    word = {"finished": "ended", "failed": "ended with an error", "interrupted": "was interrupted"}
    return f"its last command {word[beat.end]}{ago}, after {duration(beat.seconds)}"
