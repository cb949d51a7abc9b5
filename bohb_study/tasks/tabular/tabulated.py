"""A table of curves as a task: what was measured is looked up."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.arrays import Floats
from bohb_study.seeding import Config
from bohb_study.tasks.base import Evaluation, Report, Task
from bohb_study.tasks.ladder import Ladder
from bohb_study.tasks.spaces import make_space
from bohb_study.tasks.tabular.curve_table import STATUSES, CurveTable
from bohb_study.tasks.tabular.measured_space import MeasuredSpace
from bohb_study.tasks.tabular.table_files import known_table, table_path, vouched_table

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


@dataclass(frozen=True)
class CurveTask(Task):
    """A table of curves in a file, as a task on the space and the rungs of the one it is of.

    The hash of the file is part of the study's identity, and each process that reads it checks it.
    """

    given: str = field(default="", metadata={"option": False})
    """How the user named it, such as table:tables/mine.parquet."""
    path: str = field(default="", metadata={"option": False})
    """Of the parquet file, absolute."""
    sha256: str = field(default="", metadata={"option": False})
    """Of the file."""

    computed = True

    @classmethod
    def fields_of(cls, given: str) -> dict[str, str]:
        """Where the table is that ``given`` (table:PATH) names, and its hash, as fields of a task.

        Raises:
            UsageError: there is none, or it is not that of its card.
        """
        path = table_path(given)
        return {"given": given, "path": str(path), "sha256": vouched_table(path, given).sha256}

    @property
    def table(self) -> CurveTable:
        """All that is in the file; read once per process.

        Raises:
            UsageError: it is not there any more, or another one.
        """
        return known_table(self.path, self.sha256, self.given)

    @property
    def data_sha256(self) -> str:
        """The hash of the file."""
        return self.sha256

    @property
    def val_metric(self) -> str:
        """That of the task that was tabulated."""
        return self.table.about.val_metric

    @property
    def test_metric(self) -> str:
        """That of the task that was tabulated."""
        return self.table.about.test_metric

    @property
    def grid_order(self) -> tuple[str, ...]:
        """That of the task that was tabulated."""
        return self.table.about.grid_order

    @property
    def own_ladder(self) -> Ladder:
        """The rungs of the task that was tabulated; nothing is known between them."""
        return self.table.about.ladder

    def prepare(self, *, download: bool = False) -> None:
        """See that the very file is there; nothing fetches it.

        Raises:
            UsageError: it is not, or damaged.
        """
        _ = self.table

    def space(self, seed: int) -> "ConfigurationSpace":
        """The space of the task that was tabulated."""
        return make_space(self.table.about.search_space, seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        """Seconds of the steps from ``start`` to ``end``, as the table has them."""
        about = self.table.about
        seconds = self.step_seconds(config)
        if not about.resumable:
            return float(seconds[about.costs.index(end)])
        first = about.costs.index(start) + 1 if start else 0
        return sum(map(float, seconds[first : about.costs.index(end) + 1]))

    @abstractmethod
    def step_seconds(self, config: Config) -> Floats:
        """Seconds of the step that ends at each rung of the table, shape (rungs,)."""


@dataclass(frozen=True)
class Tabulated(CurveTask):
    """Curves of configurations, looked up in a table that tabulate wrote.

    The space is that of the task that was tabulated. A configuration of the table is looked up as
    it is, and any other gets the curve of the nearest (``measured_space``). Study seed s gets the
    curves of the table's seed s mod n, of n seeds, for all configurations alike. Durations are the
    measured seconds, their mean over the seeds; modelled where the task is computed. What failed
    when the table was made fails here.
    """

    @property
    def summary(self) -> str:
        """What was tabulated, and how many configurations."""
        table = self.table
        return f"{len(table.configs)} configurations of {table.about.task}, looked up"

    @property
    def optimum(self) -> float | None:
        """The lowest mean over the seeds at the top; None where all failed."""
        tops = self.table.mean_losses[:, -1]
        return None if np.isnan(tops).all() else float(np.nanmin(tops))

    def row(self, config: Config) -> int:
        """Which configuration of the table stands for ``config``."""
        return _measured(self.path, self.sha256, self.given).row(config)

    def step_seconds(self, config: Config) -> Floats:
        """The mean over the seeds, of the nearest configuration."""
        found: Floats = self.table.durations[self.row(config)]
        return found

    def true_loss(self, config: Config) -> float | None:
        """The mean over the seeds at the top; None where all failed."""
        loss = float(self.table.mean_losses[self.row(config), -1])
        return None if np.isnan(loss) else loss

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin evaluating ``config`` under the study's ``seed``."""
        return TabulatedEvaluation(self, config, seed)


@lru_cache(maxsize=16)
def _measured(path: str, sha256: str, given: str) -> MeasuredSpace:
    """The configurations of a table by what is suggested; placed once per process."""
    table = known_table(path, sha256, given)
    return MeasuredSpace(table.about.search_space, table.about.grid_order, table.configs)


class TabulatedEvaluation(Evaluation):
    """One curve of the table; it has no state but how far it is, which is the caller's."""

    def __init__(self, task: Tabulated, config: Config, seed: int) -> None:
        """The curve of ``config`` under the study's ``seed``."""
        self._task = task
        table = task.table
        row, of_seed = task.row(config), seed % table.curves.status.shape[1]
        curves = table.curves
        self._ladder = table.about.ladder
        self._val, self._test = curves.val_loss[row, of_seed], curves.test_loss[row, of_seed]
        self._status: Sequence[int] = curves.status[row, of_seed].tolist()
        self._level = 0

    def advance(self, level: int) -> Report:
        """What was measured at ``level``.

        Raises:
            ValueError: ``level`` is no rung, or not above the current one.
        """
        begin = perf_counter()
        rung = self._ladder.costs.index(level)
        if level <= self._level:
            raise ValueError(f"at level {self._level} already, cannot advance to {level}")
        units = self._ladder.step_units(self._level, level)
        self._level = level
        if status := self._status[rung]:
            said = "as when the table was made" if STATUSES[status] == "failed" else ""
            seconds = perf_counter() - begin
            return self._task.failure(units, seconds, STATUSES[status], said)
        val, test = float(self._val[rung]), float(self._test[rung])
        return Report(val, test, perf_counter() - begin, units)

    def state(self) -> dict[str, Any]:
        """The level, from which it goes on."""
        return {"level": self._level}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a level."""
        self._level = state["level"]
