"""Draw all figures and tables of the paper from results/paper, or those of one study.

The same studies give the same bytes: --check draws everything in memory and compares it with the
committed list of hashes.
"""

from bohb_study import start

if __name__ == "__main__":
    start.guard()

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from bohb_study.analysis import RULES, Axis
from bohb_study.cli import command_line
from bohb_study.errors import StudyError, UsageError
from bohb_study.store.files import replace_files
from paper_figures.gallery_plan import PLAN, Item, items
from paper_figures.paper_gallery import (
    PAGE,
    SUMS,
    RenderedItem,
    RenderOptions,
    Studies,
    differences,
    edited,
    make,
    page,
    read_sums,
    sums,
)
from paper_figures.registry import current_names, figures
from paper_figures.toolkit.style import VENUES

PAPER = Path("results/paper")
"""Where the packed studies are, each in a folder of its own."""
HOME = Path(__file__).parent
"""Where the gallery's page is; its files are in the folder ``gallery`` beside it."""
ELSEWHERE = Path("results/figures")
"""Where figures go that are not as the paper has them."""
AXES: dict[str, Axis] = {"full-evals": "full_evals", "seconds": "virtual_seconds"}


@dataclass(frozen=True)
class Draw:
    """What can be asked for on the command line."""

    figure: tuple[str, ...] = ()
    """Figures and tables by name; all where none is named."""
    study: Path | None = None
    """Folder of one study, run or packed: every figure that it has the data for."""
    paper: Path = PAPER
    """Folder of all packed studies."""
    out: Path | None = None
    """Folder of the files: the gallery's own for the paper's figures as they are, a study's folder
    figures for its own, else results/figures. With --html the page itself."""
    venue: str = "neurips"
    """Whose page: neurips, icml, jmlr or slides."""
    task: tuple[str, ...] = ()
    """These tasks alone."""
    methods: tuple[str, ...] = ()
    """These methods alone."""
    incumbent: str = ""
    """How incumbents are chosen: full, highest, validated, paper or any; each task's main rule
    where not given."""
    x: str = ""
    """What curves run along: full-evals or seconds; what fits the number of workers where not
    given. Ranks have full-evals alone."""
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

    def __post_init__(self) -> None:
        """Raise UsageError, in one line that names the flag, for what does not go together."""
        if self.venue not in VENUES:
            raise UsageError(f"--venue {self.venue}: no such page; allowed: {', '.join(VENUES)}")
        for flag, given, known in (
            ("--incumbent", self.incumbent, RULES),
            ("--x", self.x, AXES),
        ):
            if given and given not in known:
                raise UsageError(f"{flag} {given}: not known; allowed: {', '.join(known)}")
        if self.html and not self.study:
            raise UsageError("--html: needs --study, the folder of one study")
        if self.check and (self.study or self.out or self.wish != RenderOptions()):
            raise UsageError("--check: compares the paper's figures as they are, without options")

    @property
    def wish(self) -> RenderOptions:
        """What is to be other than the paper has it."""
        axis = AXES[self.x] if self.x else None
        rule = next((rule for rule in RULES if rule == self.incumbent), None)
        return RenderOptions(self.venue, self.task, self.methods, rule, axis, self.allow_missing)


def main(argv: Sequence[str]) -> int:
    """Do what the command line asks for; returns the exit code."""
    options = command_line.parse(Draw, argv, description=__doc__ or "")
    if options.list:
        print(*(item.name for item in PLAN), sep="\n")
        return 0
    if options.study and options.html:
        return html(options.study, options)
    if options.study:
        return draw_one(options.study, options)
    wanted = items(options.figure)
    if not any(options.paper.glob("*/study.json")):
        raise UsageError(f"no studies in {options.paper}: name one with --study PATH")
    if options.check:
        return check(wanted, options)
    return draw_paper(wanted, options)


