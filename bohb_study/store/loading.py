"""A whole study in memory: one tidy frame, and what was recorded beside it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bohb_study.budget import units_allowed
from bohb_study.columns import CELL, Kind, build_frame, kinds_of, upgraded
from bohb_study.errors import StudyError
from bohb_study.store.cells import (
    NotDoneError,
    cell_paths,
    check_frame,
    check_rows,
    parquet_frame,
    verified,
)
from bohb_study.store.files import read_json
from bohb_study.store.records import records_of
from bohb_study.store.studies import asked_cells, read_study
from bohb_study.study import Cell
from bohb_study.tasks import Ladder

CellKey = tuple[str, str, int]
"""(task, method, seed)"""

PACKED_RECORDS = "cells.json"
PACKED_ROWS = "cells.parquet"

_NAMED = 10
"""At most so many unusable cells are named in one line."""


@dataclass(frozen=True, eq=False)
class LoadedStudy:
    """All that is stored of a study."""

    path: Path
    """The folder that it was read from."""
    study: dict[str, Any]
    """study.json: config, tasks (with ladder and optimum), what was asked for."""
    frame: pd.DataFrame
    """One row a report of every cell that is done; columns as in columns.py."""
    cells: dict[CellKey, dict[str, Any]]
    """The record of every cell that is done: ledger, seconds, versions, hashes."""
    problems: list[str]
    """One line for every cell that was asked for and is not done."""
    thinned: bool = False
    """Packed without the rows at which no incumbent changed: it shows the same curves, and cannot
    be counted or audited."""

    def ladder(self, task: str) -> Ladder:
        """The ladder of a task as it was run: a task of the user's own may be gone since."""
        stored = self.study["tasks"][task]
        values = {f.name: stored[f.name] for f in fields(Ladder)}
        return Ladder(**{**values, "costs": tuple(values["costs"])})

    @property
    def yardsticks(self) -> dict[str, int]:
        """Methods whose cells were given a multiple of the study's budget, and that multiple.

        They have no part where equal budgets are compared.
        """
        config, tasks = self.study["config"], self.study["tasks"]
        factors = {
            method: record["ledger"]["allowed"]
            // units_allowed(config["budget"], tasks[task]["top"])
            for (task, method, _), record in self.cells.items()
            if "allowed" in record.get("ledger", {})
        }
        return {method: factor for method, factor in factors.items() if factor > 1}

    def rows(self, cell: CellKey) -> pd.DataFrame:
        """The rows of one cell with the columns and types that it has by itself.

        Raises:
            KeyError: the cell is not among those that are done.
        """
        record = self.cells[cell]
        own = build_frame([], record["hyperparameters"], record["extra"]).dtypes
        mine = self.frame.take(self._places[cell])
        return mine[list(own.index)].astype(own).reset_index(drop=True)

    @cached_property
    def _places(self) -> dict[CellKey, npt.NDArray[np.intp]]:
        """Where each cell's rows are: found once, for a large study has thousands of cells."""
        groups: Any = self.frame.groupby(list(CELL), sort=False)  # stubs know one key alone
        return {
            (task, method, int(seed)): at for (task, method, seed), at in groups.indices.items()
        }


def load_results(path: Path | str, allow_missing: bool = False) -> pd.DataFrame:
    """The tidy frame of a whole study; see ``load_study``."""
    return load_study(path, allow_missing).frame


def load_study(path: Path | str, allow_missing: bool = False) -> LoadedStudy:
    """A study from its folder, as it was run or packed; every file is verified.

    Raises:
        UsageError: there is no study at ``path``.
        StudyError: a cell that was asked for is missing, failed or damaged (unless
            ``allow_missing``; then ``problems`` says so), or a newer version wrote it.
    """
    path = Path(path)
    study = read_study(path)
    loaded = (_from_pack if (path / PACKED_RECORDS).exists() else _from_folder)(path, study)
    if loaded.problems and not allow_missing:
        named = "; ".join(loaded.problems[:_NAMED])
        more = len(loaded.problems) - _NAMED
        raise StudyError(
            f"{path}: {len(loaded.problems)} of {len(asked_cells(study))} cells cannot be used: "
            f"{named}{f'; and {more} more' if more > 0 else ''}; "
            "run the same command: cells that are missing, failed or damaged are run again"
        )
    return loaded


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


def _from_folder(path: Path, study: dict[str, Any]) -> LoadedStudy:
    frames: dict[Cell, pd.DataFrame] = {}
    records: dict[Cell, dict[str, Any]] = {}
    problems: list[str] = []
    for cell in asked_cells(study):
        try:
            records[cell], data = verified(path, cell)
        except NotDoneError as found:
            problems.append(found.why)
        else:
            frames[cell] = upgraded(parquet_frame(data), records[cell]["schema"])
    misfits = _misfits(frames)
    for cell, why in misfits.items():
        del frames[cell], records[cell]
        problems.append(f"{cell_paths(path, cell)[0]}: {why}; use --fresh")
    cells = {_key(cell): record for cell, record in records.items()}
    return LoadedStudy(path, study, join(frames.values()), cells, problems)


def _misfits(frames: Mapping[Cell, pd.DataFrame]) -> dict[Cell, str]:
    """The cells whose rows do not fit columns.py although their hash holds, and why."""
    try:
        check_frame(join(frames.values()))  # all at once: checks are slow by the frame, not the row
    except StudyError:
        return {cell: why for cell, frame in frames.items() if (why := _misfit(frame, cell))}
    return {}


def _misfit(frame: pd.DataFrame, cell: Cell) -> str:
    try:
        check_rows(frame, cell)
    except StudyError as why:
        return str(why)
    return ""


def _from_pack(path: Path, study: dict[str, Any]) -> LoadedStudy:
    try:
        packed = read_json(path / PACKED_RECORDS)
        cells = {_record_key(record): record for record in records_of(packed)}
        data = (path / PACKED_ROWS).read_bytes()
        expected = packed["sha256"]
    except (ValueError, LookupError, TypeError, AttributeError) as why:
        raise _unpackable(path / PACKED_RECORDS, f"damaged: {why}") from None
    except OSError as error:
        raise _unpackable(path / PACKED_ROWS, str(error.strerror)) from None
    if hashlib.sha256(data).hexdigest() != expected:
        raise _unpackable(path / PACKED_ROWS, "is not the file that was packed (sha256)")
    if [_key(cell) for cell in asked_cells(study)] != list(cells):
        raise _unpackable(path / PACKED_RECORDS, "holds other cells than study.json asks for")
    frame = upgraded(parquet_frame(data), packed["schema"])
    try:
        check_frame(frame)
    except StudyError as why:
        raise _unpackable(path / PACKED_ROWS, str(why)) from None
    return LoadedStudy(path, study, frame, cells, [], bool(packed.get("thinned")))


def _unpackable(path: Path, why: str) -> StudyError:
    return StudyError(f"{path}: {why}; restore the packed study from git, or pack it again")


def _key(cell: Cell) -> CellKey:
    return cell.task, cell.method, cell.seed


def _record_key(record: Mapping[str, Any]) -> CellKey:
    task, method, seed = (record[name] for name in CELL)
    return task, method, seed
