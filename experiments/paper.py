"""Run a named study of the paper, train its final configurations again, and pack it.

The study is run as compare.py runs it, and continued where it was interrupted. Where something is
trained, each cell's final incumbent is then trained again with fresh training seeds, and each
method's best configuration once on all data: off the ledger. What results/paper holds of it is
written last: rows, trainings, audit, the table, and what figures need of rows that are left out;
and, where a paper is reproduced, its claims beside what was found.
"""

from bohb_study import start

if __name__ == "__main__":
    start.guard()

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bohb_study.analysis.incumbents.compact import compact
from bohb_study.audit.study_audit import audit_folder
from bohb_study.cli import command_line, terminal
from bohb_study.errors import UsageError
from bohb_study.identity import git_state
from bohb_study.paper.derive import derive
from bohb_study.paper.effort import effort, measured_effort
from bohb_study.paper.named_studies import STUDIES, PaperStudy, paper_studies
from bohb_study.paper.normalisation_references import references, store_references
from bohb_study.paper.reports import REPORTS, update_readme, write_report
from bohb_study.running.execution import RunOptions
from bohb_study.running.retraining import retrain_finals
from bohb_study.running.runner import run_study
from bohb_study.store import load_study, pack
from bohb_study.store.checksums import TABLE_FILE, seal_folder, write_packed
from bohb_study.store.sidecars.audit_json import AUDIT_FILE
from bohb_study.store.sidecars.derived_frames import write_derived
from bohb_study.study import StudyConfig
from bohb_study.summaries.stored_table import table_with_audit
from bohb_study.summaries.study_table import retrained_table
from bohb_study.summaries.table import Table, code, columns, row

PAPER = Path("results/paper")
README = Path("README.md")


@dataclass(frozen=True)
class Paper:
    """What can be asked for on the command line."""

    name: Annotated[str, tyro.conf.Positional] = ""
    """The study, or group of studies (--list names them)."""
    seeds: int | None = None
    """Seeds; as many as the study names where not given."""
    repeats: int | None = None
    """Trainings of each final incumbent; as many as the study names where not given."""
    out: Path = Path("results")
    """Folder of all studies, where it is run."""
    paper: Path = PAPER
    """Folder of all packed studies."""
    full: tyro.conf.FlagCreatePairsOff[bool] = False
    """The size that the paper ran, for a cluster; prints what it will cost."""
    address: str | None = None
    """A running Ray cluster, as host:port, ray://host:port or auto; none where not given."""
    claims: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compute all claims from the packed studies and put them into README.md; run nothing."""
    seal: tyro.conf.FlagCreatePairsOff[bool] = False
    """List the hashes of all files of each packed study that has no list; run nothing."""
    jobs: int | None = None
    """Cells, then trainings, that run at the same time; as many as CPUs where not given."""
    download: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fetch data sets that are not on this machine."""
    fresh: tyro.conf.FlagCreatePairsOff[bool] = False
    """Start over in a new folder; nothing is deleted."""
    dry_run: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print cells, units, planned rungs, trainings and modelled hours; run nothing."""
    list: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the named studies; run nothing."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the flag, for what cannot be run."""
        if self.repeats is not None:
            command_line.check_repeats(self.repeats)
        RunOptions(self.out, jobs=self.jobs)  # says it better
        if self.full and self.paper == PAPER:
            object.__setattr__(self, "paper", self.out / "paper-full")


def main(argv: Sequence[str]) -> int:
    """Run the study that the command line names; returns the exit code."""
    options = command_line.parse(Paper, argv, description=__doc__ or "")
    out = terminal.console()
    if options.list:
        out.print(studies_table())
        return 0
    if options.claims:
        return write_claims(options)
    if options.seal:
        return seal_all(options)
    studies = paper_studies(options.name)
    if options.full:
        studies = [study for study in studies if study.full] or studies[:1]
    for study in studies:
        if (options.paper / study.name / "cells").exists():
            raise UsageError(f"--paper {options.paper}: {study.name} there is not packed")
    configs = {study: study.config(options.seeds, full=options.full) for study in studies}
    if options.full or options.dry_run:
        for study, config in configs.items():
            show_cost(study, config, options)
    if options.dry_run:
        return 0
    if git_state()["dirty"]:
        print("warning: the checkout is dirty; every cell's record will say so", file=sys.stderr)
    codes = [run(study, config, options, argv) for study, config in configs.items()]
    written = write_report(studies[0].group or studies[0].name, options.paper)
    if written:
        for claim in written.report.claims:
            out.print(f"{claim.holds}: {claim.claim} ({claim.source})", highlight=False)
        for file in written.files:
            out.print(f"  {file}", highlight=False, soft_wrap=True)
    return max(codes)


