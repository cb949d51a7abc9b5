"""Progress as plain lines, for what is no terminal: a file, a pipe, a CI log."""

import time
from collections.abc import Collection, Mapping

from rich.console import Console

from bohb_study.progress.base import CellProgress
from bohb_study.progress.tally import Clock, Tally, duration

HEARTBEAT_SECONDS = 30.0
"""The longest silence while the runner polls."""


class LineProgress:
    """A line for each cell that ends and, where that takes long, a line about those that run."""

    def __init__(
        self, console: Console, clock: Clock = time.monotonic, noun: str = "cells"
    ) -> None:
        """Nothing is printed before ``start``; ``noun`` says what is counted."""
        self._noun = noun
        self._console = console
        self._tally = Tally(clock)
        self._spoke = clock()

    def start(self, allowed: Mapping[str, int], stored: Collection[str] = ()) -> None:
        """See ``Progress``."""
        self._tally.start(allowed, stored)
        done = f", {len(stored)} of them done before" if stored else ""
        self.message(f"study of {len(allowed)} {self._noun}{done}")

    def update(self, progress: CellProgress) -> None:
        """See ``Progress``."""
        self._tally.update(progress)
        if self._tally.clock() >= self._spoke + HEARTBEAT_SECONDS:
            self.message(self._heartbeat())

    def finish(self, cell: str, ok: bool, seconds: float, best: float | None) -> None:
        """See ``Progress``."""
        self._tally.finish(cell, ok)
        self.message(f"{ending(cell, ok, seconds, best)} ({self._cells()})")

    def message(self, text: str) -> None:
        """See ``Progress``."""
        self._spoke = self._tally.clock()
        print_line(self._console, text)

    def close(self) -> None:
        """See ``Progress``."""

    def _cells(self) -> str:
        return f"{self._tally.ended}/{self._tally.cells} {self._noun}"

    def _heartbeat(self) -> str:
        running = (
            f"{p.cell} {p.done}/{p.allowed} best {loss(p.best)}"
            for p in self._tally.running.values()
        )
        left = self._tally.left()
        return "; ".join([f"{self._cells()}{left and ', '}{left}", *running])


def loss(value: float | None) -> str:
    """A loss as it is shown; a dash where there is none yet."""
    return "-" if value is None else f"{value:.4g}"


def ending(cell: str, ok: bool, seconds: float, best: float | None) -> str:
    """The line about a cell that has ended."""
    shown = "none" if best is None else loss(best)
    return f"{cell} {'done' if ok else 'FAILED'} in {duration(seconds)}, best {shown}"


def print_line(console: Console, text: str) -> None:
    """Print ``text`` as it is: brackets are no markup, and long lines are not folded."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
