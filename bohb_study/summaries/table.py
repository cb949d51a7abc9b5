"""A table as data: what it says, not how it looks.

The modules beside this one render it: ``terminal`` (rich), ``markdown``, ``latex`` (booktabs) and
``html``. Text is plain in all of them; each renderer escapes it for its own medium.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from bohb_study.numbers import NONE

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bohb_study.analysis import Estimate
    from bohb_study.scores import Score

Align = Literal["left", "right"]
Emphasis = Literal["plain", "bold", "code", "good", "fair", "bad", "idle"]
"""``bold`` the best or significant, ``code`` a name as it is typed; the others are states, which
HTML colours."""


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table."""

    text: str
    emphasis: Emphasis = "plain"


@dataclass(frozen=True)
class Column:
    """One column: its heading, what it is measured in, and where its cells stand."""

    heading: str
    """A line break in it is kept where the heading is broad and the numbers are not."""
    align: Align = "left"
    unit: str = ""
    """Of all its numbers; empty where they have none, or each its own."""
    wrap: bool = False
    """Whether the terminal may break its cells into several lines."""

    @property
    def label(self) -> str:
        """The heading, with the unit where there is one."""
        return f"{self.heading} [{self.unit}]" if self.unit else self.heading


Given = str | int | Cell
"""What a row may be made of."""


@dataclass(frozen=True)
class Table:
    """A title, columns, rows and notes.

    Raises:
        ValueError: a row does not have one cell a column.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    """Sentences below the table."""
    framed: bool = False
    """Whether the terminal draws a frame, for cells of several lines."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                given = ", ".join(cell.text for cell in row)
                raise ValueError(f"{len(row)} cells under {len(self.columns)} headings: {given}")

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings of all columns."""
        return tuple(column.heading for column in self.columns)

    def column(self, heading: str) -> list[str]:
        """The texts of one column.

        Raises:
            ValueError: there is no such heading.
        """
        place = self.headings.index(heading)
        return [row[place].text for row in self.rows]

    def texts(self) -> list[tuple[str, ...]]:
        """The texts of all cells, row by row."""
        return [tuple(cell.text for cell in row) for row in self.rows]

    def by_first_column(self) -> "list[tuple[Cell, Table]]":
        """Each run of equal first cells, with the other columns of its rows as a table."""
        return [
            (first, replace(self, columns=self.columns[1:], rows=tuple(row[1:] for row in own)))
            for first, own in groupby(self.rows, key=lambda row: row[0])
        ]

    def __rich__(self) -> "RenderableType":
        """How rich's console prints it."""
        from bohb_study.summaries.terminal import rich_table  # imports rich: only to print

        return rich_table(self)


def columns(*headings: str, align: Align = "left", wrap: bool = False) -> tuple[Column, ...]:
    """Columns that differ in their headings alone."""
    return tuple(Column(heading, align, wrap=wrap) for heading in headings)


def row(cells: Iterable[Given]) -> tuple[Cell, ...]:
    """Cells from what they say; numbers that are not counts are words by then."""
    return tuple(cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in cells)


def rows(given: Iterable[Iterable[Given]]) -> tuple[tuple[Cell, ...], ...]:
    """Several rows, as ``row`` makes each."""
    return tuple(map(row, given))


def code(text: str) -> Cell:
    """A name as it is typed, such as a method's or a task's."""
    return Cell(text, "code")


def bold(text: str) -> Cell:
    """A cell that stands out: the best of its kind, or significant."""
    return Cell(text, "bold")


def estimate_cell(estimate: "Estimate | None", score: "Score | None" = None) -> Cell:
    """A number over seeds with its interval, or in how many seeds there is none.

    Args:
        estimate: None where nothing was measured.
        score: what it measures, of a loss.
    """
    return Cell(NONE if estimate is None else estimate.in_words(score))