def show_cost(study: PaperStudy, config: StudyConfig, options: Paper) -> None:
    """Print what a study would take."""
    out = terminal.console()
    if options.dry_run:
        for table in terminal.plan_tables(config):
            out.print(table)
    packed = PAPER / study.name
    if options.full and (packed / "study.json").exists():
        out.print(measured_effort(config, packed), highlight=False)
    elif not all(task.computed for task in config.made_tasks().values()):
        out.print(effort(config, options.repeats or study.repeats), highlight=False)


def run(study: PaperStudy, config: StudyConfig, options: Paper, argv: Sequence[str]) -> int:
    """Run, train again, pack, draw and print; returns the exit code."""
    out = terminal.console()
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
            print(f"failed: {cell}: {error}", file=sys.stderr)
        if done.failed:
            return 1
        trained = not all(task.computed for task in config.made_tasks().values())
        repeats = options.repeats or study.repeats
        finals = retrain_finals(done.path, repeats, options.jobs) if trained else []
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"what is finished is kept; go on with: {_again(argv)}") from None
    target = options.paper / study.name
    loaded = load_study(done.path)
    audit = audit_folder(loaded)
    tops = {name: task["top"] for name, task in loaded.study["tasks"].items()}
    pack(done.path, target, compact(loaded.frame, tops) if study.thinned else None)
    study_id = loaded.study["id"]
    store_references(target, study_id, references(config.made_tasks(), loaded.frame))
    if study.thinned:
        write_derived(target, study_id, derive(loaded, study.whole))
    table = retrained_table(loaded)
    write_packed(target, {TABLE_FILE: table_with_audit(table, audit.lines())})
    out.print(table)
    for line in audit.lines():
        out.print(line, highlight=False)
    for file in [done.path / "cells", target / AUDIT_FILE, target / TABLE_FILE]:
        out.print(f"  {file}", highlight=False, soft_wrap=True)
    out.print("figures: python -m paper_figures", highlight=False)
    failed = [final for final in finals if final.status == "failed"]
    for final in failed:
        print(f"failed: {final.training}: {final.message}", file=sys.stderr)
    return 0 if audit.holds and not failed else 1


def write_claims(options: Paper) -> int:
    """Claims of all packed studies, beside them and in the README; returns the exit code."""
    found = {group: write_report(group, options.paper) for group in REPORTS}
    for group, written in found.items():
        if written is None:
            print(f"{group}: its studies are not packed in {options.paper}", file=sys.stderr)
    reports = [written.report for written in found.values() if written]
    if len(reports) < len(found):
        return 1
    update_readme(README, reports)
    return 0


def seal_all(options: Paper) -> int:
    """Give each packed study its list of hashes; returns the exit code."""
    folders = sorted(path.parent for path in options.paper.glob("*/cells.json"))
    if not folders:
        raise UsageError(f"--paper {options.paper}: holds no packed study")
    for folder in folders:
        load_study(folder)
        print(seal_folder(folder))
    return 0


def studies_table() -> Table:
    """The named studies, as ``--list`` prints them."""
    shown = [
        row(
            [
                code(study.name),
                study.what,
                " ".join(study.methods),
                f"{study.budget:g}",
                study.seeds,
                " ".join(study.task_option),
            ]
        )
        for study in STUDIES.values()
    ]
    headings = (
        *columns("study", "description", "methods"),
        *columns("budget", "seeds", align="right"),
        *columns("task options"),
    )
    return Table("studies", headings, tuple(shown), framed=True)


def _again(argv: Sequence[str]) -> str:
    words = [word for word in argv if word != "--fresh"]
    return shlex.join(["python", "experiments/paper.py", *words])


if __name__ == "__main__":
    sys.exit(command_line.run(main))
