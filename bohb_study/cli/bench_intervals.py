"""Measure how often the intervals of tables and figures hold what they should, by simulation.

Samples of a few runs are drawn from populations of many shapes. Nothing is timed.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from bohb_study.benchmarking.circumstances import circumstances
from bohb_study.benchmarking.interval_coverage import METHODS, Coverage, coverages
from bohb_study.cli import command_line
from bohb_study.cli.given_paths import check_file
from bohb_study.errors import UsageError
from bohb_study.files import json_bytes, replace_files
from bohb_study.summaries.markdown import to_markdown
from bohb_study.summaries.table import Given, Table, columns, rows

LEAST = 10
"""Runs from which there are intervals at all."""


@dataclass(frozen=True)
class IntervalBenchmark:
    """Options of the simulation, as given."""

    sizes: tuple[int, ...] = (10, 16, 20)
    """Runs in a sample."""
    samples: int = 2000
    """Samples of each size from each population."""
    seed: int = 0
    """Of the samples."""
    out: Path = Path("results/interval_coverage.json")
    """File to write."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be simulated."""
        if not self.sizes:
            raise UsageError(": name at least one", "sizes")
        for size in self.sizes:
            if size < LEAST:
                raise UsageError(
                    f"{size}: must be at least {LEAST}: with fewer runs the range stands in",
                    "sizes",
                )
        if self.samples < 1:
            raise UsageError(f"{self.samples}: must be at least 1", "samples")
        if self.seed < 0:
            raise UsageError(f"{self.seed}: must not be negative", "seed")
        check_file("out", self.out)


def main(argv: Sequence[str]) -> int:
    """Simulate what the command line asks for; returns the exit code."""
    options = command_line.parse(
        IntervalBenchmark, argv, __doc__ or "", "bohb-study bench intervals"
    )
    found = []
    for size in options.sizes:
        print(f"samples of {size}", file=sys.stderr)
        found += coverages((size,), options.samples, options.seed)
    record = {
        **circumstances(),
        "samples": options.samples,
        "seed": options.seed,
        "coverage": [one._asdict() for one in found],
    }
    replace_files({options.out: json_bytes(record)})
    print(to_markdown(coverage_table(found, options.samples)), end="")
    print(f"  {options.out}")
    return 0


def _width(one: Coverage) -> float:
    return np.inf if one.width is None else one.width


def coverage_table(found: Sequence[Coverage], samples: int) -> Table:
    """A row a population, a column an interval and size; the share of samples in percent."""
    sizes = sorted({one.n for one in found})
    by_place = {(one.population, one.n, one.interval): one for one in found}
    populations = list(dict.fromkeys(one.population for one in found))
    shown: list[Sequence[Given]] = [
        (
            population,
            *(
                " / ".join(f"{100 * by_place[population, n, method].covered:.1f}" for n in sizes)
                for method in METHODS
            ),
        )
        for population in populations
    ]
    widths = [
        " / ".join(
            f"{np.median([_width(by_place[name, n, method]) for name in populations]):.2f}"
            for n in sizes
        )
        for method in METHODS
    ]
    shown.append(("(median width over percentile's)", *widths))
    names = " / ".join(map(str, sizes))
    return Table(
        f"Share of {samples:,} samples whose 95 % interval covers, in percent, at n = {names} runs",
        (*columns("population"), *columns(*METHODS, align="right")),
        rows(shown),
    )
