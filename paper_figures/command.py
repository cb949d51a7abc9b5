"""Draw all figures and tables of the paper from results/paper, or those of one study.

The same studies give the same bytes: --check draws everything in memory and compares it with the
committed list of hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from bohb_study.cli import command_line

PAPER = Path("results/paper")
"""Where the packed studies are, each in a folder of its own."""


@dataclass(frozen=True)
class Draw:
    """Options of ``bohb-study figures``, as given."""

    figures: tuple[str, ...] = ()
    """Figures and tables by name (--list prints them); by default all."""
    study: Path | None = None
    """Folder of one study, run or packed: every figure that it has the data for."""
    paper: Path = PAPER
    """Folder of all packed studies."""
    out: Path | None = None
    """Folder of the files; by default the gallery for the paper's figures as they are, the folder
    figures of a study for its own, else results/figures. With --html the file of the page."""
    venue: str = "neurips"
    """Page that figures are sized for: neurips, icml, jmlr or slides."""
    tasks: tuple[str, ...] = ()
    """Only these tasks; by default all."""
    methods: tuple[str, ...] = ()
    """Only these methods; by default all."""
    rule: str = ""
    """How incumbents are chosen: full, highest, validated, paper or any; by default the main rule
    of each task."""
    x: str = ""
    """Horizontal axis of curves: full-evals or seconds; by default seconds where several workers
    have a virtual clock, else full-evals. Ranks have full-evals only."""
    check: tyro.conf.FlagCreatePairsOff[bool] = False
    """Draw in memory and compare with the list of hashes; exit 1 where a byte differs."""
    html: tyro.conf.FlagCreatePairsOff[bool] = False
    """Write the page report.html of a study, to be looked at offline. Needs --study."""
    list: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the names of the paper's figures and tables; draw nothing."""
    allow_missing: tyro.conf.FlagCreatePairsOff[bool] = False
    """Draw although cells are missing; the caption names them."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Do what the command line asks for; returns the exit code."""
    options = command_line.parse(Draw, argv, __doc__ or "", "bohb-study figures")
    if options.list:
        from paper_figures.gallery_plan import PLAN

        print(*(item.name for item in PLAN), sep="\n")
        return 0
    from paper_figures.command_run import draw  # imports pandas and matplotlib

    return draw(options)
