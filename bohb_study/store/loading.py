"""A whole study in memory: one tidy frame, and what was recorded beside it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bohb_study.budget import units_allowed
from bohb_study.errors import StudyError
from bohb_study.schema import CELL, CellKey, build_frame, upgraded
from bohb_study.store.cell_record import CellRecord
from bohb_study.store.cells import check_rows
from bohb_study.store.checksums import check_sums
from bohb_study.store.joining import join
from bohb_study.store.names import is_packed
from bohb_study.store.packed_cells import read_packed
from bohb_study.store.parquet import check_frame, parquet_frame
from bohb_study.store.stored_study import StoredStudy, read_study
from bohb_study.store.verified_cells import (
    NotDoneError,
    Origin,
    cell_paths,
    names_of,
    verified,
)
from bohb_study.study import Cell

__all__ = ["LoadedStudy", "join", "load_results", "load_study", "loaded_study"]

_NAMED = 10
"""At most so many unusable cells are named in one line."""


@dataclass(frozen=True, eq=False)
class LoadedStudy:
    """All that is stored of a study."""

    path: Path
    """The folder that it was read from."""
    study: StoredStudy
    """study.json: config, tasks (with ladder and optimum), what was asked for."""
    frame: pd.DataFrame
    """One row a report of every cell that is done; columns as in ``schema.COLUMNS``."""
    cells: dict[CellKey, CellRecord]
    """The record of every cell that is done: ledger, seconds, versions, hashes."""
    problems: list[str] = field(default_factory=list)
    """One line for every cell that was asked for and is not done."""
    is_compact: bool = False
    """Packed without the rows at which no incumbent changed: it shows the same curves, and cannot
    be counted or audited."""

    @cached_property
    def larger_budgets(self) -> dict[str, int]:
        """Methods whose cells were given a multiple of the study's budget, and that multiple.

        They have no part where equal budgets are compared. Looked up once: it asks every cell.
        """
        tops, budget = self.study.tops, self.study.config.budget
        factors = {
            method: record.ledger.allowed // units_allowed(budget, tops[task])
            for (task, method, _), record in self.cells.items()
            if record.ledger is not None
        }
        return {method: factor for method, factor in factors.items() if factor > 1}

    def rows(self, cell: CellKey) -> pd.DataFrame:
        """The rows of one cell with the columns and types that it has by itself.

        Raises:
            KeyError: the cell is not among those that are done.
            StudyError: its record names other columns than its rows have.
        """
        record = self.cells[cell]
        own = build_frame([], record.hyperparameters, record.extra).dtypes
        mine = self.frame.take(self._places[cell])
        try:
            return mine[list(own.index)].astype(own).reset_index(drop=True)
        except (KeyError, TypeError, ValueError):
            raise StudyError(
                f"{self.path}: {Cell(*cell)}: its record names other columns than its rows have"
            ) from None

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

    What an older version stored is read as the present one has it (``schema.versions``).

    Raises:
        UsageError: there is no study at ``path``.
        StudyError: a cell that was asked for is missing, failed or damaged (unless
            ``allow_missing``; then ``problems`` says so), or a newer version wrote it.
    """
    path = Path(path)
    if is_packed(path):
        check_sums(path)
        study = read_study(path)
        return LoadedStudy(path, study, *read_packed(path, study))
    study = read_study(path)
    loaded = _from_folder(path, study)
    if not allow_missing:
        _refuse_missing(loaded)
    return loaded


def loaded_study(study: Path | str | LoadedStudy, allow_missing: bool = False) -> LoadedStudy:
    """The study itself, or that of its folder: what takes either loads nothing twice.

    Raises:
        UsageError, StudyError: as ``load_study``; cells that are not done are refused in a study
            that is loaded as well, unless ``allow_missing``.
    """
    if not isinstance(study, LoadedStudy):
        return load_study(study, allow_missing)
    if not allow_missing:
        _refuse_missing(study)
    return study


def _refuse_missing(loaded: LoadedStudy) -> None:
    if not loaded.problems:
        return
    named = "; ".join(loaded.problems[:_NAMED])
    more = len(loaded.problems) - _NAMED
    raise StudyError(
        f"{loaded.path}: {len(loaded.problems)} of {len(loaded.study.cells())} cells cannot be "
        f"used: {named}{f'; and {more} more' if more > 0 else ''}; "
        "run the same command: cells that are missing, failed or damaged are run again"
    )


def _from_folder(path: Path, study: StoredStudy) -> LoadedStudy:
    frames: dict[Cell, pd.DataFrame] = {}
    records: dict[Cell, CellRecord] = {}
    problems: list[str] = []
    origin, listed = Origin(study.id, study.config.json), _Listed(path)
    for cell in study.cells():
        if not listed.has(cell):  # a study may ask for very many cells that nobody ran
            problems.append(f"{cell_paths(path, cell)[1]}: missing")
            continue
        try:
            records[cell], data = verified(path, cell, origin)
        except NotDoneError as found:
            problems.append(found.why)
        else:
            try:
                frames[cell] = upgraded(parquet_frame(data), records[cell].schema)
            except ValueError as error:  # with a hash that holds, so it is not run again
                del records[cell]
                problems.append(f"{cell_paths(path, cell)[0]}: {error}; use fresh=True")
    misfits = _misfits(frames)
    for cell, why in misfits.items():
        del frames[cell], records[cell]
        problems.append(f"{cell_paths(path, cell)[0]}: {why}; use fresh=True")
    cells = {record.key: record for record in records.values()}
    return LoadedStudy(path, study, join(frames.values()), cells, problems)


class _Listed:
    """Which cells a study's folder holds: each of its folders is listed once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[Path, set[str]] = {}

    def has(self, cell: Cell) -> bool:
        """Whether there is a record of the cell, by any name that its method had."""
        return any(self._has(cell_paths(self._path, one)[1]) for one in names_of(cell))

    def _has(self, json_path: Path) -> bool:
        folder = json_path.parent
        if folder not in self._names:
            try:
                self._names[folder] = set(os.listdir(folder))
            except OSError:
                self._names[folder] = set()
        return json_path.name in self._names[folder]


def _misfits(frames: Mapping[Cell, pd.DataFrame]) -> dict[Cell, str]:
    """The cells whose rows do not fit the schema although their hash holds, and why."""
    together = join(frames.values())
    try:
        check_frame(together)  # all at once: checks are slow by the frame, not the row
        if _are_of(together, frames):
            return {}
    except StudyError:
        pass
    return {cell: why for cell, frame in frames.items() if (why := _misfit(frame, cell))}


def _are_of(together: pd.DataFrame, frames: Mapping[Cell, pd.DataFrame]) -> bool:
    """Whether all rows say the cell that they were read as."""
    rows = [len(frame) for frame in frames.values()]
    expected = {name: np.repeat([getattr(cell, name) for cell in frames], rows) for name in CELL}
    return all((together[name].to_numpy() == own).all() for name, own in expected.items())


def _misfit(frame: pd.DataFrame, cell: Cell) -> str:
    try:
        check_rows(frame, cell)
    except StudyError as why:
        return str(why)
    return ""
