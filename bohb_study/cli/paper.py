"""Run a named study of the paper, retrain its final configurations, and pack it.

The study is run as compare runs it, and continued where it was interrupted. Where something is
trained, each cell's final incumbent is then retrained with fresh training seeds, and each
method's best configuration is refit once on all training data; neither is charged to the budget.
What results/paper holds of it is written last: rows, retrainings, audit, the table, and what
figures need of rows that are left out; and, where a paper is reproduced, its claims beside what
was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bohb_study.cli import command_line
from bohb_study.cli.cluster_token import use_cluster_token
from bohb_study.cli.given_paths import check_repeats
from bohb_study.running.options import RunOptions

PAPER = Path("results/paper")


@dataclass(frozen=True)
class Paper:
    """Options of ``bohb-study paper``, as given."""

    name: Annotated[str, tyro.conf.Positional] = ""
    """The study, or group of studies (--list names them)."""
    seeds: int | None = None
    """Seeds; by default as many as the study names."""
    repeats: int | None = None
    """Trainings of each final incumbent; by default as many as the study names."""
    out: Path = Path("results")
    """Folder of all studies, where it is run."""
    paper: Path = PAPER
    """Folder of all packed studies."""
    full: tyro.conf.FlagCreatePairsOff[bool] = False
    """Run at the size of the original paper, on a cluster; prints the expected cost."""
    address: str | None = None
    """A running Ray cluster, as host:port or auto; by default none."""
    claims: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compute all claims from the packed studies and write docs/results.md; run nothing."""
    seal: tyro.conf.FlagCreatePairsOff[bool] = False
    """List the hashes of all files of each packed study that has no list; run nothing."""
    jobs: int | None = None
    """Cells, then trainings, that run at the same time; by default as many as there are CPUs."""
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
        """Raise UsageError, in one line that names the parameter, for what cannot be run."""
        if self.repeats is not None:
            check_repeats(self.repeats)
        RunOptions(self.out, jobs=self.jobs)  # says it better
        if self.full and self.paper == PAPER:
            object.__setattr__(self, "paper", self.out / "paper-full")


def main(argv: Sequence[str]) -> int:
    """Run the study that the command line names; returns the exit code."""
    options = command_line.parse(Paper, argv, __doc__ or "", "bohb-study paper")
    if options.list:
        from bohb_study.cli.paper_list import show_studies

        return show_studies()
    use_cluster_token(options.address)
    from bohb_study.cli import paper_run  # imports numpy, pandas and Ray

    if options.claims:
        return paper_run.write_claims(options)
    if options.seal:
        return paper_run.seal_all(options)
    return paper_run.run_all(options, argv)
