"""Measurements of the engine as tables, with ratios."""

from collections.abc import Iterable

from bohb_study.benchmarking.cases import TASK, Measured
from bohb_study.summaries.table import Column, Given, Table, columns, row

PARTS = ("training", "searching", "scheduling", "engine")
"""What ``CellResult.seconds`` distinguishes; of Syne Tune only the first is known."""


def cost_table(measured: Iterable[Measured], repeats: int) -> Table:
    """One line a case: its run of least CPU time."""
    runs = "one run" if repeats == 1 else f"the cheapest of {repeats} runs"
    found = []
    for one in _by_size(measured):
        case, cost = one.case, one.least
        whole = sum(cost.seconds.values())
        shares = {part: spent / whole for part, spent in cost.seconds.items()}
        cells: list[Given] = [
            case.runner,
            case.method,
            case.workers,
            f"{case.budget:g}",
            cost.trials,
            cost.reports,
            f"{cost.cpu_seconds:.3f}",
            f"{cost.reports_per_second:.0f}",
            f"{cost.trials_per_second:.0f}",
            f"{cost.microseconds:.1f}",
            *(f"{shares[name]:.0%}" if name in shares else "" for name in PARTS),
            f"{cost.imported_mb:.0f}",
            f"{cost.peak_mb:.0f}",
        ]
        found.append(row(cells))
    runs = "one run" if repeats == 1 else f"the cheapest of {repeats} runs"
    return Table(
        f"{TASK}: CPU time, {runs}, each in a fresh process",
        (
            *columns("engine", "method"),
            *columns("workers", "full\nevals", "trials", "reports", align="right"),
            Column("CPU", "right", "s"),
            *columns("reports\n/ CPU s", "trials\n/ CPU s", "CPU us\n/ report", align="right"),
            *columns("time:\ntrain", "\nsearch", "\nschedule", "\nengine", align="right"),
            *columns("MB at\nstart", "MB at\npeak", align="right"),
        ),
        tuple(found),
    )


def _by_size(measured: Iterable[Measured]) -> list[Measured]:
    """Methods as they come, each by budget and workers, the peer last."""
    listed = list(measured)
    methods = list(dict.fromkeys(one.case.method for one in listed))
    return sorted(
        listed,
        key=lambda one: (
            methods.index(one.case.method),
            one.case.runner != "virtual",
            one.case.budget,
            one.case.workers,
        ),
    )


def wall_table(measured: Iterable[Measured]) -> Table:
    """One line a case: wall time, since real Ray Tune works in many processes."""
    found = []
    for one in measured:
        case = one.case
        cost = min(one.runs, key=lambda run: run.wall_seconds)
        cells: list[Given] = [
            case.runner,
            case.method,
            case.workers,
            f"{case.budget:g}",
            cost.trials,
            cost.reports,
            f"{cost.wall_seconds:.3f}",
            f"{cost.reports / cost.wall_seconds:.0f}",
        ]
        found.append(row(cells))
    return Table(
        f"{TASK}: wall time; starting Ray is not counted",
        (
            *columns("engine", "method"),
            *columns("workers", "full\nevals", "trials", "reports", align="right"),
            Column("wall", "right", "s"),
            *columns("reports\n/ s", align="right"),
        ),
        tuple(found),
    )
