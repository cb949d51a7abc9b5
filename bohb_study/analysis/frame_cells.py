"""The cells of a frame, and the ones that should be there but are not."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bohb_study.errors import StudyError
from bohb_study.schema import CELL, EXTRA, HP, CellKey


def narrow(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows without what was configured and what else was measured.

    A study of several tasks has the hyperparameters of all of them as columns: to sort and to cut
    a hundred columns takes most of the time where ten are looked at.
    """
    return frame[[name for name in frame if not str(name).startswith((HP, EXTRA))]]


def cells_of(frame: pd.DataFrame) -> Iterator[tuple[CellKey, pd.DataFrame]]:
    """Each cell with its rows, sorted by task, method and seed."""
    # by their places, cell by cell: groups of a whole frame would be a sorted copy of it
    groups: Any = frame.groupby(list(CELL), sort=True)  # stubs know one key, not several
    places = groups.indices
    for task, method, seed in sorted(places):
        at = places[task, method, seed]
        together = at[-1] - at[0] + 1 == len(at)  # as stored: a slice is not even a copy
        rows = frame.iloc[at[0] : at[-1] + 1] if together else frame.take(at)
        yield (str(task), str(method), int(seed)), rows


def missing_cells(frame: pd.DataFrame) -> tuple[str, ...]:
    """``task/method/seed`` of every cell that another method of the same task has."""
    present = frame[list(CELL)].drop_duplicates()
    missing = []
    for task, cells in present.groupby("task", sort=True):
        seeds = set(cells["seed"])
        for method, own in cells.groupby("method", sort=True):
            missing += [f"{task}/{method}/{seed}" for seed in sorted(seeds - set(own["seed"]))]
    return tuple(missing)


def require_complete(frame: pd.DataFrame, allow_missing: bool) -> tuple[str, ...]:
    """The missing cells, where that is allowed.

    Raises:
        StudyError: cells are missing and ``allow_missing`` is False, or the frame has no rows.
            Methods are never cut to the seeds that they share: that would drop results unseen.
    """
    if frame.empty:
        raise StudyError("no rows: nothing to analyse")
    missing = missing_cells(frame)
    if missing and not allow_missing:
        raise StudyError(
            f"missing cells: {', '.join(missing)}; run them, or give allow_missing=True"
        )
    return missing


def top_of(tops: Mapping[str, int], task: str) -> int:
    """The units of one full evaluation of a task.

    Raises:
        StudyError: they are not given.
    """
    if task not in tops:
        raise StudyError(f"task {task}: the cost of one full evaluation is not known")
    return tops[task]
