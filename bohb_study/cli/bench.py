"""Measure the project itself: its engine, its trainings, large studies, imports."""

from collections.abc import Sequence
from importlib import import_module

from bohb_study.cli import overviews
from bohb_study.errors import UsageError

PARTS = {
    "engine": "CPU time and memory of each method, by workers and by budget",
    "actors": "training on Ray actors: whether rows are those of one process, how busy actors are",
    "journal": "what a cell's journal costs, and what it saves a cell that is killed",
    "images": "images per second, against a plain DataLoader loop",
    "split": "a network in one piece, split over two devices, and with a pipeline",
    "devices": "LeNet and ResNet-20: channels last, mixed precision, torch.compile",
    "frames": "how long a large study takes to load and to aggregate",
    "intervals": "how often the intervals of tables and figures hold what they should",
    "imports": "how long importing the public modules and asking the commands for help takes",
}
"""What can be measured; each has a module of its own."""


def main(argv: Sequence[str]) -> int:
    """Measure what the first word names; returns the exit code."""
    part, rest = (argv[0], argv[1:]) if argv else ("", argv)
    if part in ("-h", "--help"):
        print(overview())
        return 0
    if part not in PARTS:
        given = f"bench {part}".rstrip()
        raise UsageError(f"{given}: name what is to be measured: {', '.join(PARTS)}")
    code: int = import_module(f"bohb_study.cli.bench_{part}").main(rest)
    return code


def overview() -> str:
    """What can be measured, a paragraph each."""
    further = ("bohb-study bench PART --help lists the options of a part.",)
    return overviews.overview("bohb-study bench PART [OPTIONS]", __doc__ or "", PARTS, further)
