"""What figures show of single trials, of rungs and of tasks: stored beside a pack, or computed."""

import pandas as pd

from bohb_study.analysis.diagnostics.time_split import time_split
from bohb_study.store import LoadedStudy
from bohb_study.store.sidecars.derived_frames import read_derived
from bohb_study.summaries.characters_json import CHARACTERS_FILE, read_characters
from bohb_study.summaries.derivation import derived_from_rows
from paper_figures.figure_study import FigureStudy


def with_derived(study: FigureStudy, loaded: LoadedStudy) -> FigureStudy:
    """The same study with its derived frames: ``seconds``, ``whole``, and those of ``DERIVED``.

    With ``characters``, where the folder above has them. What is stored beside the study is taken
    as it is. Else all is computed from the rows, without
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
        seconds=time_split({key: record.seconds for key, record in loaded.cells.items()}),
        characters=_characters(study, loaded),
        **derived,
    )


def _characters(study: FigureStudy, loaded: LoadedStudy) -> pd.DataFrame:
    """One row a task of the study that has a character with several rungs.

    Columns ``task, configs``; ``spearman, low, high`` of the lowest rung with the top; and
    ``single``, the share of the best hyperparameter, NaN where it is not known.
    """
    file = loaded.path.parent / CHARACTERS_FILE
    found = read_characters(file) if file.exists() else {}
    rows = [
        (
            task.name,
            one.configs,
            *(one.lowest.spearman, one.lowest.low, one.lowest.high),
            float("nan") if one.best_single is None else one.best_single,
        )
        for task in study.tasks
        if task.name in found and (one := found[task.name].character).lowest
    ]
    columns = ["task", "configs", "spearman", "low", "high", "single"]
    return pd.DataFrame(rows, columns=columns)
