"""The cells of a packed study: their records in one JSON file, their rows in one parquet."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bohb_study.errors import StudyError
from bohb_study.files import read_file
from bohb_study.schema import CELL, CellKey, upgraded
from bohb_study.store import shapes
from bohb_study.store.cell_record import CellRecord, cell_record_of, check_record
from bohb_study.store.cells import Origin
from bohb_study.store.checksums import check_sums
from bohb_study.store.compressed_records import records_of
from bohb_study.store.names import PACK_AGAIN, PACKED_RECORDS, PACKED_ROWS
from bohb_study.store.parquet import check_frame, opened_parquet, parquet_frame, stored_mismatch
from bohb_study.store.sealed import SEALED_SINCE, read_json
from bohb_study.store.stored_study import StoredStudy
from bohb_study.study import Cell

_PACKED = shapes.fields(
    {"rows": shapes.whole(1), "sha256": shapes.sha256},
    {"thinned": shapes.flag, "study": shapes.matching("[0-9a-f]{8}", "eight hexadecimal digits")},
)

Packed = tuple[pd.DataFrame, dict[CellKey, CellRecord], list[str], bool]
"""Rows, records, problems (none: a pack is whole or refused) and whether rows were left out."""


def read_packed(path: Path, study: StoredStudy) -> Packed:
    """Rows and records of the packed study in ``path``, whose study.json is ``study``.

    Raises:
        StudyError: a file is missing, damaged, of a newer version or of another study.
    """
    packed, records = _read_records(path)
    if packed["schema"] >= SEALED_SINCE:
        check_sums(path, needed=True)
        if packed["study"] != study.id:
            raise unusable(path / PACKED_RECORDS, f"is of study {packed['study']}")
    origin = Origin(study.id, study.config.json)
    for record in records:
        if why := origin.refuses(record):
            raise unusable(path / PACKED_RECORDS, f"{record.cell} {why}")
    cells = {record.key: record for record in records}
    if [_key(cell) for cell in study.cells()] != list(cells) or len(cells) < len(records):
        raise unusable(path / PACKED_RECORDS, "holds other cells than study.json asks for")
    try:
        frame = read_rows(path / PACKED_ROWS, packed["sha256"], packed["schema"], study.id)
        check_frame(frame)
    except (ValueError, StudyError) as why_not:
        raise unusable(path / PACKED_ROWS, str(why_not)) from None
    is_compact = bool(packed.get("thinned"))
    if why := _miscounted(frame, cells, is_compact=is_compact):
        raise unusable(path / PACKED_ROWS, why)
    return frame, cells, [], is_compact


def read_rows(path: Path, sha256: str, schema: int, study_id: str, name: str = "") -> pd.DataFrame:
    """Rows of results in a parquet of a packed study, as the present version has them.

    Args:
        path: the file.
        sha256: of its content.
        schema: version under which it was stored.
        study_id: of the study.
        name: of a derived frame; empty for the rows themselves.

    Raises:
        ValueError: it is not there, not that file, or does not fit its version; says which.
    """
    data = read_vouched(path, sha256, schema, study_id, name)
    if why := stored_mismatch(opened_parquet(data), schema):
        raise ValueError(why)
    return upgraded(opened_frame(data), schema)


def read_vouched(path: Path, sha256: str, schema: int, study_id: str, name: str) -> bytes:
    """A parquet of a packed study whose hash, size and origin are as they must be.

    Raises:
        ValueError: they are not; says which.
    """
    try:
        data = read_file(path)
    except FileNotFoundError:
        raise ValueError("is not there") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("is not the file that was packed (sha256)")
    opened_parquet(data, pack_origin(study_id, name, schema) if schema >= SEALED_SINCE else None)
    return data


def opened_frame(data: bytes) -> pd.DataFrame:
    """The frame in a parquet.

    Raises:
        ValueError: it cannot be read; says why in one line.
    """
    return parquet_frame(data)


def pack_origin(study_id: str, frame: str, schema: int) -> dict[str, Any]:
    """What a parquet of a packed study says of where it is from.

    Args:
        study_id: of the study.
        frame: name of a derived frame; empty for the rows themselves.
        schema: version under which it is stored.
    """
    return {"schema": schema, "study": study_id, "frame": frame}


def unusable(path: Path, why: str) -> StudyError:
    """The error of a file of a packed study."""
    return StudyError(f"{path}: {why}; {PACK_AGAIN}")


def _read_records(path: Path) -> tuple[dict[str, Any], list[CellRecord]]:
    where = path / PACKED_RECORDS
    try:
        packed = read_json(where)
        _PACKED(packed, "")
        found = records_of(packed)
        for number, record in enumerate(found):
            check_record(record, f"cells[{number}]")
            if record["status"] != "done":
                raise ValueError(f"cells[{number}]: is not done")
            if record["schema"] > packed["schema"]:
                raise ValueError(f"cells[{number}]: is of a newer schema than the pack")
        if packed["schema"] >= SEALED_SINCE and "study" not in packed:
            raise ValueError("lacks study")
    except (FileNotFoundError, ValueError) as why:
        raise unusable(where, f"damaged: {why}") from None
    return packed, [cell_record_of(record, f"{where}: a cell", PACK_AGAIN) for record in found]


def _miscounted(
    frame: pd.DataFrame, cells: Mapping[CellKey, CellRecord], *, is_compact: bool
) -> str:
    """Why rows are not those of the cells; empty where they are."""
    groups: Any = frame.groupby(list(CELL), sort=False)  # stubs know one key alone
    counts = {(task, method, int(seed)): n for (task, method, seed), n in groups.size().items()}
    if other := sorted(set(counts) - set(cells)):
        return f"holds rows of {Cell(*other[0])}, which is not among its cells"
    for key, record in cells.items():
        found = counts.get(key, 0)
        if not (0 < found <= record.rows if is_compact else found == record.rows):
            return f"holds {found} rows of {Cell(*key)}, which has {record.rows}"
    return ""


def _key(cell: Cell) -> CellKey:
    return cell.task, cell.method, cell.seed
