"""A study as it is run: what its config asks for, made once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bohb_study.budget import units_allowed
from bohb_study.methods import get_method
from bohb_study.study.cell import Cell
from bohb_study.study.config import StudyConfig
from bohb_study.tasks import Task

if TYPE_CHECKING:
    from bohb_study.methods.base import Method


@dataclass(frozen=True, eq=False)
class Study:
    """The tasks, methods, cells and budgets of a config; ``StudyConfig.resolve`` makes it."""

    config: StudyConfig
    tasks: Mapping[str, Task]
    """By name, with their options and eta."""
    only: Mapping[str, Mapping[str, int]] | None = None
    """Seeds by task and method, where not all of the config is meant."""

    @cached_property
    def methods(self) -> Mapping[str, "Method"]:
        """By name; importing some of them takes seconds, so they are when they are first needed."""
        own = self.config.own_methods
        return {
            name: own[name].method if name in own else get_method(name)
            for name in self.config.method_names
        }

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, seed by seed, so that an interrupted study is complete for its first seeds."""
        return tuple(
            Cell(task, method, seed)
            for seed in range(self.config.seeds)
            for task in self.tasks
            for method in self.config.method_names
            if self.only is None or seed < self.only.get(task, {}).get(method, 0)
        )

    def task(self, cell: Cell) -> Task:
        """The task of a cell."""
        return self.tasks[cell.task]

    def allowed(self, cell: Cell) -> int:
        """Units that a cell may spend: the study's budget, or its method's multiple of it."""
        factor = self.methods[cell.method].budget_factor
        return factor * units_allowed(self.config.budget, self.task(cell).ladder.top)
