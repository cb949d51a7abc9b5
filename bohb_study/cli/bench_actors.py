"""Measure training on actors: the rows of one process, how busy actors are, and what dying costs.

Cells of digits, seed 0: in one process, and on Ray actors with random delays at every step, with
and without training ahead, and with actors killed at random moments; every row's hash is compared.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from bohb_study.benchmarking.circumstances import circumstances
from bohb_study.cli import command_line, listings
from bohb_study.cli.given_paths import check_file
from bohb_study.errors import UsageError
from bohb_study.files import json_bytes, replace_files
from bohb_study.study import StudyConfig
from bohb_study.summaries.table import Column, Table, code, columns, row

if TYPE_CHECKING:
    from bohb_study.benchmarking.parallel_training import Run


@dataclass(frozen=True)
class ActorsBenchmark:
    """Options of the benchmark of training on actors, as given."""

    methods: tuple[str, ...] = ("asha", "bohb")
    """Methods."""
    workers: int = 4
    """Virtual workers of a cell."""
    actors: tuple[int, ...] = (1, 2, 4)
    """Actors, each at most as many as workers."""
    budget: float = 10
    """Full evaluations of a cell."""
    delay: float = 0.1
    """Seconds by which a step is delayed at most."""
    deaths: int = 10
    """Actors that are killed in one cell."""
    out: Path = Path("results/actors_benchmark.json")
    """File to write."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be measured."""
        StudyConfig(methods=self.methods, workers=self.workers, budget=self.budget)
        if not self.actors or not all(1 <= one <= self.workers for one in self.actors):
            given = " ".join(map(str, self.actors))
            raise UsageError(f"{given}: must be between 1 and {self.workers} workers", "actors")
        if not 0 <= self.delay < 60:
            raise UsageError(f"{self.delay:g}: must be 0 or more seconds, below 60", "delay")
        if self.deaths < 0:
            raise UsageError(f"{self.deaths}: must be 0 or more", "deaths")
        check_file("out", self.out)


def main(argv: Sequence[str]) -> int:
    """Measure what the command line asks for; returns 1 where rows differ."""
    options = command_line.parse(ActorsBenchmark, argv, __doc__ or "", "bohb-study bench actors")
    from bohb_study.benchmarking.parallel_training import side_by_side
    from bohb_study.running.pools import connection

    runs = []
    with connection.connected(None, cpus=max(options.actors)):
        for run in _runs(options):
            print(f"{run.method} {run.what}: {run.hash}", file=sys.stderr, flush=True)
            runs.append(run)
        on_two, apart = side_by_side(options.methods[0], options.budget)
    differing = [run for run in runs if run.hash != _first(runs, run.method).hash]
    record = {
        **circumstances(),
        "options": {**asdict(options), "out": str(options.out)},
        "runs": [asdict(run) for run in runs],
        "two_cells": {"each_on_two_actors": on_two, "side_by_side": apart},
    }
    replace_files({options.out: json_bytes(record)})
    out = listings.console()
    out.print(_table(runs))
    out.print(
        f"two cells of two workers, {options.methods[0]}: one after the other on two actors "
        f"{on_two:.1f} s, side by side in two processes {apart:.1f} s (x {on_two / apart:.2f})"
    )
    out.print(f"rows differ in {len(differing)} of {len(runs)} runs")
    out.print(f"  {options.out}", highlight=False, soft_wrap=True)
    return 1 if differing else 0


def _runs(options: ActorsBenchmark) -> Iterator["Run"]:
    from bohb_study.benchmarking import parallel_training as measured

    most = max(options.actors)
    for method in options.methods:
        plain = measured.job_of(method, options.workers, options.budget)
        slow = measured.job_of(method, options.workers, options.budget, options.delay)
        yield measured.in_process(plain)
        for actors in options.actors:
            yield measured.on_actors(plain, actors, "as it is")
            yield measured.on_actors(slow, actors, "random delays")
        yield measured.on_actors(slow, most, "random delays, none ahead", ahead=False)
        if options.deaths:
            yield measured.with_deaths(slow, most, options.deaths, every=1.5)


def _first(runs: Sequence["Run"], method: str) -> "Run":
    return next(run for run in runs if run.method == method)


def _table(runs: Sequence["Run"]) -> Table:
    return Table(
        "digits, seed 0: the same cell in one process and on actors",
        (
            *columns("method", "what", "rows' hash"),
            *columns("actors", align="right"),
            Column("wall", "right", "s"),
            *(Column(name, "right", "%") for name in ("busy", "waiting", "idle")),
            *columns("units\nrepeated", "units\nunused", "actors\ndied", align="right"),
        ),
        tuple(
            row(
                [
                    code(run.method),
                    run.what,
                    run.hash,
                    run.actors or "-",
                    f"{run.seconds:.1f}",
                    *(f"{100 * one:.0f}" for one in (run.busy, run.waiting, run.idle)),
                    run.repeated,
                    run.unused,
                    run.deaths,
                ]
            )
            for run in runs
        ),
        (
            "waiting: without work while a report was held back until its turn on the virtual "
            "clock; the remainder is imports, data and messages",
        ),
    )
