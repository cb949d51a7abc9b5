"""What the command line prints on stdout: its own tables, and those of any study by one name."""

from collections.abc import Sequence

from bohb_study.running.reproduction import Comparison
from bohb_study.summaries.study_table import silent_lines, summary_table
from bohb_study.summaries.table import Column, Given, Table, code, columns, rows
from bohb_study.summaries.terminal import console
from bohb_study.summaries.utilisation import utilisation_table

__all__ = ["comparison_table", "console", "silent_lines", "summary_table", "utilisation_table"]


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """One row a cell that was run again."""
    found: list[Sequence[Given]] = []
    for c in comparisons:
        d = c.difference
        where = "" if d is None else f"row {d.row}, {d.column}: {d.stored!r} -> {d.rerun!r}"
        found.append([code(str(c.cell)), c.rows, "no" if d else "yes", where])
    headings = (Column("cell"), Column("rows", "right"), *columns("equal", "first difference"))
    return Table("run again", headings, rows(found), framed=True)
