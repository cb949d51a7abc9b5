"""The table beside a packed study, made when all rows were there: written, and read again."""

from collections.abc import Iterable
from dataclasses import replace

from bohb_study.errors import StudyError
from bohb_study.store import LoadedStudy
from bohb_study.store.checksums import TABLE_FILE
from bohb_study.summaries.markdown import from_markdown, to_markdown
from bohb_study.summaries.table import Table

AUDIT = "audit:"
"""How the first line of an audit begins."""


def table_with_audit(table: Table, audit: Iterable[str]) -> bytes:
    """The table as it is stored: with the result of the audit below its notes."""
    return to_markdown(replace(table, notes=(*table.notes, *audit))).encode()


def summary_of(study: LoadedStudy) -> Table:
    """The table at the end of a study: as it was packed, computed, or what is left of its rows.

    Raises:
        StudyError: a cell, or the file beside the packed study, cannot be used.
        OSError: that file cannot be read.
    """
    packed = study.path / TABLE_FILE
    if packed.exists():
        return _read(packed.read_text(), str(packed))
    # imports Ray: seconds, and rarely needed
    from bohb_study.summaries.study_table import losses_table, retrained_table

    return losses_table(study) if study.is_compact else retrained_table(study)


def _read(text: str, name: str) -> Table:
    try:
        table = from_markdown(text)
    except ValueError as why:
        raise StudyError(f"{name}: damaged: {why}; pack the study again") from None
    notes = table.notes
    end = next((i for i, note in enumerate(notes) if note.startswith(AUDIT)), len(notes))
    return replace(table, notes=notes[:end])
