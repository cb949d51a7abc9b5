"""Compare hyperparameter optimisers on identical budgets.

Runs every method on every task with every seed, stores each report of each trial, and prints and
draws which method was best at every moment. Cells that are done already are not run again.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from bohb_study.cli import command_line
from bohb_study.cli.cluster_token import use_cluster_token
from bohb_study.errors import UsageError
from bohb_study.running.options import RunOptions
from bohb_study.study import StudyConfig


@dataclass(frozen=True)
class Compare:
    """Options of ``bohb-study compare``, as given."""

    study: tyro.conf.OmitArgPrefixes[StudyConfig] = StudyConfig()
    run: tyro.conf.OmitArgPrefixes[tyro.conf.FlagCreatePairsOff[RunOptions]] = RunOptions()
    from_: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """A stored study (its study.json) that is run again exactly; options that change results are
    its own."""
    trust: tyro.conf.FlagCreatePairsOff[bool] = False
    """With --from: execute users' files that the study names, if they are unchanged."""
    dry_run: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print cells, units and planned rungs; run nothing."""
    list: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the tasks, their options and the methods; run nothing."""
    csv: tyro.conf.FlagCreatePairsOff[bool] = False
    """Write one CSV of the whole study beside its cells."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Run the study that the command line asks for; returns the exit code."""
    options = command_line.parse(Compare, argv, __doc__ or "", "bohb-study compare")
    only = None
    if options.from_ is not None:
        options, only = _stored(options)
    if options.list or options.dry_run:
        from bohb_study.cli.plan_tables import list_tables, plan_tables
        from bohb_study.running.engine_choice import check_actors, check_limits, engine_of
        from bohb_study.summaries.terminal import console

        if not options.list:
            study = options.study.resolve()
            engines = {engine_of(study.config, t, options.run) for t in study.tasks.values()}
            check_actors(study, engines, options.run)
            check_limits(study, engines, options.run)
        for table in list_tables() if options.list else plan_tables(options.study):
            console().print(table)
        return 0
    use_cluster_token(options.run.address)
    from bohb_study.cli.compare_run import compare  # imports numpy, pandas and Ray

    try:
        return compare(options.study, options.run, csv=options.csv, only=only)
    except KeyboardInterrupt:
        on = command_line.again("compare", argv)
        raise KeyboardInterrupt(f"finished cells are kept; go on with: {on}") from None


def _stored(options: Compare) -> tuple[Compare, Mapping[str, Mapping[str, int]]]:
    """The options with the study that ``--from`` names, and the seeds that it was asked for.

    Raises:
        UsageError: it would not be the same here, or options are given that are its own.
    """
    from bohb_study.running.same_again import config_from

    assert options.from_ is not None
    if options.study != StudyConfig():
        raise UsageError(
            f"{options.from_}: the options that change results are the study's own; leave out "
            "tasks, methods, budget, seeds and the like",
            parameter="from",
        )
    again = config_from(options.from_, trust=options.trust)
    for note in again.notes:
        print(f"note: {note}", file=sys.stderr)
    return replace(options, study=again.config, from_=None), again.asked
