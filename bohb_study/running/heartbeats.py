"""A progress that also writes heartbeats, so that others can see how far a study is."""

import os
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bohb_study.running.progress import CellProgress, Progress
from bohb_study.running.progress.tally import Clock, Tally
from bohb_study.store.sidecars.heartbeat_json import Heartbeat, RunningCell, write_heartbeat

BEAT_SECONDS = 10.0


class HeartbeatProgress:
    """Passes everything on to another progress."""

    def __init__(
        self, inner: Progress, write: Callable[[Heartbeat], None], clock: Clock = time.monotonic
    ) -> None:
        """Beat for the first time at ``start``.

        Args:
            inner: what shows it.
            write: stores a heartbeat.
            clock: seconds from any start.
        """
        self._inner, self._write, self._clock = inner, write, clock
        self._tally = Tally(clock)
        self._since: dict[str, float] = {}
        self._began, self._beat = clock(), -BEAT_SECONDS
        self._when = _now()

    def start(self, allowed: Mapping[str, int], stored: Collection[str] = ()) -> None:
        """Begin a study; see ``Progress.start``."""
        self._tally.start(allowed, stored)
        self._inner.start(allowed, stored)
        self.beat()

    def update(self, progress: CellProgress) -> None:
        """Show how far a cell is; see ``Progress.update``."""
        new = progress.cell not in self._since
        self._since.setdefault(progress.cell, self._clock())
        self._tally.update(progress)
        self._inner.update(progress)
        if new or self._clock() - self._beat >= BEAT_SECONDS:
            self.beat()

    def finish(
        self, cell: str, ok: bool, seconds: float, best: float | None, outcome: str = ""
    ) -> None:
        """Say that a cell has ended; see ``Progress.finish``."""
        self._tally.finish(cell, ok)
        self._inner.finish(cell, ok, seconds, best, outcome)
        if self._clock() - self._beat >= 1 or self._tally.ended == self._tally.cells:
            self.beat()

    def message(self, text: str) -> None:
        """Print a line; see ``Progress.message``."""
        self._inner.message(text)

    def close(self) -> None:
        """End the display; see ``Progress.close``."""
        self._inner.close()

    def beat(self, end: str | None = None) -> None:
        """Write a heartbeat; ``end``: the last one, which says how the command ended."""
        self._beat = self._clock()
        tally = self._tally
        running = tuple(
            RunningCell(
                one.cell, one.done, one.allowed, one.best, round(self._beat - self._since[name], 1)
            )
            for name, one in tally.running.items()
        )
        self._write(
            Heartbeat(
                os.getpid(),
                socket.gethostname(),
                self._when,
                _now(),
                round(self._beat - self._began, 1),
                tally.cells,
                tally.ended - tally.failed,
                tally.failed,
                tally.seconds_left,
                running if end is None else (),
                end,
                command_words(),
            )
        )


@contextmanager
def heartbeats(folder: Path, study_id: str, inner: Progress) -> Iterator[Progress]:
    """A progress that shows what ``inner`` shows, and writes heartbeats into the study's folder."""
    progress = HeartbeatProgress(inner, lambda beat: write_heartbeat(folder, study_id, beat))
    end = "failed"
    try:
        yield progress
        end = "finished"
    except KeyboardInterrupt:
        end = "interrupted"
        raise
    finally:
        progress.beat(end)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def command_words() -> str:
    """The words of this process but ``--fresh``, as a shell takes them, on one line."""
    given = [word for word in sys.argv if word != "--fresh"]
    words = [word if word.isprintable() else repr(word) for word in given]
    if words and shutil.which(name := Path(words[0]).name) == words[0]:
        words[0] = name  # as it was typed
    if words and words[0].endswith(".py"):
        words.insert(0, "python")
    return shlex.join(words)[:4000]
