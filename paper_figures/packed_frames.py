"""What figures show of single trials and of rungs: stored beside a pack, or from all its rows."""

from dataclasses import replace
from typing import Any

from bohb_study.analysis.diagnostics.time_split import time_split
from bohb_study.paper.derive import derived_from_rows
from bohb_study.store import LoadedStudy
from bohb_study.store.sidecars.derived_frames import read_derived
from paper_figures.figure_study import FigureStudy


def with_derived(study: FigureStudy, loaded: LoadedStudy) -> FigureStudy:
    """The same study with ``seconds, whole, correlations, suggestions, brackets``.

    What is stored beside the study is taken as it is. Else all is computed from the rows, without
    correlations off the ledger; of a thinned pack without such files there are ``seconds`` alone.

    Args:
        study: from ``data.figure_study``.
        loaded: what it was made of.

    Raises:
        StudyError: a file beside the study is damaged, or of another study.
    """
    seconds = time_split({key: record.seconds for key, record in loaded.cells.items()})
    stored: dict[str, Any] = dict(read_derived(loaded.path, loaded.study.id))
    if not stored and not loaded.thinned:
        stored = {"whole": loaded.frame, **derived_from_rows(loaded)}
    return replace(study, seconds=seconds, **stored)
