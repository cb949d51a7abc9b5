"""Progress as live bars, for a terminal."""

import time
from collections.abc import Callable, Collection, Mapping

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Column

from bohb_study.running.progress.display import CellProgress
from bohb_study.running.progress.echo import hide_control_keys
from bohb_study.running.progress.lines import best_in_words, ending, print_line
from bohb_study.running.progress.tally import Clock, Tally
from bohb_study.scores import Score

REDRAW_SECONDS = 0.1
"""The shortest time between two drawings."""


class BarProgress:
    """A bar for the study and one for each running cell, on a terminal."""

    def __init__(
        self,
        console: Console,
        clock: Clock = time.monotonic,
        noun: str = "cells",
        scores: Mapping[str, Score] | None = None,
    ) -> None:
        """Nothing is drawn before ``start``.

        Args:
            console: where.
            clock: seconds from any start.
            noun: what is counted, in the plural.
            scores: what the losses of tasks measure, by the task's name.
        """
        self._noun = noun
        self._scores = scores or {}
        self._tally = Tally(clock)
        self._bars = Bars(
            TextColumn("{task.description}", table_column=Column(max_width=32, no_wrap=True)),
            BarColumn(bar_width=None),
            *(
                TextColumn(f"{{task.fields[{field}]}}", justify="right")
                for field in ("count", "note", "left")
            ),
            console=console,
            auto_refresh=False,
            expand=True,
        )
        self._study: TaskID | None = None
        self._cells: dict[str, TaskID] = {}
        self._drawn = -REDRAW_SECONDS
        self._give_back: Callable[[], None] = lambda: None

    def start(self, allowed: Mapping[str, int], stored: Collection[str] = ()) -> None:
        """Begin a study; see ``Progress.start``."""
        self._tally.start(allowed, stored)
        self._study = self._bars.add_task("study", count="", note="", left="")
        self._give_back = hide_control_keys(_descriptor(self._bars.console))
        self._bars.start()
        self._draw()

    def update(self, progress: CellProgress) -> None:
        """Show how far a cell is; see ``Progress.update``."""
        self._tally.update(progress)
        if progress.cell not in self._cells:
            self._cells[progress.cell] = self._bars.add_task(
                progress.cell, count="", note="", left=""
            )
        if self._tally.clock() >= self._drawn + REDRAW_SECONDS:
            self._draw()

    def finish(
        self, cell: str, ok: bool, seconds: float, best: float | None, outcome: str = ""
    ) -> None:
        """End the display, as ``Progress`` says."""
        self._tally.finish(cell, ok)
        if cell in self._cells:
            self._bars.remove_task(self._cells.pop(cell))
        shown = best_in_words(cell, best, self._scores, "none")
        self.message(ending(cell, ok, seconds, shown, outcome))
        self._draw()

    def message(self, text: str) -> None:
        """Print a line; see ``Progress.message``."""
        print_line(self._bars.console, text)

    def close(self) -> None:
        """See ``Progress``; the study's bar stays, those of cut-off cells go."""
        while self._cells:
            self._bars.remove_task(self._cells.popitem()[1])
        if self._study is not None:
            self._draw()
            self._bars.stop()
            self._give_back()

    def _draw(self) -> None:
        tally = self._tally
        self._drawn = tally.clock()
        for cell, bar in self._cells.items():
            progress = tally.running[cell]
            self._bars.update(
                bar,
                completed=progress.done,
                total=progress.allowed,
                count=f"{progress.done}/{progress.allowed} units",
                note=best_in_words(cell, progress.best, self._scores),
                left=tally.left(cell),
            )
        if self._study is not None:
            self._bars.update(
                self._study,
                completed=tally.done,
                total=tally.units,
                count=f"{tally.ended}/{tally.cells} {self._noun}",
                note=f"{tally.failed} failed" if tally.failed else "",
                left=tally.left(),
            )
        self._bars.refresh()


def _descriptor(console: Console) -> int:
    """The file descriptor that a console writes to; -1 where it writes to none."""
    try:
        return console.file.fileno()
    except (OSError, ValueError):  # as a text in memory says
        return -1
