"""Say how far a study is: what is done, failed, running and left, and who runs it.

Nothing is written, and nothing of the study is executed. Exit 1 where a cell has failed or is
damaged, else 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bohb_study.cli import command_line


@dataclass(frozen=True)
class Status:
    """Options of ``bohb-study status``, as given."""

    study: Annotated[Path, tyro.conf.Positional]
    """Folder of a study, or of several, such as results."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON, an object a line for each study."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Print how far the studies are that the command line names; returns the exit code."""
    options = command_line.parse(Status, argv, __doc__ or "", "bohb-study status")
    from bohb_study.running.status import lines_of, status_of, studies_in  # imports pandas

    bad = False
    for number, folder in enumerate(studies_in(options.study)):
        status = status_of(folder)
        bad |= bool(status.failed)
        if options.json:
            print(status.to_json())
            continue
        if number:
            print()
        for line in lines_of(status):
            print(line)
    return int(bad)
