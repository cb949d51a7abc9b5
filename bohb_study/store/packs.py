"""A study for others: packed into a few files, or as one CSV."""

import hashlib
from pathlib import Path

import pandas as pd

from bohb_study.errors import StudyError, UsageError
from bohb_study.files import read_file, replace_files
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store.checksums import write_packed
from bohb_study.store.compressed_records import records_json
from bohb_study.store.loading import LoadedStudy, loaded_study
from bohb_study.store.names import PACKED_RECORDS, PACKED_ROWS, STUDY_FILE
from bohb_study.store.packed_cells import pack_origin
from bohb_study.store.parquet import parquet_bytes
from bohb_study.store.sealed import sealed_json
from bohb_study.store.sidecars.audit_json import AUDIT_FILE, audit_bytes, read_audit
from bohb_study.store.sidecars.derived_frames import DERIVED_FILES
from bohb_study.store.sidecars.finals_json import FINALS_FILE, finals_bytes, read_finals
from bohb_study.store.sidecars.references_json import REFERENCES_FILE

CSV_FILE = "results.csv"


def pack(study: Path | str | LoadedStudy, target: Path, rows: pd.DataFrame | None = None) -> None:
    """Write a finished study to ``target`` as {study.json, cells.json, cells.parquet}.

    Where its final configurations were retrained, finals.json as well, audit.json where it was
    audited, and references and derived frames where they are beside it; then SHA256SUMS, which
    lists them. The same study gives the same bytes; ``load_study`` reads it as it reads the folder.

    Args:
        study: the study, or its folder; all its cells are done.
        target: where it is packed.
        rows: some of its rows, as of ``analysis.incumbents.compact``, to be packed in place of all;
            the study is then ``thinned``, and audit and table are those of all rows.

    Raises:
        UsageError: the folder is no study, or ``target`` is a study that is being run.
        StudyError: a cell is missing, failed or damaged, the audit is of other rows, or a file
            cannot be written.
    """
    if (target / "cells").exists():
        raise UsageError(f"{target}: holds a study that is not packed; pack into another folder")
    loaded = loaded_study(study)
    folder = loaded.path
    packed = loaded.frame if rows is None else rows
    study_id = loaded.study.id
    data = parquet_bytes(packed, pack_origin(study_id, "", SCHEMA_VERSION))
    head = {
        "schema": SCHEMA_VERSION,
        "study": study_id,
        **({"thinned": True} if loaded.is_compact or rows is not None else {}),
        "rows": len(packed),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    finals, audit = read_finals(folder, study_id), read_audit(folder, study_id)
    if audit and not loaded.is_compact and audit["rows"] != len(loaded.frame):
        raise StudyError(f"{folder / AUDIT_FILE}: is of other rows; run the same command again")
    beside = {
        FINALS_FILE: finals_bytes(study_id, finals) if finals else None,
        AUDIT_FILE: audit_bytes(study_id, audit) if audit else None,
        **{name: _content(folder / name) for name in (REFERENCES_FILE, *DERIVED_FILES)},
    }
    write_packed(
        target,
        {
            **beside,
            PACKED_ROWS: data,
            PACKED_RECORDS: records_json(head, [record.json for record in loaded.cells.values()]),
            STUDY_FILE: sealed_json({**loaded.study.json, "schema": SCHEMA_VERSION}),
        },
        anew=True,
    )


def _content(path: Path) -> bytes | None:
    if path.is_symlink():  # what it leads to may be the user's own, and not for others
        raise StudyError(f"{path}: is a link; nothing but the study's own files is packed")
    try:
        return read_file(path)
    except FileNotFoundError:
        return None
    except ValueError as why:
        raise StudyError(f"{path}: {why}") from None


def write_csv(study: Path | str | LoadedStudy, allow_missing: bool = False) -> Path:
    """Write the study's frame as ``results.csv`` into its folder and return the path.

    Floats are written so that reading them gives the same number; NA is an empty field.

    Args:
        study: the study, or its folder.
        allow_missing: write what is there although cells are not done.

    Raises:
        UsageError, StudyError: as ``load_study``, or the file cannot be written.
    """
    loaded = loaded_study(study, allow_missing)
    path = loaded.path / CSV_FILE
    content = loaded.frame.to_csv(index=False, lineterminator="\n").encode()
    replace_files({path: content}, loaded.path)
    return path
