"""Run a named study of the paper, train its final configurations again, and pack it.

The study is run as compare.py runs it, and continued where it was interrupted. Then each cell's
final incumbent is trained again with fresh training seeds, and each method's best configuration
once on all data: off the ledger. What results/paper holds of it is written last: rows, trainings,
figures and the table.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from bohb_study import cli, terminal
from bohb_study.auditing import audit_folder
from bohb_study.errors import UsageError
from bohb_study.execution import RunOptions
from bohb_study.paper.effort import effort
from bohb_study.paper.studies import STUDIES, PaperStudy, paper_study
from bohb_study.paper.table import paper_table
from bohb_study.provenance import git_state
from bohb_study.retraining import REPEATS, retrain_finals
from bohb_study.runner import run_study
from bohb_study.store import load_study, pack
from bohb_study.store.audits import AUDIT_FILE
from bohb_study.store.files import replace_files
from bohb_study.study import StudyConfig

PAPER = Path("results/paper")


@dataclass(frozen=True)
class Paper:
    """What can be asked for on the command line."""

    name: Annotated[str, tyro.conf.Positional] = ""
    """The study (--list names them)."""
    seeds: int | None = None
    """Seeds; as many as the study names where not given."""
    repeats: int = REPEATS
    """Trainings of each final incumbent."""
    out: Path = Path("results")
    """Folder of all studies, where it is run."""
    target: Path | None = None
    """Folder to pack it into; results/paper/NAME where not given."""
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
        if self.repeats < 1:
            raise UsageError(f"--repeats {self.repeats}: must be at least 1")
        if self.target and (self.target / "cells").exists():
            raise UsageError(f"--target {self.target}: holds a study that is not packed")


def main(argv: Sequence[str]) -> int:
    """Run the study that the command line names; returns the exit code."""
    options = cli.parse(Paper, argv, description=__doc__ or "")
    out = terminal.console()
    if options.list:
        out.print(studies_table())
        return 0
    study = paper_study(options.name)
    config = study.config(options.seeds)
    run_options = RunOptions(
        options.out, study.name, options.fresh, options.jobs, download=options.download
    )
    if options.dry_run:
        for table in terminal.plan_tables(config):
            out.print(table)
        out.print(effort(config, options.repeats), highlight=False)
        return 0
    if git_state()["dirty"]:
        print("warning: the checkout is dirty; every cell's record will say so", file=sys.stderr)
    return run(study, config, run_options, options, argv)


def run(
    study: PaperStudy,
    config: StudyConfig,
    run_options: RunOptions,
    options: Paper,
    argv: Sequence[str],
) -> int:
    """Run, train again, pack, draw and print; returns the exit code."""
    from paper_figures import draw_study  # matplotlib is slow to import

    out = terminal.console()
    try:
        done = run_study(config, run_options)
        for cell, error in done.failed.items():
            print(f"failed: {cell}: {error}", file=sys.stderr)
        if done.failed:
            return 1
        finals = retrain_finals(done.path, options.repeats, options.jobs)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"what is finished is kept; go on with: {_again(argv)}") from None
    target = options.target or PAPER / study.name
    audit = audit_folder(load_study(done.path))
    pack(done.path, target)
    table = paper_table(target)
    replace_files({target / "table.md": table.markdown().encode()})
    files = draw_study(target)
    out.print(table.rich())
    for note in table.notes:
        out.print(f"* {note}", highlight=False)
    for line in audit.lines():
        out.print(line, highlight=False)
    for file in [done.path / "cells", target / AUDIT_FILE, target / "table.md", *files]:
        out.print(f"  {file}", highlight=False, soft_wrap=True)
    failed = [final for final in finals if final.status == "failed"]
    for final in failed:
        print(f"failed: {final.training}: {final.message}", file=sys.stderr)
    return 0 if audit.holds and not failed else 1


def studies_table() -> Table:
    """The named studies, as ``--list`` prints them."""
    table = Table(title="studies", title_justify="left")
    for heading in ("study", "what", "methods", "budget", "seeds", "task options"):
        table.add_column(heading, justify="right" if heading in {"budget", "seeds"} else "left")
    for study in STUDIES.values():
        table.add_row(
            study.name,
            study.what,
            " ".join(study.methods),
            f"{study.budget:g}",
            str(study.seeds),
            " ".join(study.task_option),
        )
    return table


def _again(argv: Sequence[str]) -> str:
    words = [word for word in argv if word != "--fresh"]
    return " ".join(["python experiments/paper.py", *words])


if __name__ == "__main__":
    sys.exit(cli.run(main))
