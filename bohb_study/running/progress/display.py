"""What the runner reports about a running study; how it is shown is another matter."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class CellProgress:
    """How far a running cell has come."""

    cell: str
    """``task/method/seed``."""
    done: int
    """Units charged so far."""
    allowed: int
    """Units that the budget allows."""
    best: float | None
    """Lowest validation loss so far; None before the first report."""


class Progress(Protocol):
    """What the runner reports to while it works."""

    def start(self, allowed: Mapping[str, int], stored: Collection[str] = ()) -> None:
        """Begin a study.

        Args:
            allowed: the units that each cell of the study may spend, by the cell's name.
            stored: the cells among them that were done before.
        """

    def update(self, progress: CellProgress) -> None:
        """Say how far a running cell is; call it at every poll, whether or not it moved."""

    def finish(
        self, cell: str, ok: bool, seconds: float, best: float | None, outcome: str = ""
    ) -> None:
        """Say that a cell has ended, after ``seconds`` seconds, with the lowest loss ``best``.

        ``outcome`` is said instead where the cell was run for something else than its loss.
        """

    def message(self, text: str) -> None:
        """Print a line without disturbing what is live."""

    def close(self) -> None:
        """End, also after an error or Ctrl-C; the terminal is as it was before."""
