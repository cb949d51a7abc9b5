"""Run a stored study again and compare it row by row.

Exit 0: every row is equal, the measured seconds aside. 1: something differs; the first difference
is named. 2: not possible here (other numerics, code or versions, several workers under engine
tune); says which. With --anyway other numerics, code and versions are said, and rows are compared
all the same.
"""

from bohb_study import start

if __name__ == "__main__":
    start.guard()

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bohb_study.cli import command_line, terminal
from bohb_study.numerics import Mode
from bohb_study.running.execution import RunOptions
from bohb_study.running.progress import make_progress
from bohb_study.running.reproduction import (
    NotReproducibleError,
    choose,
    executed_files,
    prepare_rerun,
    reasons,
    reproduce,
    unavailable,
)
from bohb_study.store import load_study
from bohb_study.tasks.user.own_file import executes

MOST = 4
"""At most so many reasons stand in one line."""


@dataclass(frozen=True)
class Reproduce:
    """What can be asked for on the command line."""

    study: Annotated[Path, tyro.conf.Positional]
    """Folder of the stored study, as it was run or packed."""
    sample: int | None = None
    """Run only so many cells again, drawn by the study's id among those that can be run here."""
    anyway: tyro.conf.FlagCreatePairsOff[bool] = False
    """Run and compare although numerics, code or versions are not those that ran the study."""
    numerics: Mode | None = None
    """By which kernels rows are computed now: portable or native; as the study's if not given."""
    trust: tyro.conf.FlagCreatePairsOff[bool] = False
    """Execute users' files that the study names, of tasks and methods, if they are unchanged."""
    jobs: int | None = None
    """Cells that run at the same time; as many as the machine has CPUs for where not given."""
    address: str | None = None
    """A running Ray cluster; a local one where not given."""
    download: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fetch data sets that are not on this machine."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reproduce the study that the command line names; returns the exit code."""
    options = command_line.parse(Reproduce, argv, description=__doc__ or "")
    study = load_study(options.study)
    gpus = max(record.gpus_per_trial for record in study.cells.values())
    run = RunOptions(jobs=options.jobs, address=options.address, gpus_per_trial=gpus)
    # a sample is of what can be run here; all cells are all cells
    absent = unavailable(study, download=options.download) if options.sample is not None else {}
    for task, reason in absent.items():
        print(f"left out: {task}: {reason}", file=sys.stderr)
    cells = choose(study, options.sample, absent)
    if options.trust:
        for line in executes(executed_files(study, cells)):
            print(line, file=sys.stderr)
    rerun = prepare_rerun(
        study, cells, options.numerics, download=options.download, trust=options.trust
    )
    why = reasons(rerun)
    if why and not options.anyway:
        raise NotReproducibleError(f"{study.path}: {_shortly(why)}; --anyway compares all the same")
    for line in why:
        print(f"other than when it was run: {line}", file=sys.stderr)
    comparisons = reproduce(rerun, run, make_progress)
    out = terminal.console()
    out.print(terminal.comparison_table(comparisons))
    different = [c for c in comparisons if c.difference]
    rows = sum(c.rows for c in comparisons)
    if not different:
        otherwise = ", by other code or numerics" if why else ""
        out.print(
            f"equal: {rows} rows of {len(cells)} cells, the measured seconds aside{otherwise}"
        )
        return 0
    first = different[0]
    assert first.difference is not None
    d = first.difference
    print(
        f"different: {len(different)} of {len(cells)} cells; first {first.cell}, row {d.row}, "
        f"column {d.column}: stored {d.stored!r}, now {d.rerun!r}{_blamed(why)}",
        file=sys.stderr,
    )
    return 1


def _shortly(why: Sequence[str]) -> str:
    more = f"; and {len(why) - MOST} more" if len(why) > MOST else ""
    return "; ".join(why[:MOST]) + more


def _blamed(why: Sequence[str]) -> str:
    """What may be the reason of a difference."""
    return f"; it was run otherwise: {_shortly(why)}" if why else ""


if __name__ == "__main__":
    sys.exit(command_line.run(main))
