"""Measurements as tables for people, drawn by rich."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table

from bohb_study.benchmarking.cases import TASK, Measured

PARTS = ("training", "searching", "scheduling", "engine")
"""What ``CellResult.seconds`` tells apart; of Syne Tune only the first is known."""


def cost_table(measured: Iterable[Measured], repeats: int) -> Table:
    """One line a case: its run of least CPU time."""
    runs = "one run" if repeats == 1 else f"the cheapest of {repeats} runs"
    table = _table(
        f"{TASK}: CPU time, {runs}, each in a fresh process",
        ("engine", "method"),
        ("workers", "full\nevals", "trials", "reports", "CPU s", "reports\n/ CPU s",
         "trials\n/ CPU s", "CPU us\n/ report"),
        ("time:\ntrain", "\nsearch", "\nschedule", "\nengine", "MB at\nstart", "MB at\npeak"),
    )  # fmt: skip
    for one in _by_size(measured):
        case, cost = one.case, one.least
        whole = sum(cost.seconds.values())
        shares = {part: spent / whole for part, spent in cost.seconds.items()}
        table.add_row(
            case.runner,
            case.method,
            str(case.workers),
            f"{case.budget:g}",
            str(cost.trials),
            str(cost.reports),
            f"{cost.cpu_seconds:.3f}",
            f"{cost.reports_per_second:.0f}",
            f"{cost.trials_per_second:.0f}",
            f"{cost.microseconds:.1f}",
            *(f"{shares[name]:.0%}" if name in shares else "" for name in PARTS),
            f"{cost.imported_mb:.0f}",
            f"{cost.peak_mb:.0f}",
        )
    return table


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
    table = _table(
        f"{TASK}: wall time; starting Ray is not counted",
        ("engine", "method"),
        ("workers", "full\nevals", "trials", "reports", "wall s", "reports\n/ s"),
    )
    for one in measured:
        case = one.case
        cost = min(one.runs, key=lambda run: run.wall_seconds)
        table.add_row(
            case.runner,
            case.method,
            str(case.workers),
            f"{case.budget:g}",
            str(cost.trials),
            str(cost.reports),
            f"{cost.wall_seconds:.3f}",
            f"{cost.reports / cost.wall_seconds:.0f}",
        )
    return table


def _table(title: str, words: Sequence[str], *numbers: Sequence[str]) -> Table:
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    for heading in words:
        table.add_column(heading, no_wrap=True)
    for heading in (heading for group in numbers for heading in group):
        table.add_column(heading, justify="right", no_wrap=True)
    return table
