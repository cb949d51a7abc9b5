"""A whole study in memory: one tidy frame, and what was recorded beside it."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from bohb_study.budget import units_allowed
from bohb_study.errors import StudyError
from bohb_study.schema import CELL, SCHEMA_VERSION, Kind, build_frame, kinds_of, upgraded
from bohb_study.store import shapes
from bohb_study.store.cells import (
    NotDoneError,
    Origin,
    cell_paths,
    check_frame,
    check_rows,
    opened_parquet,
    parquet_frame,
    told_record,
    verified,
)
from bohb_study.store.checksums import check_sums
from bohb_study.store.compressed_records import check_record, records_of
from bohb_study.store.files import read_file
from bohb_study.store.sealed import SEALED_SINCE, read_json
from bohb_study.store.study_folders import (
    PACK_AGAIN,
    PACKED_RECORDS,
    asked_cells,
    is_packed,
    read_study,
)
from bohb_study.study import Cell
from bohb_study.tasks import Ladder

CellKey = tuple[str, str, int]
"""(task, method, seed)"""

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
    def larger_budgets(self) -> dict[str, int]:
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
            StudyError: its record tells other columns than its rows have.
        """
        record = self.cells[cell]
        own = build_frame([], record["hyperparameters"], record["extra"]).dtypes
        mine = self.frame.take(self._places[cell])
        try:
            return mine[list(own.index)].astype(own).reset_index(drop=True)
        except (KeyError, TypeError, ValueError):
            raise StudyError(
                f"{self.path}: {Cell(*cell)}: its record tells other columns than its rows have"
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

    Raises:
        UsageError: there is no study at ``path``.
        StudyError: a cell that was asked for is missing, failed or damaged (unless
            ``allow_missing``; then ``problems`` says so), or a newer version wrote it.
    """
    path = Path(path)
    packed = is_packed(path)
    if packed:
        check_sums(path)
    study = read_study(path)
    loaded = (_from_pack if packed else _from_folder)(path, study)
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
    origin, listed = Origin(study["id"], study["config"]), _Listed(path)
    for cell in asked_cells(study):
        if not listed.has(cell):  # a study may ask for very many cells that nobody ran
            problems.append(f"{cell_paths(path, cell)[1]}: missing")
            continue
        try:
            records[cell], data = verified(path, cell, origin)
        except NotDoneError as found:
            problems.append(found.why)
        else:
            frames[cell] = upgraded(parquet_frame(data), records[cell]["schema"])
    misfits = _misfits(frames)
    for cell, why in misfits.items():
        del frames[cell], records[cell]
        problems.append(f"{cell_paths(path, cell)[0]}: {why}; use fresh=True")
    cells = {_key(cell): record for cell, record in records.items()}
    return LoadedStudy(path, study, join(frames.values()), cells, problems)


class _Listed:
    """Which cells a study's folder holds: each of its folders is listed once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[Path, set[str]] = {}

    def has(self, cell: Cell) -> bool:
        json_path = cell_paths(self._path, cell)[1]
        folder = json_path.parent
        if folder not in self._names:
            try:
                self._names[folder] = set(os.listdir(folder))
            except OSError:
                self._names[folder] = set()
        return json_path.name in self._names[folder]


def _misfits(frames: Mapping[Cell, pd.DataFrame]) -> dict[Cell, str]:
    """The cells whose rows do not fit columns.py although their hash holds, and why."""
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


def _from_pack(path: Path, study: dict[str, Any]) -> LoadedStudy:
    try:
        packed = read_json(path / PACKED_RECORDS)
        _PACKED(packed, "")
        records = records_of(packed)
        for number, record in enumerate(records):
            check_record(record, f"cells[{number}]")
            if record["status"] != "done":
                raise ValueError(f"cells[{number}]: is not done")
    except (FileNotFoundError, ValueError) as why:
        raise _unpackable(path / PACKED_RECORDS, f"damaged: {why}") from None
    sealed = packed["schema"] >= SEALED_SINCE
    if sealed:
        check_sums(path, needed=True)
        if packed["study"] != study["id"]:
            raise _unpackable(path / PACKED_RECORDS, f"is of study {packed['study']}")
    origin = Origin(study["id"], study["config"])
    for record in records:
        if why_not := origin.refuses(record):
            cell = Cell(*_record_key(record))
            raise _unpackable(path / PACKED_RECORDS, f"{cell} {why_not}")
    cells: dict[CellKey, dict[str, Any]] = {
        _record_key(record): told_record(record, f"{path / PACKED_RECORDS}: a cell", PACK_AGAIN)
        for record in records
    }
    if [_key(cell) for cell in asked_cells(study)] != list(cells) or len(cells) < len(records):
        raise _unpackable(path / PACKED_RECORDS, "holds other cells than study.json asks for")
    frame = _packed_rows(path, packed, pack_origin(packed["study"]) if sealed else None)
    thinned = bool(packed.get("thinned"))
    if why_not := _miscounted(frame, cells, thinned=thinned):
        raise _unpackable(path / PACKED_ROWS, why_not)
    return LoadedStudy(path, study, frame, cells, [], thinned)


def _packed_rows(
    path: Path, packed: Mapping[str, Any], origin: Mapping[str, Any] | None
) -> pd.DataFrame:
    """The rows of a packed study, such as ``packed`` vouches for."""
    try:
        data = read_file(path / PACKED_ROWS)
        if hashlib.sha256(data).hexdigest() != packed["sha256"]:
            raise ValueError("is not the file that was packed (sha256)")
        opened_parquet(data, origin)
        frame = upgraded(parquet_frame(data), packed["schema"])
        check_frame(frame)
    except FileNotFoundError:
        raise _unpackable(path / PACKED_ROWS, "is not there") from None
    except (ValueError, StudyError, pa.ArrowException) as why:
        raise _unpackable(path / PACKED_ROWS, " ".join(str(why).split())) from None
    return frame


def pack_origin(study_id: str, frame: str = "") -> dict[str, Any]:
    """What a parquet of a packed study says of where it is from.

    Args:
        study_id: of the study.
        frame: name of a derived frame; empty for the rows themselves.
    """
    return {"schema": SCHEMA_VERSION, "study": study_id, "frame": frame}


def _miscounted(
    frame: pd.DataFrame, cells: Mapping[CellKey, Mapping[str, Any]], *, thinned: bool
) -> str:
    """Why rows are not those of the cells; empty where they are."""
    groups: Any = frame.groupby(list(CELL), sort=False)  # stubs know one key alone
    counts = {(task, method, int(seed)): n for (task, method, seed), n in groups.size().items()}
    if other := sorted(set(counts) - set(cells)):
        return f"holds rows of {Cell(*other[0])}, which is not among its cells"
    for key, record in cells.items():
        found, rows = counts.get(key, 0), record["rows"]
        if not (0 < found <= rows if thinned else found == rows):
            return f"holds {found} rows of {Cell(*key)}, which has {rows}"
    return ""


_PACKED = shapes.fields(
    {"rows": shapes.whole(1), "sha256": shapes.sha256},
    {"thinned": shapes.flag, "study": shapes.matching("[0-9a-f]{8}", "eight hexadecimal digits")},
)


def _unpackable(path: Path, why: str) -> StudyError:
    return StudyError(f"{path}: {why}; {PACK_AGAIN}")


def _key(cell: Cell) -> CellKey:
    return cell.task, cell.method, cell.seed


def _record_key(record: Mapping[str, Any]) -> CellKey:
    task, method, seed = (record[name] for name in CELL)
    return task, method, seed
