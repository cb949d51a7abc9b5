"""Fewer rows that say the same of incumbents: those at which one changes, and each cell's ends."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bohb_study.analysis.frame_cells import cells_of, narrow, top_of
from bohb_study.analysis.incumbents.rules import RULES, chosen


def compact(frame: pd.DataFrame, tops: Mapping[str, int]) -> pd.DataFrame:
    """The rows at which the incumbent changes under any rule, and the first and last of each cell.

    Under every rule the incumbents of what is left are those of the whole: a rule's incumbent
    changes only by the report that becomes it, and that report is kept.

    Args:
        frame: the tidy frame of a study, rows in any order.
        tops: units of one full evaluation, by task.

    Returns:
        Some of the rows, all columns, in the order of ``frame``.

    Raises:
        StudyError: a task's top is not given.
    """
    kept = []
    for (task, _, _), rows in cells_of(narrow(frame)):
        ordered = rows.sort_values("seq", kind="stable")
        changes = np.zeros(len(rows), dtype=bool)
        changes[[0, -1]] = True
        for rule in RULES:
            changes[1:] |= np.diff(chosen(ordered, rule, top_of(tops, task))) != 0
        kept.append(ordered.index[changes])
    labels = np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)
    return frame[frame.index.isin(labels)].reset_index(drop=True)
