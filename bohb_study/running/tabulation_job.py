"""What a table is made of: some configurations under one seed, from the lowest rung to the top."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bohb_study.engines.placement import Placement
from bohb_study.engines.trial_limits import TrialLimits
from bohb_study.numerics import Mode, check, record
from bohb_study.seeding import Config
from bohb_study.study import Cell
from bohb_study.tasks import Report, Task

if TYPE_CHECKING:
    from bohb_study.engines.base import OnProgress

COMPUTED_AT_ONCE = 64
"""Configurations of one job, where an evaluation takes microseconds and a message longer."""


@dataclass(frozen=True)
class Batch(Cell):
    """Which configurations of a table under which seed; ``method`` says that it is no method's."""

    first: int
    """Place of the first of them in the design."""


class Tabulated(NamedTuple):
    """What configurations of a batch gave."""

    reports: tuple[tuple[Report, ...], ...]
    """Of each configuration, at each rung."""
    numerics: dict[str, str]
    """``numerics.record`` of the process that evaluated them."""


@dataclass(frozen=True)
class TabulationJob:
    """A batch with all that evaluating it takes; picklable, for any pool."""

    cell: Batch
    task: Task
    configs: tuple[Config, ...]
    numerics: Mode = "portable"
    """By which kernels they are evaluated."""
    journal: None = None
    """What is done of a table is kept batch by batch."""
    placement: Placement = field(default_factory=Placement)
    """Where it may run on a cluster."""
    limits: TrialLimits = field(default_factory=TrialLimits)
    engine = "virtual"
    actors = 0
    cpus_per_trial = 1.0
    gpus_per_trial = 0.0
    processes_at_once = 1

    @property
    def units(self) -> int:
        """Units that all of it takes."""
        return len(self.configs) * sum(step for _, step in steps(self.task))

    def run(self, progress: "OnProgress | None" = None) -> Tabulated:
        """Evaluate them one after the other; what goes wrong with one is a report as well.

        Raises:
            StudyError, UsageError: none could be evaluated here, for want of data, say.
            KeyboardInterrupt: Ctrl-C.
        """
        from bohb_study.engines.guard import GuardedEvaluation, interruptible

        check(self.numerics)
        found, done, best = [], 0, None
        with interruptible():
            for config in self.configs:
                evaluation = GuardedEvaluation(self.task, config, self.cell.seed)
                reports = []
                for level, units in steps(self.task):
                    report = evaluation.advance(level, units)
                    reports.append(report)
                    done += units
                    if report.status == "ok":
                        best = report.val_loss if best is None else min(best, report.val_loss)
                    if progress is not None:
                        progress(done, best)
                found.append(tuple(reports))
        check(self.numerics)  # again: torch may have been loaded by then
        return Tabulated(tuple(found), record(self.numerics))


def steps(task: Task) -> Iterator[tuple[int, int]]:
    """Each rung's level with the units of the step that ends there."""
    level = 0
    for target in task.ladder.costs:
        yield target, task.ladder.step_units(level, target)
        level = target


def jobs_of(
    task: Task, configs: tuple[Config, ...], seeds: int, done: set[tuple[int, int]]
) -> Iterator[TabulationJob]:
    """What is left of a table, in the order of the design.

    Args:
        task: that is evaluated.
        configs: of the design.
        seeds: under each of which every configuration is evaluated.
        done: places in the design with seeds that are not evaluated again.
    """
    most = COMPUTED_AT_ONCE if task.computed else 1
    for begin in range(0, len(configs), most):
        for seed in range(seeds):
            first = begin
            for place in range(begin, min(begin + most, len(configs)) + 1):
                whole = place == min(begin + most, len(configs))
                if whole or (place, seed) in done:
                    if place > first:
                        batch = Batch(task.name, "tabulate", seed, first)
                        yield TabulationJob(batch, task, configs[first:place])
                    first = place + 1
