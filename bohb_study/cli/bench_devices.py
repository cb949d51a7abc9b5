"""Measure LeNet and ResNet-20: channels last, mixed precision and torch.compile against eager.

On the first GPU, or on one thread of the CPU (without compiling mixed precision); the images are
made up. Images per second are medians of passes that take turns; a full evaluation is what they
make of the task's epochs and reports, the first update included.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

import tyro

from bohb_study.benchmarking.circumstances import circumstances
from bohb_study.cli import command_line
from bohb_study.cli.given_paths import check_file, check_numbers, check_repeats
from bohb_study.files import json_bytes, replace_files
from bohb_study.numerics import in_force, named
from bohb_study.summaries.table import Column, Table, columns, row
from bohb_study.summaries.terminal import console

if TYPE_CHECKING:
    from bohb_study.benchmarking.device_training import DeviceSpeed


@dataclass(frozen=True)
class DeviceBenchmark:
    """Options of the benchmark of devices, as given."""

    networks: tuple[Literal["LeNet", "ResNet-20"], ...] = ("LeNet", "ResNet-20")
    """Networks to train."""
    compiled: bool = True
    """Measure torch.compile as well, which has to compile first."""
    seconds: float = 1.0
    """That a pass takes, about; it is at least one batch."""
    repeats: int = 3
    """Passes of each variant."""
    out: Path = Path("results/device_benchmark.json")
    """File to write."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be measured."""
        check_numbers("seconds", (self.seconds,), 0, 600)
        check_repeats(self.repeats)
        check_file("out", self.out)


def main(argv: Sequence[str]) -> int:
    """Measure what the command line asks for; returns the exit code."""
    options = command_line.parse(DeviceBenchmark, argv, __doc__ or "", "bohb-study bench devices")
    from bohb_study.benchmarking.device_training import VARIANTS, measure  # imports torch

    variants = [one for one in VARIANTS if options.compiled or not one.compiled]
    speeds: list[DeviceSpeed] = []
    for speed in measure(options.networks, variants, options.seconds, options.repeats):
        print(f"{speed.network}, {speed.variant}", file=sys.stderr)
        speeds.append(speed)
    numerics = in_force()
    record = {
        **circumstances(),
        "numerics": numerics,
        "repeats": options.repeats,
        "measured": [asdict(speed) for speed in speeds],
    }
    replace_files({options.out: json_bytes(record)})
    console().print(_table(speeds, f"{named(numerics)}, median of {options.repeats}"))
    console().print(f"  {options.out}", highlight=False, soft_wrap=True)
    return 0


def _table(speeds: Sequence["DeviceSpeed"], how: str) -> Table:
    from bohb_study.benchmarking.passes import span

    rows, failures = [], []
    for speed in speeds:
        cells: list[str | int] = [speed.network, speed.variant, speed.batch_size]
        if speed.first_seconds is None or speed.full_evaluation is None:
            failures.append(f"{speed.network}, {speed.variant}: {speed.failed}")
            rows.append(row([*cells, "failed", "", "", "", ""]))
            continue
        rates = [f"{median(speed.train):,.0f}", span(speed.ratios), f"{median(speed.look):,.0f}"]
        seconds = [f"{speed.first_seconds:,.1f}", f"{speed.full_evaluation:,.0f}"]
        rows.append(row([*cells, *rates, *seconds]))
    return Table(
        f"{speeds[0].device}, {how}",
        (
            *columns("network", "variant"),
            *columns("batch", "images/s\ntrained", "ratio to\neager", align="right"),
            *columns("images/s\nlooked at", align="right"),
            Column("first\nupdate", "right", "s"),
            Column("full\nevaluation", "right", "s"),
        ),
        tuple(rows),
        tuple(failures),
    )
