"""The table at the end of a study: as it was packed, computed, or what thinned rows still tell."""

from dataclasses import dataclass
from pathlib import Path

from bohb_study.analysis import bootstrap_seed, summary
from bohb_study.scores import Score, loss_in_words
from bohb_study.store import LoadedStudy

PACKED = "table.md"
"""Beside a packed study: its table, made when all rows were there."""


@dataclass(frozen=True)
class Summary:
    """A table as text, where names stand between backticks."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Each as long as ``headings``."""
    notes: tuple[str, ...]


def summary_of(folder: Path, study: LoadedStudy) -> Summary:
    """The summary of the study in ``folder``, as it was run or packed.

    Raises:
        StudyError: a cell cannot be used.
        OSError: table.md cannot be read.
    """
    packed = folder / PACKED
    if packed.exists():
        return from_markdown(packed.read_text())
    if study.thinned:
        return _losses(study)
    from bohb_study.paper.report_table import paper_table  # imports Ray: seconds, and rarely needed

    return from_markdown(paper_table(folder, study).markdown())


def from_markdown(told: str) -> Summary:
    """A table in markdown as ``PaperTable.markdown`` writes it, without the lines of its audit."""
    lines = told.splitlines()
    table = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    headings, _, *rows = (tuple(cell.strip() for cell in line) for line in table)
    notes = [line.removeprefix("* ") for line in lines if line.startswith("* ")]
    end = next((i for i, note in enumerate(notes) if note.startswith("audit:")), len(notes))
    return Summary(headings, tuple(rows), tuple(notes[:end]))


def _losses(study: LoadedStudy) -> Summary:
    """Losses of the final incumbents: counts and seconds went with the rows that were left out."""
    tops = study.study.tops
    ledgers = {key: record.account for key, record in study.cells.items()}
    seed = bootstrap_seed(study.study.id)
    found = summary(study.frame, ledgers, tops, seed, allow_missing=True)
    compared = found[~found["method"].isin(study.larger_budgets)]
    order = [(task, method) for task in tops for method in study.study.methods]
    rows = sorted(
        ((own["task"], own["method"], own) for _, own in compared.iterrows()),
        key=lambda row: order.index(row[:2]),
    )
    cells = []
    for task, method, own in rows:
        facts = study.study.tasks[task]
        val, test = Score.of(facts.val_metric), Score.of(facts.test_metric)
        losses = loss_in_words(own, "val", val), loss_in_words(own, "test", test)
        cells.append((f"`{task}`", f"`{method}`", *losses))
    labels = " or ".join(sorted(set(found["label"])))
    kinds = " or ".join(sorted(set(found["kind"])))
    seeds = " or ".join(str(n) for n in sorted(set(found["seeds"])))
    return Summary(
        ("task", "method", "validation loss", "test loss"),
        tuple(cells),
        (
            f"{labels} over {seeds} seeds [{kinds}] of each cell's final incumbent under rule full",
            "packed without the rows at which no incumbent changed: trials cannot be counted",
        ),
    )
