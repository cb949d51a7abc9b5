"""A table as data, and the two ways in which it is written: markdown and LaTeX (booktabs).

Text is plain. A cell that is wrapped in ``**`` is bold in both.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{EN DASH}": "--",
    "\N{MINUS SIGN}": "$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
}
_NUMBER = re.compile(r"[-+<>≤≥]? ?\d|-?$")
"""How a cell begins that belongs in a column of numbers; it may also be empty, or a dash."""


def bold(cell: str) -> str:
    """The cell, marked as the best of its kind."""
    return f"**{cell}**"


@dataclass(frozen=True)
class Table:
    """What a table says; how it looks is left to ``markdown`` and ``latex``.

    Raises:
        ValueError: a row does not have one cell a heading.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """One cell a heading; bold where wrapped in ``**``."""
    notes: tuple[str, ...] = ()
    """Sentences below the table."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.headings):
                raise ValueError(f"{len(row)} cells under {len(self.headings)} headings: {row}")

    def markdown(self) -> str:
        """The title in bold, a pipe table with numbers to the right, and the notes."""
        rules = ["---:" if right else "---" for right in self._right()]
        body = [_pipes(map(_markdown, row)) for row in (self.headings, *self.rows)]
        lines = [f"**{self.title}**", "", body[0], _pipes(rules), *body[1:]]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"

    def latex(self, label: str) -> str:
        r"""A floating ``table`` that needs the package booktabs.

        Args:
            label: what ``\ref`` finds it by.
        """
        columns = "".join("r" if right else "l" for right in self._right())
        body = [" & ".join(map(_latex, row)) + r" \\" for row in (self.headings, *self.rows)]
        lines = [
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{_latex(self.title)}}}",
            rf"\label{{{label}}}",
            r"\footnotesize",
            r"\setlength{\tabcolsep}{3pt}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            body[0],
            r"\midrule",
            *body[1:],
            r"\bottomrule",
            r"\end{tabular}",
        ]
        if self.notes:
            lines += [
                r"\par\smallskip",
                r"\begin{minipage}{\linewidth}",
                *(rf"{_latex(note)}\par" for note in self.notes),
                r"\end{minipage}",
            ]
        return "\n".join([*lines, r"\end{table}"]) + "\n"

    def _right(self) -> list[bool]:
        """Which columns are numbers throughout."""
        return [
            any(column) and all(_NUMBER.match(_plain(cell)[0]) for cell in column)
            for column in zip(*self.rows, strict=True)
        ] or [False] * len(self.headings)


def _plain(cell: str) -> tuple[str, bool]:
    """The cell's text, and whether it is bold."""
    if len(cell) > 4 and cell.startswith("**") and cell.endswith("**"):
        return cell[2:-2], True
    return cell, False


def _pipes(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(cell: str) -> str:
    return cell.replace("|", r"\|")


def _latex(cell: str) -> str:
    text, is_bold = _plain(cell)
    escaped = "".join(_LATEX.get(letter, letter) for letter in text)
    return rf"\textbf{{{escaped}}}" if is_bold else escaped
