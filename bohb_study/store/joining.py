"""Frames of several tasks as one: the columns of all of them, each of the kind that holds all."""

from collections.abc import Iterable
from itertools import groupby

import pandas as pd

from bohb_study.schema import Kind, build_frame, kinds_of


def join(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames of several tasks under one another; a column that a task does not have is NA.

    A hyperparameter that is of another kind in another task takes the kind that holds both: float
    for int and float, else str.
    """
    frames = list(frames)
    hyperparameters: dict[str, Kind] = {}
    extra: dict[str, None] = {}
    for kinds, names in map(kinds_of, frames):
        for name, kind in kinds.items():
            hyperparameters[name] = _wider(hyperparameters.get(name, kind), kind)
        extra.update(dict.fromkeys(names))
    empty = build_frame([], hyperparameters, list(extra))
    if not frames:
        return empty
    # cells of one task have the same columns: those that follow each other are fitted at once
    alike = [list(group) for _, group in groupby(frames, lambda f: tuple(f.dtypes.items()))]
    fitted = [
        pd.concat(group).reindex(columns=list(empty.columns)).astype(empty.dtypes)
        for group in alike
    ]
    return pd.concat(fitted, ignore_index=True)


def _wider(one: Kind, other: Kind) -> Kind:
    if one == other:
        return one
    return "float" if {one, other} == {"int", "float"} else "str"
