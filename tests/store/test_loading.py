"""A whole study comes back as one frame, from its folder, packed, or as CSV."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bohb_study.errors import StudyError, UsageError
from bohb_study.running.reproduction import compare_frames
from bohb_study.schema import SCHEMA_VERSION, rows_hash, validate
from bohb_study.store import load_results, load_study, pack, read_cell, write_cell, write_csv
from bohb_study.store.cells import cell_paths
from bohb_study.store.names import PACKED_ROWS
from bohb_study.store.parquet import parquet_bytes
from bohb_study.store.sidecars.finals_json import (
    FINALS_FILE,
    Final,
    Training,
    finals_frame,
    read_finals,
    write_finals,
)
from bohb_study.study import Cell
from repository import ROOT

MakeStudy = Callable[..., Path]


def packed(folder: Path) -> Path:
    target = folder.parents[1] / "paper" / "packed"
    pack(folder, target)
    return target


def test_the_frame_holds_every_cell_in_the_order_of_the_study(make_study: MakeStudy) -> None:
    loaded = load_study(make_study("curvy", "rungs"))
    cells = list(loaded.frame[["task", "method", "seed"]].drop_duplicates().itertuples(index=False))
    assert [tuple(cell) for cell in cells] == list(loaded.cells)
    assert len(cells) == 8
    assert loaded.problems == []
    assert loaded.study.tasks["rungs"].top == 9
    assert loaded.cells["curvy", "asha", 1].account.charged == 6
    validate(loaded.frame)


def test_columns_of_other_tasks_are_na_and_keep_their_types(make_study: MakeStudy) -> None:
    frame = load_results(make_study("curvy", "rungs"))
    kinds = {
        "hp.lr": "float64",
        "hp.layers": "Int64",
        "hp.optimizer": "str",
        "hp.nesterov": "boolean",
        "hp.x": "float64",
        "extra.weights": "float64",
    }
    assert {name: str(frame[name].dtype) for name in kinds} == kinds
    rungs = frame[frame["task"] == "rungs"]
    assert rungs[["hp.lr", "hp.optimizer", "hp.nesterov", "extra.weights"]].isna().all(axis=None)
    assert rungs["hp.layers"].dropna().unique().tolist() == [2**53 + 1]


def test_namesakes_of_other_kinds_take_the_wider_one(make_study: MakeStudy) -> None:
    frame = load_results(make_study("curvy", "mixed"))
    assert str(frame["hp.lr"].dtype) == "str"
    assert str(frame["hp.layers"].dtype) == "float64"
    assert set(frame["hp.lr"].dropna()) == {"0.30000000000000004", "sgd, näive"}
    assert frame["hp.lr"].isna().sum() == frame["hp.layers"].isna().sum() == len(frame) / 2
    validate(frame)


@pytest.mark.parametrize("form", [lambda folder: folder, packed], ids=["folder", "packed"])
def test_rows_of_one_cell_are_those_that_were_written(
    make_study: MakeStudy, form: Callable[[Path], Path]
) -> None:
    folder = make_study("curvy", "rungs")
    loaded = load_study(form(folder))
    for key, record in loaded.cells.items():
        rows, _ = read_cell(folder, Cell(*key))
        pd.testing.assert_frame_equal(loaded.rows(key), rows, check_exact=True)
        assert rows_hash(loaded.rows(key)) == record.rows_hash


def test_what_cannot_be_used_is_named_in_one_line(make_study: MakeStudy) -> None:
    folder = make_study("curvy")
    missing, failed, damaged, done = (
        Cell("curvy", method, seed) for method in ("random", "asha") for seed in (0, 1)
    )
    cell_paths(folder, missing)[1].unlink()
    cell_paths(folder, failed)[1].unlink()
    write_cell(folder, failed, None, {"error": "RuntimeError: no luck"})
    cell_paths(folder, damaged)[0].write_bytes(b"")
    with pytest.raises(StudyError) as raised:
        load_results(folder)
    line = str(raised.value)
    assert "\n" not in line
    assert "3 of 4 cells" in line
    for part in (
        "cells/curvy/random/0.json: missing",
        "cells/curvy/random/1.json: failed: RuntimeError: no luck",
        "cells/curvy/asha/0.parquet: damaged",
    ):
        assert part in line
    loaded = load_study(folder, allow_missing=True)
    assert len(loaded.problems) == 3
    assert list(loaded.cells) == [(done.task, done.method, done.seed)]
    assert set(loaded.frame["seed"]) == {1}


def test_rows_out_of_range_are_named_although_their_hash_holds(
    make_study: MakeStudy, frame_of: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_study("curvy")
    cell = Cell("curvy", "asha", 1)
    with monkeypatch.context() as patch:
        patch.setattr("bohb_study.store.cells.check_frame", lambda frame: None)
        record = load_study(folder).cells["curvy", "asha", 1].json
        write_cell(folder, cell, frame_of(cell).assign(val_loss=float("inf")), record)
    with pytest.raises(StudyError, match=r"1 of 4 cells.*asha/1\.parquet: .*val_loss.*fresh=True"):
        load_study(folder)
    assert len(load_study(folder, allow_missing=True).cells) == 3


def test_a_study_without_any_cell_is_an_empty_frame(make_study: MakeStudy) -> None:
    folder = make_study("curvy")
    for path in folder.rglob("cells/**/*.json"):
        path.unlink()
    loaded = load_study(folder, allow_missing=True)
    assert loaded.frame.empty
    assert "val_loss" in loaded.frame.columns
    assert len(loaded.problems) == 4


def test_many_problems_stay_readable(make_study: MakeStudy) -> None:
    folder = make_study("curvy", "rungs", "mixed")
    for path in folder.rglob("cells/**/*.json"):
        path.unlink()
    with pytest.raises(StudyError, match=r"12 of 12 cells.*; and 2 more; run the same command"):
        load_results(folder)


@pytest.mark.parametrize("file", ["study.json", "cells/curvy/random/1.json"])
def test_a_newer_schema_is_refused_whatever_may_be_missing(
    make_study: MakeStudy, file: str
) -> None:
    path = make_study("curvy") / file
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": SCHEMA_VERSION + 1}))
    with pytest.raises(StudyError, match=rf"{file}: written by a newer version"):
        load_study(path.parents[file.count("/")], allow_missing=True)


def test_no_study_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(UsageError, match=f"^{path}: no study here"):
            load_results(path)


def test_the_packed_form_is_the_folder(make_study: MakeStudy) -> None:
    folder = make_study("curvy", "rungs")
    target = packed(folder)
    names = {"study.json", "cells.json", "cells.parquet", "SHA256SUMS"}
    assert {path.name for path in target.iterdir()} == names
    one, other = load_study(folder), load_study(str(target))
    pd.testing.assert_frame_equal(other.frame, one.frame, check_exact=True)
    assert other.study == one.study
    assert other.cells == one.cells
    assert list(other.cells) == list(one.cells)


def test_packing_gives_the_same_bytes_and_packs_a_pack(make_study: MakeStudy) -> None:
    first = packed(make_study("curvy", "rungs"))
    second = first.with_name("again")
    pack(first, second)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_an_unfinished_study_is_not_packed(make_study: MakeStudy, tmp_path: Path) -> None:
    folder = make_study("curvy")
    cell_paths(folder, Cell("curvy", "asha", 1))[1].unlink()
    with pytest.raises(StudyError, match="1 of 4 cells"):
        pack(folder, tmp_path / "paper")
    assert not (tmp_path / "paper").exists()


def test_a_study_is_not_packed_over_one_that_is_being_run(make_study: MakeStudy) -> None:
    folder = make_study("curvy")
    with pytest.raises(UsageError, match="another folder"):
        pack(folder, folder)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        pytest.param(
            "cells.parquet", lambda p: p.write_bytes(p.read_bytes()[:-1]), id="rows truncated"
        ),
        pytest.param("cells.parquet", lambda p: p.unlink(), id="rows deleted"),
        pytest.param(
            "cells.json", lambda p: p.write_text(p.read_text()[:-9]), id="records truncated"
        ),
        pytest.param(
            "cells.json", lambda p: p.write_text('{"schema": 1}'), id="records of nothing"
        ),
        pytest.param(
            "cells.json",
            lambda p: p.write_text('{"schema": 1, "sha256": "", "cells": [1]}'),
            id="records of something else",
        ),
        pytest.param(
            "study.json",
            lambda p: p.write_text(p.read_text().replace('"asha": 2', '"asha": 3')),
            id="other cells",
        ),
    ],
)
def test_a_damaged_pack_is_named_in_one_line(
    make_study: MakeStudy, file: str, change: Callable[[Path], object]
) -> None:
    target = packed(make_study("curvy"))
    change(target / file)
    with pytest.raises(StudyError, match=rf"{re.escape(file)}: .*pack it again") as raised:
        load_results(target)
    assert "\n" not in str(raised.value)


def test_a_full_disk_leaves_the_pack_that_was_there(
    make_study: MakeStudy, full_disk: object
) -> None:
    folder = make_study("curvy")
    target = packed(folder)
    before = {path: path.read_bytes() for path in target.iterdir()}
    full_disk.after(2)
    with pytest.raises(StudyError, match="disk full"):
        pack(folder, target)
    assert {path: path.read_bytes() for path in target.iterdir()} == before


def test_the_csv_gives_the_same_numbers(make_study: MakeStudy) -> None:
    folder = make_study("curvy", "rungs")
    path = write_csv(folder)
    assert path == folder / "results.csv"
    frame = load_results(folder)
    # na_values: a hyperparameter may well be called "None" or "NA".
    back = pd.read_csv(
        path,
        dtype=frame.dtypes.to_dict(),
        keep_default_na=False,
        na_values=[""],
    )
    pd.testing.assert_frame_equal(back, frame, check_exact=True)


def test_the_csv_of_an_unfinished_study_has_to_be_asked_for(make_study: MakeStudy) -> None:
    folder = make_study("curvy")
    cell_paths(folder, Cell("curvy", "asha", 1))[1].unlink()
    with pytest.raises(StudyError, match="1 of 4 cells"):
        write_csv(folder)
    assert not (folder / "results.csv").exists()
    assert len(pd.read_csv(write_csv(folder, allow_missing=True))) == 18


# What was stored before a training without a result had no losses


PAPER = ROOT / "results" / "paper"


@pytest.mark.parametrize(("name", "without"), [("fashion-mnist", 12), ("fidelities", 6)])
def test_losses_that_stood_for_failures_are_gone(name: str, without: int) -> None:
    """And what is run again now compares equal to what was stored."""
    study = load_study(PAPER / name)
    frame, stored = study.frame, pd.read_parquet(PAPER / name / PACKED_ROWS)
    bad = stored["status"] != "ok"
    assert bad.sum() == without
    assert stored.loc[bad, "val_loss"].isin([1.0, 100.0]).all()
    losses = ["val_loss", "test_loss"]
    assert frame.loc[bad, losses].isna().all(axis=None)
    pd.testing.assert_frame_equal(frame[~bad], stored[~bad], check_exact=True)
    task, method, seed = frame.loc[bad, ["task", "method", "seed"]].iloc[0]
    key = (task, method, seed)
    rows = study.rows(key)
    rerun = rows.copy()
    assert compare_frames(rows, rerun) is None
    rerun.loc[rerun["status"] != "ok", "val_loss"] = 1e6
    difference = compare_frames(rows, rerun)
    assert difference is not None
    assert (difference.column, difference.rerun) == ("val_loss", 1e6)


def test_so_they_are_of_a_cell_in_a_folder(make_study: MakeStudy) -> None:
    folder = make_study("curvy")
    cell = Cell("curvy", "random", 1)
    parquet, json_file = cell_paths(folder, cell)
    frame, record = read_cell(folder, cell)
    frame.loc[2, ["val_loss", "test_loss", "status"]] = [1e6, 1e6, "failed"]
    data = parquet_bytes(frame)
    parquet.write_bytes(data)
    old = {**record.json, "schema": 1, "sha256": hashlib.sha256(data).hexdigest()}
    json_file.write_text(json.dumps(old))
    for rows in (read_cell(folder, cell)[0], load_study(folder).rows(("curvy", "random", 1))):
        assert rows["val_loss"].isna().tolist() == [i == 2 for i in range(6)]
        assert rows["test_loss"].isna().tolist() == [i == 2 for i in range(6)]


def test_so_they_are_of_final_trainings(make_study: MakeStudy) -> None:
    folder = make_study("curvy")
    finals = [
        Final(Training("curvy", "asha", 0, "retrained", i), {"lr": 0.5}, 0.5, test, status, 1.0)
        for i, (test, status) in enumerate(
            [(0.25, "ok"), (float("nan"), "ok"), (float("nan"), "diverged")]
        )
    ]
    write_finals(folder, "one", finals)
    stored = json.loads((folder / FINALS_FILE).read_text())
    assert [row["test_loss"] for row in stored["trainings"]] == [0.25, None, None]
    stored["trainings"][2] |= {"val_loss": 100.0, "test_loss": 1.0}
    (folder / FINALS_FILE).write_text(json.dumps({**stored, "schema": 1}))
    frame = finals_frame(read_finals(folder, "one"))
    assert frame["val_loss"].isna().tolist() == [False, False, True]
    assert frame["test_loss"].isna().tolist() == [False, True, True]
