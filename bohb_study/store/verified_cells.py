"""The files of a cell that is done, checked: what they must be, and why they are not used."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from bohb_study.files import read_file
from bohb_study.schema import (
    CELL,
    arrow_schema,
    columns_of,
    former_methods,
    mismatch,
    stored_types,
)
from bohb_study.store.cell_record import CellRecord, cell_record_of, check_record
from bohb_study.store.parquet import opened_parquet
from bohb_study.store.sealed import SEALED_SINCE, read_json
from bohb_study.study import Cell, StudyConfig, identity_id

CellState = Literal["done", "missing", "failed", "damaged", "mismatch"]
"""``mismatch``: whole, but with other columns than its schema version has."""

_COMPARED = ("budget", "workers", "engine", "eta")
"""What cells of schema 1 say of their study."""


@dataclass(frozen=True)
class Origin:
    """The study that cells must be of."""

    study_id: str
    config: Mapping[str, Any]
    """As ``StudyConfig.to_json`` gives it; cells of schema 1 are compared with it."""

    @classmethod
    def of(cls, config: StudyConfig) -> "Origin":
        """The origin of the cells of a study that is run."""
        return cls(config.id, config.to_json())

    def refuses(self, record: CellRecord) -> str:
        """Why the cell of this record is of another study; empty where it is of this one."""
        if record.schema >= SEALED_SINCE:
            if record.study == self.study_id:
                return ""
            return f"is of study {record.study}, not {self.study_id}"
        then = record.json.get("config", {})
        for key in _COMPARED:
            if key in then and key in self.config and then[key] != self.config[key]:
                return f"is of a study of {key} {then[key]}, not {self.config[key]}"
        return ""


class NotDoneError(Exception):
    """Why a cell cannot be used as it is."""

    def __init__(self, state: CellState, path: Path, detail: str = "") -> None:
        """Name the file, its state and, where there is more to say, the detail; one line."""
        self.state = state
        known = detail if state == "mismatch" else f"{state}{f': {detail}' if detail else ''}"
        self.why = f"{path}: {known}"
        super().__init__(self.why)


def cell_paths(folder: Path, cell: Cell) -> tuple[Path, Path]:
    """The cell's parquet and JSON."""
    stem = folder / "cells" / cell.task / cell.method / str(cell.seed)
    return stem.with_suffix(".parquet"), stem.with_suffix(".json")


def names_of(cell: Cell) -> list[Cell]:
    """The cell by all names under which it may be stored: its method's, and those it had before."""
    return [cell, *(replace(cell, method=name) for name in former_methods(cell.method))]


def verified(folder: Path, cell: Cell, origin: Origin | None = None) -> tuple[CellRecord, bytes]:
    """The record of a cell that is done and the parquet's bytes, which are those it vouches for.

    Raises:
        NotDoneError: the cell is missing, failed, damaged or of other columns, or is not of
            ``origin``.
        StudyError: a newer version of this program wrote it.
    """
    stored = next((one for one in names_of(cell) if cell_paths(folder, one)[1].exists()), cell)
    parquet, json_path = cell_paths(folder, stored)
    record = _read_record(json_path, stored)
    if why := origin.refuses(record) if origin else "":
        raise NotDoneError("damaged", json_path, why)
    if record.cell != cell:
        raise NotDoneError("damaged", json_path, f"is of method {record.cell.method}")
    try:
        data = read_file(parquet)
    except FileNotFoundError:
        raise NotDoneError("damaged", parquet, "is not there") from None
    except ValueError as error:
        raise NotDoneError("damaged", parquet, str(error)) from None
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise NotDoneError("damaged", parquet, "is not the file that was written (sha256)")
    try:
        origin_of = cell_origin(stored, record.json, record.schema)
        file = opened_parquet(data, origin_of if record.schema >= SEALED_SINCE else None)
    except ValueError as error:
        raise NotDoneError("damaged", parquet, str(error)) from None
    columns = arrow_schema(record.hyperparameters, record.extra, columns_of(record.schema))
    if why := mismatch(stored_types(file.schema_arrow), stored_types(columns)):
        raise NotDoneError("mismatch", parquet, why)
    if why := _other_rows(file.metadata, stored, record):
        raise NotDoneError("damaged", parquet, why)
    return record, data


def _other_rows(found: pq.FileMetaData, stored: Cell, record: CellRecord) -> str:
    """Why the rows of a parquet are not those of its record; empty where they are."""
    if found.num_rows != record.rows:
        return f"has {found.num_rows} rows, not {record.rows}"
    for number, name in enumerate(CELL):
        if _range(found, number) not in (None, (getattr(stored, name),) * 2):
            return f"holds rows of another cell (column {name})"
    return ""


def _range(metadata: pq.FileMetaData, column: int) -> tuple[Any, Any] | None:
    """The lowest and the highest value of a column, as the file says; None where it does not."""
    said = [
        metadata.row_group(group).column(column).statistics
        for group in range(metadata.num_row_groups)
    ]
    if not said or not all(one is not None and one.has_min_max for one in said):
        return None
    return min(one.min for one in said), max(one.max for one in said)


def cell_origin(cell: Cell, record: Mapping[str, Any], schema: int) -> dict[str, Any]:
    """What the parquet of a cell says of where it is from."""
    return {
        "schema": schema,
        **{name: getattr(cell, name) for name in CELL},
        "study": record.get("study"),
        "identity": record.get("identity"),
        "budget": record.get("config", {}).get("budget"),
    }


def _read_record(path: Path, stored: Cell) -> CellRecord:
    """The record of the cell that is stored by the name ``stored``."""
    try:
        record = read_json(path)
    except FileNotFoundError:
        raise NotDoneError("missing", path) from None
    except ValueError as why:
        raise NotDoneError("damaged", path, str(why)) from None
    if [record.get(name) for name in CELL] != [getattr(stored, name) for name in CELL]:
        raise NotDoneError("damaged", path, "describes another cell")
    try:
        check_record(record)
        identity = record.get("identity")
        if identity is not None and identity_id(identity) != record.get("study"):
            raise ValueError("its identity is not that of its study")
    except ValueError as why:
        raise NotDoneError("damaged", path, str(why)) from None
    if record["status"] == "failed":
        # Of a traceback the last line says what happened.
        lines = record["error"].strip().splitlines()
        raise NotDoneError("failed", path, " ".join(lines[-1].split()) if lines else "")
    advice = "remove it and run the same command: the cell is run again"
    return cell_record_of(record, str(path), advice)
