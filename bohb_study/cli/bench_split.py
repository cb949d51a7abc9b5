"""Measure a ResNet-50 in one piece, split over two devices, and split with a pipeline.

On two GPUs, on one, or on the CPU, whatever there is; the images are made up. Images per second are
medians of passes that take turns; of the ratios of all rounds the median, the least and the most.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro

from bohb_study.benchmarking.circumstances import circumstances
from bohb_study.cli import command_line
from bohb_study.cli.given_paths import check_file, check_numbers, check_repeats
from bohb_study.files import json_bytes, replace_files
from bohb_study.numbers import counted
from bohb_study.numerics import in_force, named
from bohb_study.summaries.table import Table, columns, row
from bohb_study.summaries.terminal import console

MOST_IMAGES = 4096
"""In a batch."""


@dataclass(frozen=True)
class SplitBenchmark:
    """Options of the benchmark of split networks, as given."""

    width: int = 64
    """Channels of the stem, as of cifar10-resnet50-split."""
    boundary: int = 2
    """Layers, of the four, of the first stage."""
    batch_size: int = 32
    """Images of an update."""
    micro_batches: tuple[int, ...] = (4,)
    """Parts into which a batch is cut."""
    seconds: float = 2.0
    """That a pass takes, about; it is at least one update."""
    repeats: int = 3
    """Passes of each way."""
    out: Path = Path("results/split_benchmark.json")
    """File to write."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be measured."""
        check_numbers("width", (self.width,), 1, 256)
        check_numbers("boundary", (self.boundary,), 1, 3)
        check_numbers("batch_size", (self.batch_size,), 1, MOST_IMAGES)
        check_numbers("micro_batches", self.micro_batches, 1, self.batch_size)
        check_numbers("seconds", (self.seconds,), 0, 600)
        check_repeats(self.repeats)
        check_file("out", self.out)


def main(argv: Sequence[str]) -> int:
    """Measure what the command line asks for; returns the exit code."""
    options = command_line.parse(SplitBenchmark, argv, __doc__ or "", "bohb-study bench split")
    from bohb_study.benchmarking.passes import span
    from bohb_study.benchmarking.split_training import SplitSpeed, measure  # imports torch

    speeds: list[SplitSpeed] = []
    for speed in measure(
        options.width,
        options.boundary,
        options.batch_size,
        options.micro_batches,
        options.seconds,
        options.repeats,
    ):
        print(f"{speed.micro_batches} micro-batches, {speed.way}", file=sys.stderr)
        speeds.append(speed)
    numerics = in_force()
    record = {
        **circumstances(),
        "numerics": numerics,
        "repeats": options.repeats,
        "measured": [asdict(s) | {"images_per_second": s.images_per_second} for s in speeds],
    }
    replace_files({options.out: json_bytes(record)})
    table = Table(
        f"ResNet-50 of width {options.width}, batches of {options.batch_size}, "
        f"{named(numerics)}, median of {options.repeats}",
        (
            *columns("micro-batches", align="right"),
            *columns("way", "where"),
            *columns("images/s", "ratio to one piece", align="right"),
        ),
        tuple(
            row([s.micro_batches, s.way, s.where, f"{s.images_per_second:,.1f}", span(s.ratios)])
            for s in speeds
        ),
        (
            "ratio: images per second over those of the network in one piece in the same round "
            "(median, min to max); above 1 is faster",
            "in turn: one device after the other; two trainings at once: one on each device, "
            "nothing split",
            f"load of the machine in the last minute: {record['load']:g}, on "
            f"{counted(record['cpus'], 'CPUs')}",
        ),
    )
    console().print(table)
    console().print(f"  {options.out}", highlight=False, soft_wrap=True)
    return 0
