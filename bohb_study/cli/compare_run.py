"""``compare`` at work: run the study, print its results, write what belongs beside its cells."""

import sys
from collections.abc import Mapping

from bohb_study.audit.study_audit import audit_study, store_audit
from bohb_study.audit.verdict import Audit
from bohb_study.cli import listings
from bohb_study.cli.flags import with_flags
from bohb_study.running.options import RunOptions
from bohb_study.running.runner import StudyRun, run_study
from bohb_study.store import LoadedStudy, load_study, write_csv
from bohb_study.store.sidecars.audit_json import AUDIT_FILE
from bohb_study.study import StudyConfig


def compare(
    config: StudyConfig,
    run_options: RunOptions,
    *,
    csv: bool,
    only: Mapping[str, Mapping[str, int]] | None = None,
) -> int:
    """Run, audit, print and draw a study; returns the exit code.

    Args:
        config: the study.
        run_options: how and where it is run.
        csv: whether one CSV of all rows is written.
        only: seeds by task and method, where not all cells of ``config`` are asked for.
    """
    run = run_study(config, run_options, only=only)
    for note in run.notes:
        print(f"note: {note}", file=sys.stderr)
    study = load_study(run.path, allow_missing=True)
    for problem in study.problems:
        print(f"missing: {with_flags(problem)}", file=sys.stderr)
    for cell, error in run.failed.items():
        print(f"failed: {cell}: {with_flags(error)}", file=sys.stderr)
    audit = audit_study(study)
    if study.frame.empty:
        return 1
    _show(study, audit, config.workers)
    if run.read_only:
        _say_read_only(run)
        if csv:
            write_csv(study, allow_missing=True)  # was asked for: says what is in its way
    else:
        _write(study, audit, csv=csv)
    return 1 if run.failed or not audit.passes else 0


def _show(study: LoadedStudy, audit: Audit, workers: int) -> None:
    """Print the table and the verdicts."""
    out = listings.console()
    out.print(listings.summary_table(study))
    if (utilisation := listings.utilisation_table(study)) is not None:
        out.print(utilisation)
    for line in listings.silent_lines(study):
        out.print(line, highlight=False, soft_wrap=True)
    for line in audit.lines():
        out.print(line, highlight=False)
    by_ray = any(record.engine == "tune" for record in study.cells.values())
    if workers > 1 and by_ray:
        out.print(
            f"engine tune with {workers} workers: rows depend on the order in which "
            "results arrived; another run will differ"
        )


def _say_read_only(run: StudyRun) -> None:
    print(
        f"{run.path} cannot be written: {run.read_only}; audit, figures and page are as they "
        f"were (bohb-study figures --study {run.path} --out FOLDER draws elsewhere)",
        file=sys.stderr,
    )


def _write(study: LoadedStudy, audit: Audit, *, csv: bool) -> None:
    """Write audit, figures and page beside the cells; name the files, however far that comes.

    Raises:
        StudyError, OSError: the disk is full, or a file cannot be written.
    """
    from paper_figures import draw_study  # matplotlib is slow to import
    from paper_figures.report import write_report

    out = listings.console()
    files = [study.path / "cells"]
    try:
        store_audit(study, audit)
        files.append(study.path / AUDIT_FILE)
        if csv:
            files.append(write_csv(study, allow_missing=True))
        files += draw_study(study, allow_missing=True)
        files.append(write_report(study, allow_missing=True))
    finally:
        for file in files:
            out.print(f"  {file}", highlight=False, soft_wrap=True)
