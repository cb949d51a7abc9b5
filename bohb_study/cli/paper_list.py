"""The named studies of the paper, as ``paper --list`` prints them."""

from bohb_study.paper.named_studies import STUDIES
from bohb_study.summaries.table import Table, code, columns, row
from bohb_study.summaries.terminal import console


def show_studies() -> int:
    """Print the table; returns the exit code."""
    console().print(studies_table())
    return 0


def studies_table() -> Table:
    """The named studies, as ``--list`` prints them."""
    shown = [
        row(
            [
                code(study.name),
                study.what,
                " ".join(study.methods),
                f"{study.budget:g}",
                study.seeds,
                " ".join(study.task_options),
            ]
        )
        for study in STUDIES.values()
    ]
    headings = (
        *columns("study", "description", "methods"),
        *columns("budget", "seeds", align="right"),
        *columns("task options"),
    )
    return Table("studies", headings, tuple(shown), framed=True)
