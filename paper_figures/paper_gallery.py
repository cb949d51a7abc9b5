"""All figures and tables of the paper as files, and the page that shows them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from matplotlib.figure import Figure

from bohb_study.analysis import Axis, Rule
from bohb_study.errors import StudyError
from bohb_study.summaries.latex import to_latex
from bohb_study.summaries.markdown import to_markdown
from paper_figures.draw import open_study
from paper_figures.figure_study import FigureStudy, joined, together
from paper_figures.gallery_plan import Item
from paper_figures.packed_frames import with_derived
from paper_figures.registry import figures, series, tables
from paper_figures.toolkit import style  # fmt: skip
from paper_figures.toolkit.save import render

SUMS = "SHA256SUMS"
"""The list of hashes, as ``sha256sum`` writes it in its own folder."""
PAGE = "../README.md"
"""The page, as the list names it."""


@dataclass(frozen=True)
class RenderOptions:
    """What of the figures is not as the paper has it."""

    venue: str = "neurips"
    tasks: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    rule: Rule | None = None
    axis: Axis | None = None
    allow_missing: bool = False


@dataclass(frozen=True)
class RenderedItem:
    """One item of the plan as files."""

    item: Item
    files: Mapping[str, bytes]
    """Name of a file -> its bytes."""
    text: str
    """A figure's caption, or a table in markdown."""
    warning: str = ""
    """That a figure is higher than the page that it was made for; empty where it is not."""


class Studies:
    """The packed studies below a folder, each opened once."""

    def __init__(self, folder: Path, options: RenderOptions) -> None:
        """Name the folder; nothing is read yet."""
        self._folder, self._options = folder, options
        self._open = cache(self._read)

    def of(self, item: Item) -> list[FigureStudy]:
        """What an item is drawn from, cut to its tasks and methods: one study, or a series.

        Raises:
            UsageError: a study is not there, or lacks a task or a method that is named.
            StudyError: a study cannot be used.
        """
        found = [self._open(name) for name in item.studies]
        if item.what not in series():
            found = [joined(found)] if len(found) > 1 else found
        tasks, methods = self._options.tasks or item.tasks, self._options.methods or item.methods
        return [study.of(tasks or None, methods or None) for study in found]

    def _read(self, name: str) -> FigureStudy:
        options = self._options
        loaded, study = open_study(self._folder / name, allow_missing=options.allow_missing)
        study = with_derived(study, loaded)
        return replace(study, venue=options.venue, rule=options.rule, axis=options.axis)


def make(item: Item, studies: Studies) -> RenderedItem:
    """Draw a figure in every format, or write a table in both; nothing is saved.

    Raises:
        UsageError, StudyError: as ``Studies.of``, or the figure cannot be drawn of these studies.
    """
    shown = studies.of(item)
    if item.what in tables():
        table = tables()[item.what].make(shown[0])
        latex = to_latex(table, f"tab:{item.name.removeprefix('table-')}")
        markdown = to_markdown(table)
        return RenderedItem(
            item,
            {f"{item.name}.md": markdown.encode(), f"{item.name}.tex": latex.encode()},
            markdown,
        )
    if item.what in series():
        figure, caption = series()[item.what].draw(shown)
        source = together([study.provenance for study in shown])
    else:
        figure, caption = figures()[item.what].draw(shown[0])
        source = shown[0].provenance
    rendered = render(figure, item.name, caption, source)
    files = {f"{item.name}.{form}": data for form, data in rendered.items()}
    return RenderedItem(item, files, caption, _too_high(figure, item.name, shown[0].venue))


def _too_high(figure: Figure, name: str, venue: str) -> str:
    high, allowed = figure.get_figheight(), style.tallest(venue)
    if high <= allowed + 0.005:
        return ""
    return (
        f"{name}: {high:.1f} in high, a page of {venue} has {allowed:.1f}: show fewer "
        "tasks or methods"
    )


def page(made: Sequence[RenderedItem]) -> bytes:
    """The gallery: every figure with its caption and the command that draws it, every table."""
    parts = [
        "# Figures and tables",
        "`python -m paper_figures` draws all of them from `results/paper`, as PDF, SVG and PNG; "
        "`python -m paper_figures --check` draws them in memory and compares every byte with "
        f"[{SUMS}](gallery/{SUMS}). This page is written by the first. `--venue icml`, `neurips`, "
        "`jmlr` or `slides` lays them out for another page; `--tasks`, `--methods`, `--rule` and "
        "`--x` select what they show; these variants go to `results/figures`.",
    ]
    for one in made:
        name = one.item.name
        shown = f"![{name}](gallery/{name}.png)\n\n{one.text}"
        is_table = one.item.what in tables()
        parts += [
            f"## {name}",
            one.text.strip() if is_table else shown,
            f"`python -m paper_figures --figures {name}`"
            + (f" ([LaTeX](gallery/{name}.tex))" if is_table else ""),
        ]
    return ("\n\n".join(parts) + "\n").encode()


def sums(files: Mapping[str, bytes]) -> bytes:
    """The hashes of files by name, as ``sha256sum --check`` reads them."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in sorted(files.items())]
    return ("\n".join(lines) + "\n").encode()


def read_sums(path: Path) -> dict[str, str]:
    """The list of hashes: name -> sha256.

    Raises:
        StudyError: there is no such list, or it is damaged.
    """
    try:
        pairs = [line.split("  ", 1) for line in path.read_text().splitlines()]
        return {name: value for value, name in pairs}
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{path}: no list of hashes ({error}); run python -m paper_figures"
        ) from None


def differences(files: Mapping[str, bytes], expected: Mapping[str, str]) -> list[str]:
    """What of some files, by name, is not as the list says, a line each."""
    lines = []
    for name, data in files.items():
        found = hashlib.sha256(data).hexdigest()
        if name not in expected:
            lines.append(f"{name}: not in the list")
        elif found != expected[name]:
            lines.append(f"{name}: {found[:12]} is drawn now, {expected[name][:12]} is in the list")
    return lines


def edited(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """What of the files in a gallery is not as its list says, a line each.

    A file that is not there is none of them: not every format is committed.
    """
    there = {PAGE: folder / PAGE} | {path.name: path for path in sorted(folder.glob("*"))}
    files = {
        name: path.read_bytes() for name, path in there.items() if name != SUMS and path.is_file()
    }
    return [
        f"{name}: the file there is not as listed"
        for name, data in files.items()
        if hashlib.sha256(data).hexdigest() != expected.get(name)
    ]
