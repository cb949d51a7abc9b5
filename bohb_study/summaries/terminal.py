"""A table on the terminal, drawn by rich."""

import sys
import textwrap

from rich import box
from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bohb_study.summaries.table import Cell, Table

WIDE = 160
"""Columns of a table where stdout is no terminal: a log keeps whole lines."""


def console() -> Console:
    """Where tables go; what stands in square brackets is text, not rich's markup."""
    return Console(width=None if sys.stdout.isatty() else WIDE, soft_wrap=False, markup=False)


def rich_table(table: Table) -> RenderableType:
    """The table, and below it its notes, a line each."""
    drawn = RichTable(title=Text(table.title), title_justify="left")
    names: list[int | None] = []
    if not table.framed:
        drawn.box, drawn.padding, drawn.pad_edge = box.SIMPLE_HEAD, (0, 1, 0, 0), False
    for place, column in enumerate(table.columns):
        # what is typed stays in one piece, the other columns make room, and nothing is cut off
        name = _longest_name(table, place) if table.framed else None
        overflow: OverflowMethod = "fold" if table.framed else "ellipsis"
        wrap = column.wrap or (table.framed and not name)
        drawn.add_column(
            Text(column.label), justify=column.align, no_wrap=not wrap, overflow=overflow
        )
        names.append(name)
    for cells in table.rows:
        drawn.add_row(*map(_text, cells, names))
    return Group(drawn, *(Text(note) for note in table.notes)) if table.notes else drawn


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
