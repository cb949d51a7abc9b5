"""Measure how long a large study takes to load and to aggregate, and in how much memory.

The study is made up, packed into a temporary folder, and measured in a fresh process.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from bohb_study.benchmarking.circumstances import circumstances
from bohb_study.benchmarking.large_study import write_made_up
from bohb_study.cli import command_line
from bohb_study.cli.given_paths import check_file
from bohb_study.errors import UsageError
from bohb_study.files import json_bytes, replace_files

MOST_ROWS = 50_000_000
"""In all: they are made up in memory, some 400 bytes each."""


@dataclass(frozen=True)
class FrameBenchmark:
    """Options of the benchmark of large studies, as given."""

    methods: int = 10
    """Methods of the study."""
    seeds: int = 20
    """Seeds of each."""
    rows: int = 25_000
    """Reports of each cell."""
    out: Path = Path("results/frame_benchmark.json")
    """File to write."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be measured."""
        for parameter in ("methods", "seeds", "rows"):
            if (given := getattr(self, parameter)) < 1:
                raise UsageError(f"{given}: must be at least 1", parameter)
        asked = self.methods * self.seeds * self.rows
        if asked > MOST_ROWS:
            raise UsageError(
                f"--methods {self.methods} --seeds {self.seeds} --rows {self.rows}: {asked:,} "
                f"rows; must be at most {MOST_ROWS:,}"
            )
        check_file("out", self.out)


def main(argv: Sequence[str]) -> int:
    """Measure what the command line asks for; returns the exit code."""
    options = command_line.parse(FrameBenchmark, argv, __doc__ or "", "bohb-study bench frames")
    with tempfile.TemporaryDirectory() as folder:
        print("making up the study", file=sys.stderr)
        write_made_up(Path(folder), options.methods, options.seeds, options.rows)
        print("measuring it", file=sys.stderr)
        command = [sys.executable, "-P", "-m", "bohb_study.benchmarking.large_study", folder]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True
        )
    cost = json.loads(done.stdout)
    record = {
        **circumstances(),
        "measured": cost,
    }
    replace_files({options.out: json_bytes(record)})
    print(
        f"{cost['rows']:,} rows in {cost['cells']} cells: load {cost['load_seconds']:.1f} s, "
        f"aggregate {cost['aggregate_seconds']:.1f} s, peak {cost['peak_mb']:,.0f} MB"
    )
    print(f"  {options.out}")
    return 0
