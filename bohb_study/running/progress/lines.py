"""Progress as plain lines, for what is no terminal: a file, a pipe, a CI log."""

import time
from collections.abc import Collection, Mapping

from rich.console import Console

from bohb_study.numbers import NONE, counted, number
from bohb_study.running.progress.display import CellProgress
from bohb_study.running.progress.tally import Clock, Tally, duration
from bohb_study.scores import Score

HEARTBEAT_SECONDS = 30.0
"""The longest silence while the runner polls."""


class LineProgress:
    """A line for each cell that ends and, where that takes long, a line about those that run."""

    def __init__(
        self,
        console: Console,
        clock: Clock = time.monotonic,
        noun: str = "cells",
        scores: Mapping[str, Score] | None = None,
    ) -> None:
        """Nothing is printed before ``start``; arguments as of ``BarProgress``."""
        self._noun = noun
        self._scores = scores or {}
        self._console = console
        self._tally = Tally(clock)
        self._spoke = clock()

    def start(self, allowed: Mapping[str, int], stored: Collection[str] = ()) -> None:
        """Begin a study; see ``Progress.start``."""
        self._tally.start(allowed, stored)
        done = f", {len(stored)} of them done before" if stored else ""
        self.message(f"study of {counted(len(allowed), self._noun)}{done}")

    def update(self, progress: CellProgress) -> None:
        """Show how far a cell is; see ``Progress.update``."""
        self._tally.update(progress)
        if self._tally.clock() >= self._spoke + HEARTBEAT_SECONDS:
            self.message(self._heartbeat())

    def finish(
        self, cell: str, ok: bool, seconds: float, best: float | None, outcome: str = ""
    ) -> None:
        """End the display, as ``Progress`` says."""
        self._tally.finish(cell, ok)
        shown = best_in_words(cell, best, self._scores, "none")
        self.message(f"{ending(cell, ok, seconds, shown, outcome)} ({self._cells()})")

    def message(self, text: str) -> None:
        """Print a line; see ``Progress.message``."""
        self._spoke = self._tally.clock()
        print_line(self._console, text)

    def close(self) -> None:
        """Nothing is left open; see ``Progress.close``."""

    def _cells(self) -> str:
        return f"{self._tally.ended}/{self._tally.cells} {self._noun}"

    def _heartbeat(self) -> str:
        running = (
            f"{p.cell} {p.done}/{p.allowed} {best_in_words(p.cell, p.best, self._scores)}"
            for p in self._tally.running.values()
        )
        left = self._tally.left()
        return "; ".join([f"{self._cells()}{left and ', '}{left}", *running])


def best_in_words(
    cell: str, loss: float | None, scores: Mapping[str, Score], none: str = NONE
) -> str:
    """The best of a cell so far: a loss, or the score that more is better of, with its name.

    Args:
        cell: ``task/method/seed``.
        loss: the lowest; None where there is none.
        scores: what the losses of tasks measure, by the task's name.
        none: what is said where there is none: none yet by default.
    """
    score = scores.get(cell.partition("/")[0], Score("loss"))
    value = none if loss is None else number(score.shown(loss), zeros=False)
    return f"best {score.name} {value}" if score.negated else f"best {value}"


def ending(cell: str, ok: bool, seconds: float, best: str, outcome: str = "") -> str:
    """The line about a cell that has ended.

    Args:
        cell: its name.
        ok: whether it is as it should be.
        seconds: how long it took.
        best: what it found, in words.
        outcome: said in place of all that, where it was run for something else.
    """
    if outcome:
        return f"{cell} {outcome} in {duration(seconds)}"
    return f"{cell} {'done' if ok else 'FAILED'} in {duration(seconds)}, {best}"


def print_line(console: Console, text: str) -> None:
    """Print ``text`` as it is: brackets are no markup, and long lines are not folded."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
