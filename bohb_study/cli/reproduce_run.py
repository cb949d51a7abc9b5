"""``reproduce`` at work: run cells of a stored study again, and say whether rows are equal."""

import sys
from collections.abc import Sequence

from bohb_study.cli import listings
from bohb_study.cli.flags import with_flags
from bohb_study.cli.reproduce import Reproduce
from bohb_study.numbers import counted
from bohb_study.running.options import RunOptions
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


def rerun(options: Reproduce) -> int:
    """Run cells again and compare them row by row; returns the exit code."""
    study = load_study(options.study)
    gpus = max(record.gpus_per_trial for record in study.cells.values())
    run = RunOptions(jobs=options.jobs, address=options.address, gpus_per_trial=gpus)
    # a sample is of what can be run here; all cells are all cells
    absent = unavailable(study, download=options.download) if options.sample is not None else {}
    for task, reason in absent.items():
        print(f"left out: {task}: {with_flags(reason)}", file=sys.stderr)
    cells = choose(study, options.sample, absent)
    if options.trust:
        for line in executes(executed_files(study, cells)):
            print(line, file=sys.stderr)
    again = prepare_rerun(
        study, cells, options.numerics, download=options.download, trust=options.trust
    )
    why = reasons(again)
    if why and not options.anyway:
        raise NotReproducibleError(
            f"{study.path}: {_shortly(why)}; anyway=True compares all the same"
        )
    for line in why:
        print(f"other than when it was run: {line}", file=sys.stderr)
    comparisons = reproduce(again, run, make_progress)
    out = listings.console()
    out.print(listings.comparison_table(comparisons))
    different = [c for c in comparisons if c.difference]
    rows = sum(c.rows for c in comparisons)
    if not different:
        otherwise = ", by other code or numerics" if why else ""
        of_all = f"{rows} rows of {counted(len(cells), 'cells')}"
        out.print(f"equal: {of_all}, the measured seconds aside{otherwise}")
        return 0
    first = different[0]
    assert first.difference is not None
    d = first.difference
    print(
        f"different: {len(different)} of {counted(len(cells), 'cells')}; first {first.cell}, "
        f"row {d.row}, column {d.column}: stored {d.stored!r}, now {d.rerun!r}{_blamed(why)}",
        file=sys.stderr,
    )
    return 1


def _shortly(why: Sequence[str]) -> str:
    more = f"; and {len(why) - MOST} more" if len(why) > MOST else ""
    return "; ".join(why[:MOST]) + more


def _blamed(why: Sequence[str]) -> str:
    """What may be the reason of a difference."""
    return f"; it was run otherwise: {_shortly(why)}" if why else ""
