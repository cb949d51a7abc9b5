"""A table in HTML; all text is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape

from bohb_study.summaries.table import Cell, Column, Table


def to_html(table: Table) -> str:
    """The table in a box of its own, which scrolls where the page is narrow; without its notes.

    Its title is read to those who cannot see it. The first cell of a row is the row's heading.
    """
    title = escape(table.title)
    head = "".join(
        f'<th scope="col"{_class(column)}>{_label(column)}</th>' for column in table.columns
    )
    body = "".join(f"<tr>{''.join(_cells(table.columns, row))}</tr>\n" for row in table.rows)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{title}">\n'
        f'<table>\n<caption class="unseen">{title}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )


def cell_html(cell: Cell) -> str:
    """What one cell says, with its emphasis."""
    text = escape(cell.text)
    match cell.emphasis:
        case "plain":
            return text
        case "bold":
            return f"<b>{text}</b>"
        case "code":
            return f"<code>{text}</code>"
        case state:
            return f'<span class="badge {state}">{text}</span>'


def _label(column: Column) -> str:
    return escape(column.label.replace("\n", " "))


def _class(column: Column) -> str:
    return ' class="number"' if column.align == "right" else ""


def _cells(columns: Sequence[Column], row: Sequence[Cell]) -> Iterable[str]:
    yield f'<th scope="row">{cell_html(row[0])}</th>'
    for column, cell in zip(columns[1:], row[1:], strict=True):
        yield f"<td{_class(column)}>{cell_html(cell)}</td>"
