"""What every engine is asked and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bohb_study.budget import Account, units_allowed
from bohb_study.methods.base import Problem
from bohb_study.study import Cell
from bohb_study.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

OnProgress = Callable[[int, float | None], None]
"""Called with the units reported so far and the best validation loss so far (None: none yet)."""


@dataclass(frozen=True)
class CellJob:
    """One cell with all that running it takes; picklable."""

    cell: Cell
    task: Task
    budget: float
    workers: int = 1
    cpus_per_trial: float = 1
    gpus_per_trial: float = 0
    storage: str | None = None
    """Folder for the states of paused trials, reachable from all nodes; None: a temporary one."""

    @property
    def allowed(self) -> int:
        """Units that the cell may spend."""
        return units_allowed(self.budget, self.task.ladder.top)

    @property
    def problem(self) -> Problem:
        """What the cell's method is built for."""
        return Problem(self.task, self.cell.method, self.cell.seed, int(self.budget))


@dataclass(frozen=True)
class CellResult:
    """What a cell gave."""

    frame: "pd.DataFrame"
    account: Account
    failures: dict[int, str]
    """Why trainings failed, by trial; their rows say that they did."""
    seconds: dict[str, float]
    """Measured: ``wall``, ``training`` and ``searching`` (summed over trials), ``engine``: the
    rest of the wall time that ``workers`` workers had."""
