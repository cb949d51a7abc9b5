"""Panels in rows of equal length: a block of rows for each task, whose panels share their axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Place:
    """Where a panel is drawn."""

    axes: Axes
    left: bool
    """Whether it is the first of its row."""
    lowest: bool
    """Whether it is in the last row of its block."""


@dataclass(frozen=True)
class Blocks:
    """How many panels stand where."""

    sizes: tuple[int, ...]
    """Panels of each block."""
    columns: int

    @classmethod
    def of(cls, sizes: Sequence[int], most: int) -> "Blocks":
        """As few rows as ``most`` columns allow, then as few columns as these rows need."""
        largest = max(sizes)
        return cls(tuple(sizes), math.ceil(largest / math.ceil(largest / most)))

    @property
    def lines(self) -> tuple[int, ...]:
        """How many rows each block takes."""
        return tuple(math.ceil(size / self.columns) for size in self.sizes)

    def places(self, drawn: Figure) -> list[list[Place]]:
        """Add the axes of every panel, block by block; ticks are labelled at the outer edges."""
        grid = drawn.add_gridspec(sum(self.lines), self.columns)
        above = [0, *accumulate(self.lines)]
        found: list[list[Place]] = []
        for size, lines, top in zip(self.sizes, self.lines, above, strict=False):
            block: list[Place] = []
            for number in range(size):
                row, column = divmod(number, self.columns)
                first = block[0].axes if block else None
                axes = drawn.add_subplot(grid[top + row, column], sharex=first, sharey=first)
                axes.tick_params(labelleft=column == 0, labelbottom=number + self.columns >= size)
                block.append(Place(axes, column == 0, row == lines - 1))
            found.append(block)
        return found
