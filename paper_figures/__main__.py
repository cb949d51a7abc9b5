"""Redraw figures from stored studies: of one study, or of all below results/paper."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from bohb_study import cli
from bohb_study.errors import UsageError
from paper_figures.draw import draw_study

PAPER = Path("results/paper")
"""Where the studies behind the paper are, each in a folder of its own."""


@dataclass(frozen=True)
class Draw:
    """What can be asked for on the command line."""

    study: Path | None = None
    """Folder of one study; all below results/paper that have figures where not given."""
    out: Path | None = None
    """Where the files go; the study's own folder figures where not given. Needs --study."""
    allow_missing: tyro.conf.FlagCreatePairsOff[bool] = False
    """Draw although cells are missing; the caption names them."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Draw what the command line asks for and print the files; returns the exit code."""
    options = cli.parse(Draw, argv, description=__doc__ or "")
    if options.out and not options.study:
        raise UsageError(f"--out {options.out}: only with --study; of several, files would collide")
    for study in [options.study] if options.study else paper_studies(PAPER):
        out = options.out or study / "figures"
        try:
            files = draw_study(study, out, allow_missing=options.allow_missing)
        except OSError as error:
            raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from error
        print(*files, sep="\n")
    return 0


def paper_studies(folder: Path) -> list[Path]:
    """The studies directly below ``folder`` that have figures, by name.

    Parts of a larger comparison are packed without any.

    Raises:
        UsageError: there are none.
    """
    found = (study.parent for study in folder.glob("*/study.json"))
    studies = sorted(study for study in found if (study / "figures").is_dir())
    if not studies:
        raise UsageError(f"no studies in {folder}: name one with --study PATH")
    return studies


if __name__ == "__main__":
    sys.exit(cli.run(main))
