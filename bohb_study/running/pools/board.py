"""Where cells that Ray runs say how far they are.

In a module of its own because its process imports what the module imports.
"""

from typing import Any

import ray

from bohb_study.engines.base import Running
from bohb_study.study import Cell


class Board:
    """The last word of each cell, as an actor that cells write and the driver reads."""

    def __init__(self) -> None:
        """Begin without a word."""
        self._state: dict[Cell, Running] = {}

    def put(self, running: Running) -> None:
        """Keep how far a cell is."""
        self._state[running.cell] = running

    def get(self) -> list[Running]:
        """The last word of each cell."""
        return list(self._state.values())


BoardActor: Any = ray.remote(num_cpus=0)(Board)
