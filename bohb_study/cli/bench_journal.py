"""Measure what a cell's journal costs, and what it saves a cell that is killed.

Cells of seed 0 with and without a journal, in turns; and cells killed after 90 % of their reports,
which go on, against running them again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from bohb_study.benchmarking.circumstances import circumstances
from bohb_study.cli import command_line, listings
from bohb_study.cli.given_paths import check_file
from bohb_study.errors import UsageError
from bohb_study.files import json_bytes, replace_files
from bohb_study.summaries.table import Column, Table, code, columns, row

if TYPE_CHECKING:
    from bohb_study.benchmarking.journal_cost import Cost, Resumption

CASES: tuple[tuple[str, str, float], ...] = (
    ("counting-ones-8", "random", 12_000),
    ("counting-ones-8", "asha", 1_500),
    ("counting-ones-8", "bohb", 500),
    ("digits", "bohb", 10),
)
"""Task, method, full evaluations."""


@dataclass(frozen=True)
class JournalBenchmark:
    """Options of the benchmark of journals, as given."""

    repeats: int = 7
    """How often each cell is run with and without a journal."""
    budget: float = 50
    """Full evaluations of the cells of digits that are killed."""
    methods: tuple[str, ...] = ("random", "asha", "bohb")
    """Their methods."""
    out: Path = Path("results/journal_benchmark.json")
    """File to write."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be measured."""
        if self.repeats < 1:
            raise UsageError(f"{self.repeats}: must be at least 1", "repeats")
        check_file("out", self.out)


def main(argv: Sequence[str]) -> int:
    """Measure what the command line asks for; returns 1 where rows differ."""
    options = command_line.parse(JournalBenchmark, argv, __doc__ or "", "bohb-study bench journal")
    from bohb_study.benchmarking import journal_cost as measured

    costs = [measured.cost(measured.job_of(*case), options.repeats) for case in CASES]
    killed = [
        measured.resumption(measured.job_of("digits", method, options.budget))
        for method in options.methods
    ]
    record = {
        **circumstances(),
        "options": {**asdict(options), "out": str(options.out)},
        "costs": [asdict(one) for one in costs],
        "killed": [asdict(one) for one in killed],
    }
    replace_files({options.out: json_bytes(record)})
    out = listings.console()
    out.print(_costs(costs))
    out.print(_killed(killed))
    out.print(f"  {options.out}", highlight=False, soft_wrap=True)
    return 0 if all(one.equal for one in killed) else 1


def _costs(costs: Sequence["Cost"]) -> Table:
    return Table(
        "a cell with and without a journal",
        (
            *columns("task", "method"),
            *columns("reports", "reports a second\nwithout", "with", align="right"),
            Column("CPU time", "right", "with / without"),
            Column("journal", "right", "MB"),
        ),
        tuple(
            row(
                [
                    code(one.task),
                    code(one.method),
                    f"{one.reports:,}",
                    f"{one.without:,.0f}",
                    f"{one.with_:,.0f}",
                    f"{one.cpu_ratio:.3f}",
                    f"{one.megabytes:.2f}",
                ]
            )
            for one in costs
        ),
        ("medians of runs in turns",),
    )


def _killed(killed: Sequence["Resumption"]) -> Table:
    return Table(
        "a cell that is killed after 90 % of its reports",
        (
            *columns("task", "method"),
            *columns("reports\nin journal", "units\nrepeated", align="right"),
            Column("going on", "right", "s"),
            Column("running again", "right", "s"),
            Column("ratio", "right"),
            *columns("rows equal"),
        ),
        tuple(
            row(
                [
                    code(one.task),
                    code(one.method),
                    f"{one.reports:,}",
                    one.repeated,
                    f"{one.replay:.2f}",
                    f"{one.again:.2f}",
                    f"{one.replay / one.again:.3f}",
                    "yes" if one.equal else "no",
                ]
            )
            for one in killed
        ),
        ("until it is where it was killed: what is left is trained in both",),
    )
