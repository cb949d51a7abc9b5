"""Cells on disk: atomic, verified, never half-written.

A study is a folder: ``study.json`` says what was ever asked for, and each cell is
``cells/<task>/<method>/<seed>.parquet`` with its ``.json`` beside it. The JSON is written last and
carries the hash of the parquet: a cell is done only where the JSON says so and the hash matches.

What is read here may come from anybody. Every JSON carries its own hash, every parquet says of
which cell and study it is, a packed study has a list of hashes; nothing is executed or unpickled,
and nothing is written outside the folder.
"""

from bohb_study.store.cell_record import CellRecord
from bohb_study.store.cells import CellState, Origin, cell_record, cell_state, read_cell, write_cell
from bohb_study.store.loading import LoadedStudy, load_results, load_study, loaded_study
from bohb_study.store.locking import locked
from bohb_study.store.packs import pack, write_csv
from bohb_study.store.sidecars.finals_json import finals_frame, read_finals
from bohb_study.store.stored_study import StoredStudy, StoredTask, read_study
from bohb_study.store.study_folders import (
    newest_folder,
    set_damaged_aside,
    study_folder,
    write_study,
)

__all__ = [
    "CellRecord",
    "CellState",
    "LoadedStudy",
    "Origin",
    "StoredStudy",
    "StoredTask",
    "cell_record",
    "cell_state",
    "finals_frame",
    "load_results",
    "load_study",
    "loaded_study",
    "locked",
    "newest_folder",
    "pack",
    "read_cell",
    "read_finals",
    "read_study",
    "set_damaged_aside",
    "study_folder",
    "write_cell",
    "write_csv",
    "write_study",
]
