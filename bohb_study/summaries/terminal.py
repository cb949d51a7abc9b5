"""A table on the terminal, drawn by rich."""

import sys

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bohb_study.summaries.table import Table

WIDE = 160
"""Columns of a table where stdout is no terminal: a log keeps whole lines."""


def console() -> Console:
    """Where tables go; what stands in square brackets is text, not rich's markup."""
    return Console(width=None if sys.stdout.isatty() else WIDE, soft_wrap=False, markup=False)


def rich_table(table: Table) -> RenderableType:
    """The table, and below it its notes, a line each."""
    drawn = RichTable(title=Text(table.title), title_justify="left")
    if not table.framed:
        drawn.box, drawn.padding, drawn.pad_edge = box.SIMPLE_HEAD, (0, 1, 0, 0), False
    for column in table.columns:
        wrap = column.wrap or table.framed
        drawn.add_column(Text(column.label), justify=column.align, no_wrap=not wrap)
    for cells in table.rows:
        drawn.add_row(
            *(Text(cell.text, style="bold" if cell.emphasis == "bold" else "") for cell in cells)
        )
    return Group(drawn, *(Text(note) for note in table.notes)) if table.notes else drawn
