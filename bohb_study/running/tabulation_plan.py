"""What tables of curves are to be made, and what each is made of."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from bohb_study.errors import UsageError
from bohb_study.identity import code_hash, task_parts
from bohb_study.numerics import expected
from bohb_study.running.designs import Design, design
from bohb_study.running.partial_tables import Place
from bohb_study.running.table_cards import Made, same_table, shown_facts
from bohb_study.running.tabulation_job import steps
from bohb_study.study import Study, StudyConfig
from bohb_study.tasks import Report, Task
from bohb_study.tasks.tabular.curve_parquet import FORMAT, MOST_CONFIGURATIONS, checked_about
from bohb_study.tasks.tabular.curve_table import STATUSES, Curves, about_task

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Wanted:
    """What tables are made of."""

    config: StudyConfig
    """Its tasks and their options; nothing else of it counts."""
    configurations: int = 1000
    """Of each design, at most."""
    seeds: int = 1
    """Seeds 0 .. n-1 of the task, under each of which every configuration is evaluated."""
    design_seed: int = 0
    """Of the design."""
    licence: str = "Apache-2.0"
    """Under which the tables may be passed on."""

    def __post_init__(self) -> None:
        """Raise UsageError, naming the parameter, for what cannot be."""
        for parameter, value, most in (
            ("configs", self.configurations, MOST_CONFIGURATIONS),
            ("seeds", self.seeds, MOST_SEEDS),
        ):
            if not 1 <= value <= most:
                raise UsageError(f"{value}: must be 1 to {most:,}", parameter)
        if not self.licence.isprintable() or len(self.licence) > 200:
            raise UsageError(": must be one line of at most 200 letters", "licence")
        for name, task in self.config.resolve().tasks.items():
            if task.only_engine == "tune":
                raise UsageError(f"{name}: calls tune.report, so it cannot be tabulated", "tasks")
            if name in self.config.tables:
                raise UsageError(f"{self.config.tables[name]}: is a table already", "tasks")


@dataclass(frozen=True)
class TablePlan:
    """One table that is to be made."""

    task: Task
    design: Design
    seeds: int
    head: Mapping[str, Any]
    """All that decides what comes of it, as JSON values."""
    path: Path
    """Of the parquet file."""

    @property
    def card(self) -> Path:
        """The file beside it."""
        return self.path.with_suffix(".json")

    @property
    def evaluations(self) -> int:
        """Of all configurations under all seeds."""
        return len(self.design.configs) * self.seeds

    @property
    def units(self) -> int:
        """Units of all evaluations."""
        return self.evaluations * sum(units for _, units in steps(self.task))

    def is_made(self) -> bool:
        """Whether the very table is there; raises UsageError where another one is."""
        return same_table(self.path, self.head)

    def read(self) -> Made:
        """The table that is there."""
        return shown_facts(self.path)

    def curves(self, reports: Mapping[Place, tuple[Report, ...]]) -> Curves:
        """The arrays of a table that is complete."""
        task, configs = self.task, self.design.configs
        shape = (len(configs), self.seeds, len(task.ladder.costs))
        numbers = {name: np.full(shape, np.nan) for name in ("val_loss", "test_loss", "seconds")}
        status = np.zeros(shape, np.int64)
        for (place, seed), own in reports.items():
            for rung, one in enumerate(own):
                at = place, seed, rung
                numbers["val_loss"][at], numbers["test_loss"][at] = one.val_loss, one.test_loss
                numbers["seconds"][at], status[at] = one.seconds, STATUSES.index(one.status)
        modelled = np.empty(shape)
        for place, config in enumerate(configs):
            level = 0
            for rung, target in enumerate(task.ladder.costs):
                begin = level if task.ladder.resumable else 0
                modelled[place, :, rung] = task.duration(config, begin, target)
                level = target
        return Curves(**numbers, modelled=modelled, status=status)


def plan_of(study: Study, task: Task, wanted: Wanted, out: Path) -> TablePlan:
    """The table of one of a study's tasks, in the folder ``out``.

    Raises:
        UsageError: what the task is cannot be written.
    """
    config = study.config
    chosen = design(task.space(0), wanted.configurations, wanted.design_seed)
    numerics = expected(config.numerics, torch=not task.computed)
    try:
        about = json.loads(json.dumps(asdict(about_task(task))))
        checked_about(about)  # now, rather than when all is evaluated
    except (TypeError, ValueError) as why:
        raise UsageError(f"{task.name}: its table {why}", "tasks") from None
    places = {field.name for field in fields(task) if field.metadata.get("path")}
    options = config.options().get(task.name, {})
    head = {
        "table": FORMAT,
        "task": task.name,
        # where data lie decides nothing, and is nobody's business: their hash is below
        "options": {key: value for key, value in options.items() if key not in places},
        "configurations": len(chosen.configs),
        "seeds": wanted.seeds,
        "design": {"kind": chosen.kind, "seed": chosen.seed, "sha256": chosen.sha256},
        "about": about,
        "data": task.data_sha256,
        "code": code_hash(task_parts(task.name, config.source(task.name))),
        "numerics": numerics,
    }
    return TablePlan(task, chosen, wanted.seeds, head, out / f"{task.name}.parquet")
