"""A table on the terminal, drawn by rich."""

import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from bohb_study.summaries.table import Cell, Table

WIDE = 160
"""Columns of a table where stdout is no terminal: a log keeps whole lines."""


def console() -> Console:
    """Where tables go; what stands in square brackets is text, not rich's markup."""
    return Console(width=None if sys.stdout.isatty() else WIDE, soft_wrap=False, markup=False)


def rich_table(table: Table) -> RenderableType:
    """The table, and below it its notes, a line each.

    A framed one breaks its cells into lines. Any other that is broader than the terminal is drawn
    in parts, each with the names that its rows begin with.
    """
    drawn = _drawn(table) if table.framed else _Parts(table)
    return Group(drawn, *(Text(note) for note in table.notes)) if table.notes else drawn


@dataclass(frozen=True)
class _Parts:
    """A table without a frame, by as many columns at a time as the terminal has room for."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unlimited = options.update_width(sys.maxsize)
        table, names = self.table, self._names()
        part = names
        for place in range(len(names), len(table.columns)):
            broader = _drawn(_with_columns(table, [*part, place]))
            width = broader.__rich_measure__(console, unlimited).maximum
            if width > options.max_width and part != names:
                yield _drawn(_with_columns(table, part))
                table, part = replace(table, title=""), names
            part = [*part, place]
        yield _drawn(_with_columns(table, part))

    def _names(self) -> list[int]:
        """The places of the columns that say which row it is: the first one at least."""
        named = 1
        while named < len(self.table.columns) and all(
            cells[named].emphasis == "code" for cells in self.table.rows
        ):
            named += 1
        return [*range(named)]


def _with_columns(table: Table, places: Sequence[int]) -> Table:
    return replace(
        table,
        columns=tuple(table.columns[place] for place in places),
        rows=tuple(tuple(cells[place] for place in places) for cells in table.rows),
    )


def _drawn(table: Table) -> RichTable:
    drawn = RichTable(title=Text(table.title) if table.title else None, title_justify="left")
    names: list[int | None] = []
    if not table.framed:
        drawn.box, drawn.padding, drawn.pad_edge = box.SIMPLE_HEAD, (0, 1, 0, 0), False
    for place, column in enumerate(table.columns):
        # what is typed stays in one piece, the other columns make room, and nothing is cut off
        name = _longest_name(table, place) if table.framed else None
        wrap = column.wrap or (table.framed and not name)
        drawn.add_column(
            Text(column.label), justify=column.align, no_wrap=not wrap, overflow="fold"
        )
        names.append(name)
    for cells in table.rows:
        drawn.add_row(*map(_text, cells, names))
    return drawn


def _text(cell: Cell, longest_name: int | None) -> Text:
    text = cell.text
    if longest_name:
        text = textwrap.fill(text, longest_name, break_on_hyphens=False)
    return Text(text, style="bold" if cell.emphasis == "bold" else "")


def _longest_name(table: Table, place: int) -> int | None:
    """How many letters the longest name of a column has; None where it has none that is typed."""
    cells = (row[place] for row in table.rows)
    names = [word for cell in cells if cell.emphasis == "code" for word in cell.text.split()]
    return max(map(len, names), default=None)
