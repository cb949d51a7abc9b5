"""``figures`` at work: draw the paper's figures or those of one study, or compare their bytes."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bohb_study.analysis import RULES, Axis
from bohb_study.cli.flags import with_flags
from bohb_study.errors import StudyError, UsageError
from bohb_study.files import replace_files
from paper_figures.command import Draw
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

HOME = Path(__file__).parent
"""Where the gallery's page is; its files are in the folder ``gallery`` beside it."""
IN_CHECKOUT = (Path(__file__).parents[1] / "setup.cfg").is_file()
"""Whether there is a gallery to write or to compare with: an installed package has none."""
ELSEWHERE = Path("results/figures")
"""Where figures go that are not as the paper has them."""
AXES: dict[str, Axis] = {"full-evals": "full_evals", "seconds": "virtual_seconds"}


def draw(options: Draw) -> int:
    """Draw or compare what is asked for; returns the exit code.

    Raises:
        UsageError: options that are not known or do not go together; no studies.
    """
    check_options(options)
    if options.study and options.html:
        return html(options.study, options)
    if options.study:
        return draw_one(options.study, options)
    wanted = items(options.figures)
    if not any(options.paper.glob("*/study.json")):
        raise UsageError(f"no studies in {options.paper}: name one with --study PATH")
    if options.check:
        return check(wanted, options)
    return draw_paper(wanted, options)


def check_options(options: Draw) -> None:
    """Raise UsageError, in one line that names the parameter, for what does not go together."""
    if options.venue not in VENUES:
        raise UsageError(f"{options.venue}: no such page; allowed: {', '.join(VENUES)}", "venue")
    for parameter, given, known in (
        ("rule", options.rule, RULES),
        ("x", options.x, AXES),
    ):
        if given and given not in known:
            raise UsageError(f"{given}: not known; allowed: {', '.join(known)}", parameter)
    if options.html and not options.study:
        raise UsageError(": needs --study, the folder of one study", "html")
    if options.check and (
        options.study or options.out or render_options(options) != RenderOptions()
    ):
        raise UsageError(": compares the paper's figures as they are, without options", "check")


def render_options(options: Draw) -> RenderOptions:
    """What is to be other than the paper has it."""
    axis = AXES[options.x] if options.x else None
    rule = next((rule for rule in RULES if rule == options.rule), None)
    return RenderOptions(
        options.venue, options.tasks, options.methods, rule, axis, options.allow_missing
    )


def draw_paper(wanted: Sequence[Item], options: Draw) -> int:
    """Draw the paper's figures; all of them as they are make the gallery; returns the exit code.

    Where tasks, methods or an axis are named and figures are not, those that cannot show them are
    left out.
    """
    whole = (
        render_options(options) == RenderOptions() and not options.figures and options.out is None
    )
    some = bool(options.tasks or options.methods or options.x) and not options.figures
    whole = whole and IN_CHECKOUT
    folder = HOME / "gallery" if whole else options.out or ELSEWHERE
    studies, made = Studies(options.paper, render_options(options)), []
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
    if not IN_CHECKOUT:
        raise UsageError(": needs a checkout, where the list of hashes is", "check")
    expected = read_sums(gallery / SUMS)
    studies, made, wrong = Studies(options.paper, RenderOptions()), [], 0
    for number, item in enumerate(wanted, start=1):
        try:
            made.append(make(item, studies))
            found = differences(made[-1].files, expected)
        except StudyError as error:
            found = [f"{item.name}: {with_flags(error)}"]
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
    shown = Studies(study.parent, render_options(options))
    known = figures()
    names = current_names(options.figures) or tuple(known)
    for name in names:
        if name not in known:
            raise UsageError(f"{name}: not of one study; allowed: {', '.join(known)}", "figures")
    folder = options.out or study / "figures"
    skipped: dict[str, Exception] = {}
    for name in names:
        try:
            made = make(Item(name, name, (study.name,)), shown)
        except (UsageError, StudyError) as error:
            if name == "anytime" or options.figures:
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
        print(f"not drawn: {name}: {with_flags(error)}", file=sys.stderr)


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
        raise UsageError(f": {error}", "out") from None
    print(*files, sep="\n")
