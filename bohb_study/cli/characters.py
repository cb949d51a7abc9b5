"""Compute the character of tasks: what about them decides which method fits.

Random configurations are evaluated at every rung, off any ledger, and some of them once more at
full fidelity. What comes of it is put into a file, task by task: rank correlation of each rung with
the top, how much one and two hyperparameters explain, share of failures, noise, cost of the rungs.
Finished evaluations are kept, and the same command goes on where it was interrupted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from bohb_study.cli import command_line
from bohb_study.cli.given_paths import check_file
from bohb_study.errors import UsageError
from bohb_study.numerics import MODES, Mode

LEAST, MOST = 2, 100_000
"""Configurations."""


@dataclass(frozen=True)
class CharacterOptions:
    """Options of ``bohb-study characters``, as given."""

    tasks: tuple[str, ...] = ()
    """Tasks, by name or as path/to/file.py:NAME. Without any, only the page is written."""
    configs: int | None = None
    """Random configurations; by default 200 where nothing is trained, else 50."""
    task_options: tuple[str, ...] = ()
    """Options of tasks, as task.key=value."""
    out: Path = Path("results/paper/characters.json")
    """File that holds the characters; a task that is computed anew replaces its entry."""
    page: Path | None = None
    """Page of the documentation into which the tables of all characters in the file are written,
    such as docs/tasks.md."""
    jobs: int | None = None
    """Evaluations that run at the same time; by default as many as there are CPUs."""
    numerics: Mode = "portable"
    """By which kernels losses are computed: portable or native, as of compare."""
    download: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fetch data sets that are not on this machine."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the parameter, for what cannot be computed."""
        if not self.tasks and self.page is None:
            raise UsageError(": name at least one, or a page to write", "tasks")
        if self.configs is not None and not LEAST <= self.configs <= MOST:
            raise UsageError(f"{self.configs}: must be {LEAST} to {MOST:,}", "configs")
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"{self.jobs}: must be at least 1", "jobs")
        if self.numerics not in MODES:
            raise UsageError(f"{self.numerics}: not known; allowed: {', '.join(MODES)}", "numerics")
        check_file("out", self.out)
        if self.page is not None and not self.page.is_file():
            raise UsageError(f"{self.page}: no such page", "page")


def main(argv: Sequence[str]) -> int:
    """Compute what the command line asks for; returns the exit code."""
    options = command_line.parse(CharacterOptions, argv, __doc__ or "", "bohb-study characters")
    from bohb_study.cli import characters_run  # imports numpy, pandas and Ray

    try:
        return characters_run.run(options)
    except KeyboardInterrupt:
        on = command_line.again("characters", argv)
        raise KeyboardInterrupt(f"finished evaluations are kept; go on with: {on}") from None
