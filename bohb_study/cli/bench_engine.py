"""Measure the engine: CPU time and memory of each method, by workers and by budget.

Each measurement is a fresh process; of several runs the one of least CPU time counts. Optionally
the same objective in Syne Tune's simulator in the same run, and a small study in real Ray Tune.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import tyro

from bohb_study.benchmarking import measurement_tables, verdicts
from bohb_study.benchmarking.cases import TASK, Case
from bohb_study.benchmarking.circumstances import circumstances
from bohb_study.benchmarking.fresh import measure_all
from bohb_study.cli import command_line, listings
from bohb_study.cli.given_paths import check_file, check_repeats
from bohb_study.errors import UsageError
from bohb_study.files import json_bytes, replace_files
from bohb_study.study import StudyConfig

PEER_NOTES = (
    "Syne Tune: simulator backend, the same space, losses and epochs' durations; random search; "
    "ASHA by stopping (grace period 1, reduction factor 3, 81 epochs); its BOHB is another "
    "algorithm: a kernel density searcher under ASHA",
    "Syne Tune's settings: sleep_time 0, tuner_sleep_time 5 (its default: it looks every 5 "
    "simulated seconds, so it may overrun the budget by a few reports), save_tuner off, no files "
    "of results, a silent TunerLogger, logging off, delays as they come; its clock counts real "
    "seconds of computing, too, so its runs differ",
)


@dataclass(frozen=True)
class EngineBenchmark:
    """Options of the engine benchmark, as given."""

    methods: tuple[str, ...] = ("grid", "random", "asha", "hyperband", "bohb")
    """Methods (bohb-stock is slow)."""
    workers: tuple[int, ...] = (1, 4, 16, 64)
    """Virtual workers; each is measured at the least of --budgets."""
    budgets: tuple[float, ...] = (50, 200, 800)
    """Full evaluations; each is measured with 4 workers, or the first of --workers."""
    repeats: int = 3
    """Runs of each; the one of least CPU time counts."""
    peer: Literal["syne-tune"] | None = None
    """Measure the same objective in this simulator as well: 4 workers, 50 full evaluations."""
    real: tyro.conf.FlagCreatePairsOff[bool] = False
    """Measure real Ray Tune as well: one worker, 2 full evaluations."""
    native: tyro.conf.FlagCreatePairsOff[bool] = False
    """Measure what portable numerics cost: pairs of cells, portable and native, one worker, of the
    engine's task at the least of --budgets and of the main job's at a tenth of its budget."""
    out: Path = Path("results/engine_benchmark.json")
    """File to write."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be measured."""
        for parameter, values in (("workers", self.workers), ("budgets", self.budgets)):
            if not values or len(set(values)) < len(values):
                given = " ".join(f"{value:g}" for value in values)
                raise UsageError(f"{given}: give at least one, and none twice", parameter)
        check_repeats(self.repeats)
        for count in self.workers:
            StudyConfig(tasks=(TASK,), methods=self.methods, workers=count)
        for budget in self.budgets:
            try:
                StudyConfig(tasks=(TASK,), budget=budget)
            except UsageError as error:
                raise UsageError(error.message, "budgets") from None
        compared = set(self.methods) & set(verdicts.PEER_METHODS)
        for parameter, asked in (("peer", self.peer), ("real", self.real)):
            if asked and not compared:
                among = ", ".join(verdicts.PEER_METHODS)
                raise UsageError(f": compares {among}; name one of them in --methods", parameter)
        if self.peer and find_spec("syne_tune") is None:
            raise UsageError(
                "syne-tune: Syne Tune is not installed; "
                "pip install -e '.[syne-tune]' -c constraints.txt",
                "peer",
            )
        check_file("out", self.out)


def main(argv: Sequence[str]) -> int:
    """Measure what the command line asks for; returns the exit code."""
    options = command_line.parse(EngineBenchmark, argv, __doc__ or "", "bohb-study bench engine")
    planned = verdicts.cases(
        options.methods, options.workers, options.budgets, peer=options.peer is not None
    )
    measured = measure_all(planned, options.repeats, _say)
    real = measure_all(_real_cases(options), 1, _say) if options.real else {}
    pairs = verdicts.native_cases(options.methods, min(options.budgets)) if options.native else []
    native = measure_all(pairs, options.repeats, _say)
    found = {
        "against_peer": verdicts.against_peer(measured),
        "growth": verdicts.growth(measured),
        "against_real": verdicts.against_real(real),
        "against_native": verdicts.against_native(native),
    }
    notes = PEER_NOTES if options.peer else ()
    record: dict[str, Any] = {
        "task": TASK,
        **circumstances(),
        "repeats": options.repeats,
        "notes": list(notes),
        "measured": [one.to_json() for one in measured.values()],
        "real": [one.to_json() for one in real.values()],
        "native": [one.to_json() for one in native.values()],
    }
    if options.peer:
        record["versions"] |= {"syne-tune": version("syne-tune")}
    for name, lines in found.items():
        record[name] = [{**asdict(line), "holds": line.passes} for line in lines]
    replace_files({options.out: json_bytes(record)})
    out = listings.console()
    out.print(measurement_tables.cost_table(measured.values(), options.repeats))
    if real:
        out.print(measurement_tables.wall_table(real.values()))
    for note in notes:
        out.print(note, highlight=False)
    for line in (line for lines in found.values() for line in lines):
        out.print(str(line), highlight=False)
    out.print(f"  {options.out}", highlight=False, soft_wrap=True)
    return 0


def _real_cases(options: EngineBenchmark) -> list[Case]:
    pairs = [
        Case("virtual", method, verdicts.REAL_WORKERS, verdicts.REAL_BUDGET)
        for method in options.methods
        if method in verdicts.PEER_METHODS
    ]
    return [case for pair in pairs for case in (pair, replace(pair, runner="tune"))]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
