"""Compare hyperparameter optimisers on identical budgets: the main job.

Runs every method on every task with every seed, stores each report of each trial, and prints and
draws which method was best at every moment. What is done already is not run again.
"""

from bohb_study import start

if __name__ == "__main__":
    start.guard()

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from bohb_study.audit.study_audit import audit_study, store_audit
from bohb_study.audit.verdict import Audit
from bohb_study.cli import command_line, terminal
from bohb_study.running.execution import RunOptions
from bohb_study.running.runner import StudyRun, run_study
from bohb_study.store import LoadedStudy, load_study, write_csv
from bohb_study.store.sidecars.audit_json import AUDIT_FILE
from bohb_study.study import StudyConfig


@dataclass(frozen=True)
class Compare:
    """What can be asked for on the command line."""

    study: tyro.conf.OmitArgPrefixes[StudyConfig] = StudyConfig()
    run: tyro.conf.OmitArgPrefixes[RunOptions] = RunOptions()
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
    options = command_line.parse(Compare, argv, description=__doc__ or "")
    out = terminal.console()
    if options.list:
        for table in terminal.list_tables():
            out.print(table)
        return 0
    if options.dry_run:
        for table in terminal.plan_tables(options.study):
            out.print(table)
        return 0
    try:
        run = run_study(options.study, options.run)
        return show(load_study(run.path, allow_missing=True), run, options)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"finished cells are kept; go on with: {_again(argv)}") from None


def show(study: LoadedStudy, run: StudyRun, options: Compare) -> int:
    """Print the table and what does not hold, and write what belongs beside the cells."""
    out = terminal.console()
    for problem in study.problems:
        print(f"missing: {problem}", file=sys.stderr)
    for cell, error in run.failed.items():
        print(f"failed: {cell}: {error}", file=sys.stderr)
    audit = audit_study(study)
    if study.frame.empty:
        return 1
    out.print(terminal.summary_table(study))
    for line in terminal.silent_lines(study):
        out.print(line, highlight=False, soft_wrap=True)
    for line in audit.lines():
        out.print(line, highlight=False)
    by_ray = any(record.engine == "tune" for record in study.cells.values())
    if options.study.workers > 1 and by_ray:
        out.print(
            f"engine tune with {options.study.workers} workers: rows depend on the order in which "
            "results arrived; another run will differ"
        )
    if run.read_only:
        print(
            f"{run.path} cannot be written: {run.read_only}; audit, figures and page are as they "
            f"were (python -m paper_figures --study {run.path} --out FOLDER draws elsewhere)",
            file=sys.stderr,
        )
        if options.csv:
            write_csv(study, allow_missing=True)  # was asked for: says what is in its way
    else:
        write(study, audit, options)
    return 1 if run.failed or not audit.holds else 0


def write(study: LoadedStudy, audit: Audit, options: Compare) -> None:
    """Write audit, figures and page beside the cells; name the files, however far that comes.

    Raises:
        StudyError, OSError: the disk is full, or a file cannot be written.
    """
    from paper_figures import draw_study  # matplotlib is slow to import
    from paper_figures.report import write_report

    out = terminal.console()
    files = [study.path / "cells"]
    try:
        store_audit(study, audit)
        files.append(study.path / AUDIT_FILE)
        if options.csv:
            files.append(write_csv(study, allow_missing=True))
        files += draw_study(study, allow_missing=True)
        files.append(write_report(study, allow_missing=True))
    finally:
        for file in files:
            out.print(f"  {file}", highlight=False, soft_wrap=True)


def _again(argv: Sequence[str]) -> str:
    words = [word for word in argv if word != "--fresh"]
    return shlex.join(["python", "experiments/compare.py", *words])


if __name__ == "__main__":
    sys.exit(command_line.run(main))
