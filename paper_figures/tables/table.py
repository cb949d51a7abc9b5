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
_MINUS = re.compile(r"(?<!\w)-(?=\d)")
_POWER = re.compile(r"(?<=\d)e([-+]?)0*(\d+)\b")
_NUMBER = re.compile(r"[-+<>≤≥]? ?\d|-?$|none in \d")
"""How a cell begins that belongs in a column of numbers; it may also be empty, a dash, or say in
how many seeds there is none."""
_SIZES = (r"\footnotesize", r"\setlength{\tabcolsep}{3pt}")
LONGEST = 40
"""Rows that fit a page of LaTeX with the caption and the notes; of more, pages are broken."""


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
        r"""A floating ``table``, or a ``longtable`` where it has more rows than ``LONGEST``.

        The first needs the package booktabs, the second longtable as well, and one column of text
        on a page. A long one has the cells of its first column as headings of the rows below them
        if some are empty, for it is then that they belong to several rows.

        Args:
            label: what ``\ref`` finds it by.
        """
        return self._longtable(label) if len(self.rows) > LONGEST else self._float(label)

    def _float(self, label: str) -> str:
        lines = [
            r"% \usepackage{booktabs}",
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{_latex(self.title)}}}",
            rf"\label{{{label}}}",
            *_SIZES,
            rf"\begin{{tabular}}{{{self._columns()}}}",
            r"\toprule",
            _ampersands(self.headings),
            r"\midrule",
            *map(_ampersands, self.rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
        if self.notes:
            lines += [
                r"\par\smallskip",
                r"\begin{minipage}{\linewidth}",
                *self._notes(),
                r"\end{minipage}",
            ]
        return "\n".join([*lines, r"\end{table}"]) + "\n"

    def _longtable(self, label: str) -> str:
        grouped = not all(row[0] for row in self.rows)
        left = 1 if grouped else 0
        head = [r"\toprule", _ampersands(self.headings[left:]), r"\midrule"]
        width = len(self.headings) - left
        body: list[str] = []
        for row in self.rows:
            if grouped and row[0]:
                body += [r"\addlinespace"] if body else []
                # the star keeps a heading on the page of its rows
                body.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{_latex(row[0])}}}}} \\*")
            body.append(_ampersands(row[left:]))
        lines = [
            r"% \usepackage{booktabs, longtable}",
            r"\begingroup",
            *_SIZES,
            rf"\begin{{longtable}}{{{self._columns()[left:]}}}",
            rf"\caption{{{_latex(self.title)}}}\label{{{label}}} \\",
            *head,
            r"\endfirsthead",
            *head,
            r"\endhead",
            r"\midrule",
            rf"\multicolumn{{{width}}}{{r}}{{continued on the next page}} \\",
            r"\endfoot",
            r"\bottomrule",
            r"\endlastfoot",
            *body,
            r"\end{longtable}",
            *([r"\setlength{\parindent}{0pt}", *self._notes()] if self.notes else []),
        ]
        return "\n".join([*lines, r"\endgroup"]) + "\n"

    def _notes(self) -> list[str]:
        return [rf"{_latex(note)}\par" for note in self.notes]

    def _columns(self) -> str:
        return "".join("r" if right else "l" for right in self._right())

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


def _ampersands(cells: Iterable[str]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"


def _latex(cell: str) -> str:
    text, is_bold = _plain(cell)
    escaped = "".join(_LATEX.get(letter, letter) for letter in text)
    # set as text, a minus would be a hyphen and an exponent a letter
    escaped = _MINUS.sub("$-$", escaped)
    escaped = _POWER.sub(lambda found: rf"$\times 10^{{{found[1].strip('+')}{found[2]}}}$", escaped)
    return rf"\textbf{{{escaped}}}" if is_bold else escaped
