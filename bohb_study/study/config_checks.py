"""What a study may ask for: limits, and the one-line errors where it asks for more."""

from collections.abc import Iterable
from numbers import Real

from bohb_study.budget import exact, units_allowed
from bohb_study.errors import UsageError
from bohb_study.tasks import Task

MOST_CELLS = 100_000
"""Cells of a study: two files each, all of which are looked at whenever the study is continued."""
MOST_STEPS = 1_000_000
"""Steps that the budget of one cell can pay for. Each may become a row, and a trial may end with
it: some 3 kB while the cell runs, so 3 GB for one that is this large."""
MOST_WORKERS = 10_000
"""Trials at a time within a cell; each is drawn before the first one ends."""


def check_names(parameter: str, names: Iterable[str]) -> None:
    """Raise UsageError for no name, an empty one, or one that is given twice."""
    names = list(names)
    if not names or not all(names):
        raise UsageError(": empty; name at least one", parameter)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        given = " ".join(names)
        raise UsageError(f"{given}: {', '.join(twice)} is given more than once", parameter)


def check_count(parameter: str, value: float, least: int = 1) -> None:
    """Raise UsageError for what is no whole number of at least ``least``."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or value % 1 or value < least:  # NaN and infinity leave NaN
        raise UsageError(f"{value}: must be a whole number, at least {least}", parameter)


def check_cells(tasks: int, methods: int, seeds: int) -> None:
    """Raise UsageError for more cells than a study can have."""
    most = MOST_CELLS // (tasks * methods)
    if seeds > most:
        raise UsageError(
            f"{seeds}: must be at most {most:,} with {tasks} x {methods} tasks and "
            f"methods (a study has at most {MOST_CELLS:,} cells)",
            parameter="seeds",
        )


def check_size(budget: float, task: Task) -> None:
    """Raise UsageError for a cell that would outgrow the memory of the process that runs it."""
    ladder = task.ladder
    rungs = zip((0, *ladder.costs), ladder.costs, strict=False)
    least = 1 if ladder.curve else min(ladder.step_units(low, high) for low, high in rungs)
    if units_allowed(budget, ladder.top) // least <= MOST_STEPS:
        return
    why = f"a cell keeps its steps in memory: at most {MOST_STEPS:,}"
    most = MOST_STEPS * least // ladder.top
    if most < 1:
        raise UsageError(
            f"{task.name}: a full evaluation of {ladder.top} {ladder.unit}s is too long ({why})",
            parameter="tasks",
        )
    raise UsageError(
        f"{exact(budget)}: must be at most {most:,} full evaluations of {task.name} ({why})",
        parameter="budget",
    )


def check_data_parallel(processes: int, task: Task) -> None:
    """Raise UsageError for a task that cannot be trained by several processes, or not by so many.

    Batch sizes that are a range are not divided evenly: shares then differ by one row.
    """
    if processes == 1:
        return
    if not task.data_parallel:
        raise UsageError(
            f"{processes}: {task.name} cannot be trained by several processes; allowed: 1",
            parameter="data_parallel",
        )
    if any(size % processes for size in task.batch_sizes):
        listed = ", ".join(map(str, task.batch_sizes))
        raise UsageError(
            f"{processes}: must divide the batch sizes of {task.name}: {listed}",
            parameter="data_parallel",
        )
