"""What figures show of single trials and of rungs: stored beside a pack, or from all its rows."""

from bohb_study.analysis.diagnostics.time_split import time_split
from bohb_study.store import LoadedStudy
from bohb_study.store.sidecars.derived_frames import read_derived
from bohb_study.summaries.derivation import derived_from_rows
from paper_figures.figure_study import FigureStudy


def with_derived(study: FigureStudy, loaded: LoadedStudy) -> FigureStudy:
    """The same study with its derived frames: ``seconds``, ``whole``, and those of ``DERIVED``.

    What is stored beside the study is taken as it is. Else all is computed from the rows, without
    correlations outside the budget; where rows are missing there are ``seconds`` only.

    Args:
        study: from ``figure_study.figure_study``.
        loaded: what it was made of.

    Raises:
        StudyError: a file beside the study is damaged, or of another study.
    """
    derived = read_derived(loaded.path, loaded.study.id)
    if not derived and not loaded.is_compact:
        derived = {"whole": loaded.frame, **derived_from_rows(loaded)}
    return study.with_derived(
        seconds=time_split({key: record.seconds for key, record in loaded.cells.items()}), **derived
    )