def draw_paper(wanted: Sequence[Item], options: Draw) -> int:
    """Draw the paper's figures; all of them as they are make the gallery; returns the exit code.

    Where tasks, methods or an axis are named and figures are not, those that cannot show them are
    left out.
    """
    whole = options.wish == RenderOptions() and not options.figure and options.out is None
    some = bool(options.task or options.methods or options.x) and not options.figure
    folder = HOME / "gallery" if whole else options.out or ELSEWHERE
    studies, made = Studies(options.paper, options.wish), []
    skipped: dict[str, UsageError | StudyError] = {}
    for number, item in enumerate(wanted, start=1):
        try:
            made.append(make(item, studies))
        except (UsageError, StudyError) as error:
            if not some:
                raise
            skipped[item.name] = error
            continue
        write({folder / name: data for name, data in made[-1].files.items()})
        print(f"{item.name} ({number}/{len(wanted)})", file=sys.stderr)
        warn(made[-1])
    if not made:
        raise next(iter(skipped.values()))
    not_drawn(skipped)
    if whole:
        files = {name: data for one in made for name, data in one.files.items()}
        files[PAGE] = page(made)
        write({folder / SUMS: sums(files), HOME / "README.md": files[PAGE]})
    return 0


def check(wanted: Sequence[Item], options: Draw) -> int:
    """Draw the paper's figures in memory and compare; returns the exit code, 1 for a difference.

    All of them are compared with the whole list, which the files that are there must follow too.
    """
    gallery = HOME / "gallery"
    expected = read_sums(gallery / SUMS)
    studies, made, wrong = Studies(options.paper, RenderOptions()), [], 0
    for number, item in enumerate(wanted, start=1):
        try:
            made.append(make(item, studies))
            found = differences(made[-1].files, expected)
        except StudyError as error:
            found = [f"{item.name}: {error}"]
        wrong += bool(found)
        state = "differs" if found else "same"
        print(f"{item.name} ({number}/{len(wanted)}): {state}", file=sys.stderr)
        lines(found)
    beside: list[str] = []
    if len(made) == len(PLAN):
        drawn = {name for one in made for name in one.files} | {PAGE}
        beside = differences({PAGE: page(made)}, expected)
        beside += [f"{name}: in the list, not drawn" for name in sorted(set(expected) - drawn)]
        beside += edited(gallery, expected)
        lines(beside)
    print(f"{len(wanted) - wrong} of {len(wanted)} are byte for byte as listed")
    return 1 if wrong or beside else 0


def draw_one(study: Path, options: Draw) -> int:
    """Draw what one study has the data for; returns the exit code."""
    shown = Studies(study.parent, options.wish)
    known = figures()
    names = current_names(options.figure) or tuple(known)
    for name in names:
        if name not in known:
            raise UsageError(f"--figure {name}: not of one study; allowed: {', '.join(known)}")
    folder = options.out or study / "figures"
    skipped: dict[str, Exception] = {}
    for name in names:
        try:
            made = make(Item(name, name, (study.name,)), shown)
        except (UsageError, StudyError) as error:
            if name == "anytime" or options.figure:
                raise
            skipped[name] = error
        else:
            files = {folder / file: data for file, data in made.files.items()}
            write(files, within=None if options.out else study)
            warn(made)
    not_drawn(skipped)
    return 0


def html(study: Path, options: Draw) -> int:
    """Write the page of one study; returns the exit code."""
    from paper_figures.report import write_report

    print(write_report(study, options.out, allow_missing=options.allow_missing))
    return 0


def not_drawn(skipped: Mapping[str, Exception]) -> None:
    """Say what was left out and why, a line each."""
    for name, error in skipped.items():
        print(f"not drawn: {name}: {error}", file=sys.stderr)


def warn(made: RenderedItem) -> None:
    """Say what is not as it should be with what was drawn."""
    if made.warning:
        print(f"warning: {made.warning}", file=sys.stderr)


def lines(found: Iterable[str]) -> None:
    """Print lines; nothing where there are none."""
    for line in found:
        print(line)


def write(files: Mapping[Path, bytes], within: Path | None = None) -> None:
    """Write whole files and name them; ``within`` a study's folder no link is followed.

    Raises:
        UsageError: a file cannot be written.
    """
    try:
        replace_files(files, within)
    except StudyError as error:
        raise UsageError(f"--out: {error}") from None
    print(*files, sep="\n")


if __name__ == "__main__":
    sys.exit(command_line.run(main))
