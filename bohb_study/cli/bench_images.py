"""Measure images per second: this project's batches against a plain DataLoader loop.

Both hand out the same images of Fashion-MNIST, one thread, in this one process; of several passes
the fastest counts.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro

from bohb_study.benchmarking.circumstances import circumstances
from bohb_study.cli import command_line, listings
from bohb_study.cli.given_paths import MOST_REPEATS, check_file, check_numbers
from bohb_study.errors import UsageError
from bohb_study.files import json_bytes, replace_files
from bohb_study.summaries.table import Table, columns, row
from bohb_study.tasks.training.images.sources import SOURCES

MOST_IMAGES = 60_000
"""Training images that there are."""
MOST_LOADERS = 64
"""Each is a process with PyTorch in it."""


@dataclass(frozen=True)
class ImageBenchmark:
    """Options of the benchmark of images, as given."""

    images: int = 4000
    """Training images that a pass goes over."""
    batch_sizes: tuple[int, ...] = (2, 16, 128)
    """Images at a time."""
    loader_workers: tuple[int, ...] = (0, 2)
    """Worker processes of the DataLoader; 0 for none."""
    repeats: int = 3
    """Passes of each; the fastest counts."""
    data: str = ""
    """Folder of Fashion-MNIST; by default it is looked for where it may be."""
    out: Path = Path("results/image_benchmark.json")
    """File to write."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be measured."""
        for parameter, values, least, most in (
            ("images", (self.images,), 64, MOST_IMAGES),
            ("batch_sizes", self.batch_sizes, 1, MOST_IMAGES),
            ("loader_workers", self.loader_workers, 0, MOST_LOADERS),
            ("repeats", (self.repeats,), 1, MOST_REPEATS),
        ):
            check_numbers(parameter, values, least, most)
        check_file("out", self.out)
        try:
            SOURCES["fashion-mnist"].find(self.data)
        except UsageError:
            where = self.data or "(not given)"
            raise UsageError(
                f"{where}: no Fashion-MNIST there; name its folder, or on Debian apt "
                "install dataset-fashion-mnist",
                "data",
            ) from None


def main(argv: Sequence[str]) -> int:
    """Measure what the command line asks for; returns the exit code."""
    options = command_line.parse(ImageBenchmark, argv, __doc__ or "", "bohb-study bench images")
    from bohb_study.benchmarking.image_loading import OURS, Speed, measure  # imports torch

    rows = []
    speeds: list[Speed] = []
    ours = 0.0
    for speed in measure(
        options.data, options.images, options.batch_sizes, options.loader_workers, options.repeats
    ):
        print(f"{speed.work}, {speed.batch_size} at a time, {speed.way}", file=sys.stderr)
        speeds.append(speed)
        rate = speed.images_per_second
        ours = rate if speed.way == OURS else ours
        ratio = "" if speed.way == OURS else f"{ours / rate:.1f}"
        rows.append(row([speed.work, speed.batch_size, speed.way, f"{rate:,.0f}", ratio]))
    record = {
        **circumstances(),
        "repeats": options.repeats,
        "measured": [asdict(s) | {"images_per_second": s.images_per_second} for s in speeds],
    }
    replace_files({options.out: json_bytes(record)})
    out = listings.console()
    out.print(
        Table(
            f"{options.images} images of Fashion-MNIST, one thread, fastest of {options.repeats}",
            (
                *columns("work"),
                *columns("batch", align="right"),
                *columns("way"),
                *columns("images/s", "this project is faster by", align="right"),
            ),
            tuple(rows),
        )
    )
    out.print(f"  {options.out}", highlight=False, soft_wrap=True)
    return 0
