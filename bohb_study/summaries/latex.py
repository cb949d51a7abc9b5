"""A table in LaTeX, with booktabs and, where it is longer than a page, longtable."""

import re
from collections.abc import Iterable, Sequence

from bohb_study.summaries.table import Cell, Column, Table

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
_SIZES = (r"\footnotesize", r"\setlength{\tabcolsep}{3pt}")
LONGEST = 40
"""Rows that fit a page of LaTeX with the caption and the notes; of more, pages are broken."""


def to_latex(table: Table, label: str) -> str:
    r"""A floating ``table``, or a ``longtable`` where it has more rows than ``LONGEST``.

    The first needs the package booktabs, the second longtable as well, and one column of text
    on a page. A long one has the cells of its first column as headings of the rows below them
    if some are empty, for it is then that they belong to several rows.

    Args:
        table: the table.
        label: what ``\ref`` finds it by.
    """
    return _longtable(table, label) if len(table.rows) > LONGEST else _float(table, label)


def _float(table: Table, label: str) -> str:
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{_latex(table.title)}}}",
        rf"\label{{{label}}}",
        *_SIZES,
        rf"\begin{{tabular}}{{{_columns(table.columns)}}}",
        r"\toprule",
        _headings(table.columns),
        r"\midrule",
        *map(_ampersands, table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if table.notes:
        lines += [
            r"\par\smallskip",
            r"\begin{minipage}{\linewidth}",
            *_notes(table),
            r"\end{minipage}",
        ]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _longtable(table: Table, label: str) -> str:
    grouped = not all(row[0].text for row in table.rows)
    left = 1 if grouped else 0
    head = [r"\toprule", _headings(table.columns[left:]), r"\midrule"]
    width = len(table.columns) - left
    body: list[str] = []
    for row in table.rows:
        if grouped and row[0].text:
            body += [r"\addlinespace"] if body else []
            # the star keeps a heading on the page of its rows
            body.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{_latex(row[0].text)}}}}} \\*")
        body.append(_ampersands(row[left:]))
    lines = [
        r"% \usepackage{booktabs, longtable}",
        r"\begingroup",
        *_SIZES,
        rf"\begin{{longtable}}{{{_columns(table.columns[left:])}}}",
        rf"\caption{{{_latex(table.title)}}}\label{{{label}}} \\",
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
        *([r"\setlength{\parindent}{0pt}", *_notes(table)] if table.notes else []),
    ]
    return "\n".join([*lines, r"\endgroup"]) + "\n"


def _notes(table: Table) -> list[str]:
    return [rf"{_latex(note)}\par" for note in table.notes]


def _columns(columns: Sequence[Column]) -> str:
    return "".join(column.align[0] for column in columns)


def _headings(columns: Sequence[Column]) -> str:
    return " & ".join(_latex(column.label.replace("\n", " ")) for column in columns) + r" \\"


def _ampersands(cells: Iterable[Cell]) -> str:
    return " & ".join(map(_cell, cells)) + r" \\"


def _cell(cell: Cell) -> str:
    escaped = _latex(cell.text)
    if not escaped:
        return escaped
    return {"bold": rf"\textbf{{{escaped}}}", "code": rf"\texttt{{{escaped}}}"}.get(
        cell.emphasis, escaped
    )


def _latex(text: str) -> str:
    escaped = "".join(_LATEX.get(letter, letter) for letter in text)
    # set as text, a minus would be a hyphen and an exponent a letter
    escaped = _MINUS.sub("$-$", escaped)
    return _POWER.sub(lambda found: rf"$\times 10^{{{found[1].strip('+')}{found[2]}}}$", escaped)
