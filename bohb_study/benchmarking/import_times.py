"""How long imports take, each in a fresh Python, beside a Python that imports nothing."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from bohb_study.errors import StudyError

NOTHING = "python -c pass"
"""What all others are compared with."""
MODULES = (
    "bohb_study",
    "bohb_study.study",
    "bohb_study.store",
    "bohb_study.running.runner",
    "bohb_study.tasks.user.training_function",
    "paper_figures.draw",
)
"""The modules behind the public names, and the package that holds them."""
LOOKS: Mapping[str, Sequence[str]] = {
    "bohb-study --help": ("--help",),
    **{
        f"bohb-study {' '.join(words)}": words
        for words in (
            *(
                (name, "--help")
                for name in ("compare", "status", "reproduce", "figures", "paper", "pack")
            ),
            *((name, "--list") for name in ("compare", "figures", "paper")),
            ("compare", "--dry-run"),
        )
    },
}
"""Commands that only look, and their words."""


@dataclass(frozen=True)
class ImportTime:
    """What one start of Python took, several times over."""

    what: str
    wall_seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    """User and system time of the process and those that it started."""

    @property
    def wall(self) -> float:
        """Median of the wall time, in seconds."""
        return median(self.wall_seconds)

    @property
    def cpu(self) -> float:
        """Median of the CPU time, in seconds."""
        return median(self.cpu_seconds)


def measure_imports(repeats: int) -> list[ImportTime]:
    """A Python that imports nothing, then each module and each command, in rounds.

    Args:
        repeats: rounds; the first one, which fills the disk's cache, is not among them.

    Raises:
        StudyError: one of them fails.
    """
    commands = {
        NOTHING: ["-c", "pass"],
        **{f"import {name}": ["-c", f"import {name}"] for name in MODULES},
        **{name: ["-m", "bohb_study", *words] for name, words in LOOKS.items()},
    }
    found: dict[str, list[tuple[float, float]]] = {what: [] for what in commands}
    for number in range(repeats + 1):
        for what, words in commands.items():
            taken = _timed(what, words)
            if number:
                found[what].append(taken)
    return [
        ImportTime(what, tuple(wall for wall, _ in taken), tuple(cpu for _, cpu in taken))
        for what, taken in found.items()
    ]


def _timed(what: str, words: Sequence[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one fresh Python."""
    before, began = os.times(), perf_counter()
    done = subprocess.run(
        [sys.executable, "-P", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": _search_path()},
    )
    wall, after = perf_counter() - began, os.times()
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise StudyError(f"{what}: {said[-1][:300]}")
    cpu = after.children_user + after.children_system
    return wall, cpu - before.children_user - before.children_system


def _search_path() -> str:
    """Where this process found the package comes first, installed or not."""
    home = str(Path(__file__).parents[2])
    return os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
