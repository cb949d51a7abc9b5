"""Measure imports: how long the public modules and the commands that only look take.

Each is a fresh Python, in rounds; the median of all rounds counts, also as a ratio to a Python that
imports nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro

from bohb_study.cli import command_line
from bohb_study.cli.given_paths import check_file, check_repeats


@dataclass(frozen=True)
class ImportBenchmark:
    """Options of the benchmark of imports, as given."""

    repeats: int = 5
    """Times that each is measured; the median counts."""
    out: Path = Path("results/import_benchmark.json")
    """File to write."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be measured."""
        check_repeats(self.repeats)
        check_file("out", self.out)


def main(argv: Sequence[str]) -> int:
    """Measure what the command line asks for; returns the exit code."""
    options = command_line.parse(ImportBenchmark, argv, __doc__ or "", "bohb-study bench imports")
    from bohb_study.benchmarking.circumstances import circumstances
    from bohb_study.benchmarking.import_times import measure_imports
    from bohb_study.files import json_bytes, replace_files
    from bohb_study.summaries.table import Table, columns, rows
    from bohb_study.summaries.terminal import console

    measured = measure_imports(options.repeats)
    record = {
        **circumstances(),
        "measured": [asdict(one) for one in measured],
    }
    replace_files({options.out: json_bytes(record)})
    nothing = measured[0]
    table = Table(
        f"median of {options.repeats}, each in a fresh Python",
        (
            *columns("start"),
            *columns("wall s", "CPU s", "CPU time / nothing's", align="right"),
        ),
        rows(
            [one.what, f"{one.wall:.2f}", f"{one.cpu:.2f}", f"{one.cpu / nothing.cpu:.1f}"]
            for one in measured
        ),
    )
    console().print(table)
    console().print(f"  {options.out}", highlight=False, soft_wrap=True)
    return 0
