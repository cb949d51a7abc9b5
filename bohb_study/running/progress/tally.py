"""Cells and units of a running study, and how long the rest will take."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from bohb_study.running.progress.display import CellProgress

Clock = Callable[[], float]

LEAST_SHARE = 0.02
"""Of the units, which must be done before it is said how long the rest will take."""


@dataclass
class _Pace:
    """Where a count stood when the clock started on it."""

    since: float
    units: int

    def seconds_left(self, now: float, done: int, total: int) -> float | None:
        """Seconds until ``total`` at the pace so far; None without a pace, or with nothing left.

        The first units wait for processes to start and say nothing of the pace.
        """
        least = LEAST_SHARE * (total - self.units)
        if done <= self.units + least or now <= self.since or done >= total:
            return None
        return (total - done) * (now - self.since) / (done - self.units)


class Tally:
    """Cells and units of a study, and how long the rest will take: all that either form shows."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        """A tally of no cells; ``start`` takes them in."""
        self.clock = clock
        self.running: dict[str, CellProgress] = {}
        self.failed = 0
        self._allowed: dict[str, int] = {}
        self._ended: set[str] = set()
        self._paces: dict[str, _Pace] = {}
        self._pace = _Pace(clock(), 0)

    def start(self, allowed: Mapping[str, int], stored: Collection[str]) -> None:
        """Take the cells in; the clock starts."""
        self._allowed = dict(allowed)
        self._ended = set(stored)
        self._pace = _Pace(self.clock(), self.done)

    def update(self, progress: CellProgress) -> None:
        """Record how far a running cell is; its own clock starts when it is first heard of."""
        self._allowed[progress.cell] = progress.allowed
        self._paces.setdefault(progress.cell, _Pace(self.clock(), progress.done))
        self.running[progress.cell] = progress

    def finish(self, cell: str, ok: bool) -> None:
        """Record the end of a cell; what it left unspent counts as done: nothing of it remains."""
        self.running.pop(cell, None)
        self._ended.add(cell)
        self.failed += not ok

    @property
    def cells(self) -> int:
        """Number of cells of the study."""
        return len(self._allowed)

    @property
    def ended(self) -> int:
        """Cells that have ended, stored ones included."""
        return len(self._ended)

    @property
    def units(self) -> int:
        """Units that all cells together may spend."""
        return sum(self._allowed.values())

    @property
    def done(self) -> int:
        """Units behind us: whole cells that have ended, and what the running ones were charged."""
        ended = sum(self._allowed.get(cell, 0) for cell in self._ended)
        return ended + sum(progress.done for progress in self.running.values())

    @property
    def seconds_left(self) -> float | None:
        """Until the study is done, at the pace so far; None where nothing can be said."""
        return self._pace.seconds_left(self.clock(), self.done, self.units)

    def left(self, cell: str | None = None) -> str:
        """Time left for a running cell, or for the study; empty where nothing can be said."""
        if cell is None:
            seconds = self.seconds_left
        else:
            progress, pace = self.running[cell], self._paces[cell]
            seconds = pace.seconds_left(self.clock(), progress.done, progress.allowed)
        return "" if seconds is None else f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
