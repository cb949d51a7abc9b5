"""A table in markdown, written and, as it stands beside a packed study, read."""

import re
from collections.abc import Iterable

from bohb_study.summaries.table import Align, Cell, Column, Table

_BAR = re.compile(r"(?<!\\)\|")


def to_markdown(table: Table) -> str:
    """The title in bold, a pipe table, and the notes, each a paragraph."""
    lines = [
        _pipes(_escaped(column.label) for column in table.columns),
        _pipes("---:" if column.align == "right" else "---" for column in table.columns),
        *(_pipes(map(_cell, row)) for row in table.rows),
    ]
    parts = [f"**{table.title}**", "\n".join(lines), *table.notes]
    return "\n\n".join(parts) + "\n"


def from_markdown(text: str) -> Table:
    """A table as ``to_markdown`` writes it; its notes may also be a list.

    Raises:
        ValueError: there is no table in it.
    """
    lines = text.splitlines()
    found = [_BAR.split(line.strip()[1:-1]) for line in lines if line.startswith("|")]
    if len(found) < 2:
        raise ValueError("no table in the markdown")
    headings, rules, *body = ([cell.strip() for cell in line] for line in found)
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    title = next((line for line in lines[:first] if line), "")
    aligns: list[Align] = ["right" if rule.endswith(":") else "left" for rule in rules]
    return Table(
        title.strip("*"),
        tuple(Column(_plain(h), align) for h, align in zip(headings, aligns, strict=True)),
        tuple(tuple(map(_read, row)) for row in body),
        tuple(
            line.removeprefix("* ") for line in lines[first:] if line and not line.startswith("|")
        ),
    )


def _pipes(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = _escaped(cell.text)
    if not text:
        return text
    return {"bold": f"**{text}**", "code": f"`{text}`"}.get(cell.emphasis, text)


def _escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _plain(text: str) -> str:
    return text.replace(r"\|", "|")


def _read(cell: str) -> Cell:
    if len(cell) > 4 and cell.startswith("**") and cell.endswith("**"):
        return Cell(_plain(cell[2:-2]), "bold")
    if len(cell) > 2 and cell[0] == cell[-1] == "`":
        return Cell(_plain(cell[1:-1]), "code")
    return Cell(_plain(cell))
