"""``paper`` at work: run named studies, retrain, pack, and write claims."""

import sys
from collections.abc import Sequence

from bohb_study.analysis.incumbents.compact import compact
from bohb_study.audit.study_audit import audit_folder
from bohb_study.checkout import git_state
from bohb_study.cli import command_line, listings
from bohb_study.cli.flags import with_flags
from bohb_study.cli.paper import PAPER, Paper
from bohb_study.cli.plan_tables import plan_tables
from bohb_study.errors import UsageError
from bohb_study.paper.effort import effort, measured_effort
from bohb_study.paper.named_studies import PaperStudy, paper_studies
from bohb_study.paper.reports import REPORTS, RESULTS, update_page, write_report
from bohb_study.running.options import RunOptions
from bohb_study.running.retraining import retrain_finals
from bohb_study.running.runner import run_study
from bohb_study.store import load_study, pack
from bohb_study.store.checksums import TABLE_FILE, seal_folder, write_packed
from bohb_study.store.sidecars.audit_json import AUDIT_FILE
from bohb_study.store.sidecars.derived_frames import write_derived
from bohb_study.study import StudyConfig
from bohb_study.summaries.derivation import derive
from bohb_study.summaries.normalisation_references import references, store_references
from bohb_study.summaries.stored_table import table_with_audit
from bohb_study.summaries.study_table import retrained_table


def run_all(options: Paper, argv: Sequence[str]) -> int:
    """Run the studies that are named; returns the exit code."""
    out = listings.console()
    studies = paper_studies(options.name)
    if options.full:
        studies = [study for study in studies if study.full] or studies[:1]
    for study in studies:
        if (options.paper / study.name / "cells").exists():
            raise UsageError(f"{options.paper}: {study.name} there is not packed", "paper")
    configs = {study: study.config(options.seeds, full=options.full) for study in studies}
    if options.full or options.dry_run:
        for study, config in configs.items():
            show_cost(study, config, options)
    if options.dry_run:
        return 0
    if git_state()["dirty"]:
        print("warning: the checkout is dirty; every cell's record will say so", file=sys.stderr)
    codes = [run_one(study, config, options, argv) for study, config in configs.items()]
    written = write_report(studies[0].group or studies[0].name, options.paper)
    if written:
        for claim in written.report.claims:
            out.print(f"{claim.holds}: {claim.claim} ({claim.source})", highlight=False)
        for file in written.files:
            out.print(f"  {file}", highlight=False, soft_wrap=True)
    return max(codes)


def show_cost(study: PaperStudy, config: StudyConfig, options: Paper) -> None:
    """Print what a study would take."""
    out = listings.console()
    if options.dry_run:
        for table in plan_tables(config):
            out.print(table)
    packed = PAPER / study.name
    if options.full and (packed / "study.json").exists():
        out.print(measured_effort(config, packed), highlight=False)
    elif not all(task.computed for task in config.resolve().tasks.values()):
        out.print(effort(config, options.repeats or study.repeats), highlight=False)


def run_one(study: PaperStudy, config: StudyConfig, options: Paper, argv: Sequence[str]) -> int:
    """Run, retrain, pack, draw and print; returns the exit code."""
    out = listings.console()
    run_options = RunOptions(
        options.out,
        study.name,
        options.fresh,
        options.jobs,
        address=options.address,
        download=options.download,
    )
    try:
        done = run_study(config, run_options)
        for cell, error in done.failed.items():
            print(f"failed: {cell}: {with_flags(error)}", file=sys.stderr)
        if done.failed:
            return 1
        trained = not all(task.computed for task in config.resolve().tasks.values())
        repeats = options.repeats or study.repeats
        finals = retrain_finals(done.path, repeats, options.jobs) if trained else []
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"what is finished is kept; go on with: {command_line.again('paper', argv)}"
        ) from None
    target = options.paper / study.name
    loaded = load_study(done.path)
    audit = audit_folder(loaded)
    pack(loaded, target, compact(loaded.frame, loaded.study.tops) if study.is_compact else None)
    study_id = loaded.study.id
    store_references(target, study_id, references(config.resolve().tasks, loaded.frame))
    if study.is_compact:
        write_derived(target, study_id, derive(loaded, study.whole))
    table = retrained_table(loaded)
    write_packed(target, {TABLE_FILE: table_with_audit(table, audit.lines())})
    out.print(table)
    for line in audit.lines():
        out.print(line, highlight=False)
    for file in [done.path / "cells", target / AUDIT_FILE, target / TABLE_FILE]:
        out.print(f"  {file}", highlight=False, soft_wrap=True)
    out.print("figures: bohb-study figures", highlight=False)
    failed = [final for final in finals if final.status == "failed"]
    for final in failed:
        print(f"failed: {final.training}: {final.message}", file=sys.stderr)
    return 0 if audit.passes and not failed else 1


def write_claims(options: Paper) -> int:
    """Claims of all packed studies, beside them and in the results; returns the exit code."""
    found = {group: write_report(group, options.paper) for group in REPORTS}
    for group, written in found.items():
        if written is None:
            print(f"{group}: its studies are not packed in {options.paper}", file=sys.stderr)
    reports = [written.report for written in found.values() if written]
    if len(reports) < len(found):
        return 1
    update_page(RESULTS, reports)
    return 0


def seal_all(options: Paper) -> int:
    """Give each packed study its list of hashes; returns the exit code."""
    folders = sorted(path.parent for path in options.paper.glob("*/cells.json"))
    if not folders:
        raise UsageError(f"{options.paper}: holds no packed study", "paper")
    for folder in folders:
        load_study(folder)
        print(seal_folder(folder))
    return 0
