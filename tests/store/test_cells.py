"""A cell on disk: the same rows come back, or one line says why not."""

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bohb_study.errors import StudyError
from bohb_study.schema import SCHEMA_VERSION, arrow_schema, kinds_of, rows_hash
from bohb_study.store import Origin, cell_record, cell_state, read_cell, write_cell
from bohb_study.store.cells import cell_paths
from bohb_study.store.parquet import ORIGIN, parquet_bytes
from bohb_study.store.sealed import read_json, sealed_json
from bohb_study.study import Cell


def vouch(json_path: Path, data: bytes) -> None:
    """Make the record vouch for other bytes, as a faulty program would."""
    record = read_json(json_path)
    json_path.write_bytes(sealed_json({**record, "sha256": hashlib.sha256(data).hexdigest()}))


Change = Callable[[pd.DataFrame], pd.DataFrame]


def rewritten(parquet: Path, json_path: Path, change: Change) -> None:
    change(pd.read_parquet(parquet)).to_parquet(parquet, index=False)
    vouch(json_path, parquet.read_bytes())


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


DAMAGE = {
    "parquet truncated": lambda p, j: truncate(p),
    "parquet empty": lambda p, j: p.write_bytes(b""),
    "parquet with a flipped bit": lambda p, j: flip(p),
    "parquet deleted": lambda p, j: p.unlink(),
    "parquet is a folder": lambda p, j: (p.unlink(), p.mkdir()),
    "parquet vouched for but none": lambda p, j: (p.write_bytes(b"x"), vouch(j, b"x")),
    "extra column": lambda p, j: rewritten(p, j, lambda f: f.assign(other=1)),
    "column missing": lambda p, j: rewritten(p, j, lambda f: f.drop(columns="val_loss")),
    "wrong dtype": lambda p, j: rewritten(p, j, lambda f: f.astype({"level": "float64"})),
    "json truncated": lambda p, j: truncate(j),
    "json empty": lambda p, j: j.write_bytes(b""),
    "json of something else": lambda p, j: j.write_text("[1, 2]"),
    "json not text": lambda p, j: j.write_bytes(b"\xff\xfe\x00"),
    "json without schema": lambda p, j: j.write_text("{}"),
    "json of another cell": lambda p, j: j.write_text(
        j.read_text().replace('"seed": 0', '"seed": 7')
    ),
    "json of no status": lambda p, j: j.write_text(j.read_text().replace('"done"', '"running"')),
}


def test_every_type_comes_back_from_the_disk(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    written = frame_of(cell)
    assert set(written.dtypes.astype(str)) >= {"str", "int64", "float64", "Int64", "boolean"}
    ledger = {"allowed": 6, "charged": 6, "executed": 6, "unspent": 0, "refused": 1}
    ledger["ended"] = "budget"
    write_cell(tmp_path, cell, written, {"ledger": ledger, "status": "not mine to say"})
    frame, record = read_cell(tmp_path, cell)
    pd.testing.assert_frame_equal(frame, written, check_exact=True)
    assert asdict(record.account) == ledger
    assert record.json["status"] == "done"
    assert record.rows == len(written)
    assert record.rows_hash == rows_hash(written) == rows_hash(frame)
    assert cell_state(tmp_path, cell) == ("done", "")
    assert cell_record(tmp_path, cell) == record


def test_any_parquet_reader_sees_the_schema(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    written = frame_of(cell)
    write_cell(tmp_path, cell, written, {})
    parquet, _ = cell_paths(tmp_path, cell)
    assert parquet == tmp_path / "cells/curvy/random/0.parquet"
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), written)
    stored = pq.ParquetFile(parquet)
    assert stored.schema_arrow.remove_metadata() == arrow_schema(*kinds_of(written))
    assert stored.metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_same_frame_gives_the_same_bytes(
    cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    assert parquet_bytes(frame_of(cell)) == parquet_bytes(frame_of(cell))


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_seen_and_named_in_one_line(
    tmp_path: Path,
    cell: Cell,
    frame_of: Callable[..., pd.DataFrame],
    damage: Callable[[Path, Path], object],
) -> None:
    write_cell(tmp_path, cell, frame_of(cell), {})
    damage(*cell_paths(tmp_path, cell))
    state, why = cell_state(tmp_path, cell)
    assert state == "damaged"
    assert re.search(r"cells/curvy/random/0\.(parquet|json): damaged", why)
    with pytest.raises(StudyError, match=re.escape(why)) as raised:
        read_cell(tmp_path, cell)
    assert "a damaged cell is run again" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_damaged_cell_can_be_run_again(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    write_cell(tmp_path, cell, frame_of(cell), {})
    truncate(cell_paths(tmp_path, cell)[0])
    write_cell(tmp_path, cell, frame_of(cell), {})
    assert cell_state(tmp_path, cell) == ("done", "")


def test_a_newer_schema_is_never_run_over(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    write_cell(tmp_path, cell, frame_of(cell), {})
    _, json_path = cell_paths(tmp_path, cell)
    newer = SCHEMA_VERSION + 1
    record = {**json.loads(json_path.read_text()), "schema": newer}
    json_path.write_text(json.dumps(record))
    line = rf"newer version \(schema {newer}, this program reads {SCHEMA_VERSION}\)"
    for read in (cell_state, cell_record, read_cell):
        with pytest.raises(StudyError, match=line):
            read(tmp_path, cell)


def test_a_cell_that_was_never_run_is_missing(tmp_path: Path, cell: Cell) -> None:
    state, why = cell_state(tmp_path, cell)
    assert state == "missing"
    assert "curvy/random/0.json" in why
    with pytest.raises(StudyError, match=r"0\.json: missing; run the same command"):
        read_cell(tmp_path, cell)


def test_a_parquet_without_its_json_does_not_count(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    write_cell(tmp_path, cell, frame_of(cell), {})
    cell_paths(tmp_path, cell)[1].unlink()
    assert cell_state(tmp_path, cell)[0] == "missing"


def test_a_failed_cell_keeps_its_error(tmp_path: Path, cell: Cell) -> None:
    error = "Traceback (most recent call last):\n  File ...\nRuntimeError: no luck\n"
    write_cell(tmp_path, cell, None, {"error": error, "host": "here"})
    state, why = cell_state(tmp_path, cell)
    assert state == "failed"
    assert why.endswith("0.json: failed: RuntimeError: no luck")
    assert json.loads(cell_paths(tmp_path, cell)[1].read_text())["error"] == error
    with pytest.raises(StudyError, match="run the same command to run it again"):
        read_cell(tmp_path, cell)


def test_a_failure_does_not_displace_a_cell_that_is_done(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    write_cell(tmp_path, cell, frame_of(cell), {})
    write_cell(tmp_path, cell, None, {"error": "no luck"})
    assert cell_state(tmp_path, cell)[0] == "done"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda f: f.assign(other=1), "other"),
        (lambda f: f.astype({"level": "float64"}), "level"),
        (lambda f: f.assign(val_loss=float("inf")), "val_loss"),
        (lambda f: f.assign(decision="maybe").astype({"decision": "str"}), "decision"),
        (lambda f: f.assign(seed=3), "rows of another cell"),
        (lambda f: f.iloc[:0], "has no rows"),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_anything_is_written(
    tmp_path: Path,
    cell: Cell,
    frame_of: Callable[..., pd.DataFrame],
    change: Change,
    line: str,
) -> None:
    with pytest.raises(StudyError, match=line) as raised:
        write_cell(tmp_path, cell, change(frame_of(cell)), {})
    assert "\n" not in str(raised.value)
    assert not any(tmp_path.iterdir())


def test_values_out_of_range_are_seen_although_the_hash_holds(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    write_cell(tmp_path, cell, frame_of(cell), {})
    parquet, json_path = cell_paths(tmp_path, cell)
    origin = json.loads(pq.read_schema(parquet).metadata[ORIGIN])
    parquet.write_bytes(parquet_bytes(frame_of(cell).assign(val_loss=float("inf")), origin))
    vouch(json_path, parquet.read_bytes())
    with pytest.raises(StudyError, match=r"val_loss.*use fresh=True"):
        read_cell(tmp_path, cell)


@pytest.mark.parametrize("flushes", [0, 1])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path,
    cell: Cell,
    frame_of: Callable[..., pd.DataFrame],
    full_disk: object,
    flushes: int,
) -> None:
    write_cell(tmp_path, cell, frame_of(cell), {})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    full_disk.after(flushes)
    with pytest.raises(StudyError, match=r"disk full while writing .*; nothing .* was lost") as hit:
        write_cell(tmp_path, cell, frame_of(cell, reports=9), {})
    assert "\n" not in str(hit.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("where", ["os.replace", "os.fsync"])
@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), KeyboardInterrupt()])
def test_whatever_stops_a_write_leaves_no_temporary_files(
    tmp_path: Path,
    cell: Cell,
    frame_of: Callable[..., pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    error: BaseException,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(where, fail)
        expected = StudyError if isinstance(error, OSError) else KeyboardInterrupt
        with pytest.raises(expected):
            write_cell(tmp_path, cell, frame_of(cell), {})
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert cell_state(tmp_path, cell)[0] == "missing"


def test_the_json_is_put_in_place_last(
    tmp_path: Path,
    cell: Cell,
    frame_of: Callable[..., pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = os.replace
    placed: list[str] = []

    def replaced(source: str, target: str, **folders: int) -> None:
        placed.append(Path(target).suffix)
        real(source, target, **folders)

    monkeypatch.setattr("os.replace", replaced)
    write_cell(tmp_path, cell, frame_of(cell), {})
    assert placed == [".parquet", ".json"]


def test_a_record_that_is_not_json_changes_nothing(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_cell(tmp_path, cell, frame_of(cell), {"seconds": float("nan")})
    assert not any(tmp_path.iterdir())


def test_cells_do_not_share_files(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    others = [replace(cell, seed=1), replace(cell, method="asha"), replace(cell, task="rungs")]
    paths = {path for one in [cell, *others] for path in cell_paths(tmp_path, one)}
    assert len(paths) == 8


# Files in another's place


def record_of_study(study_id: str = "1a2b3c4d", budget: float = 2.0) -> dict[str, object]:
    return {"study": study_id, "config": {"budget": budget, "workers": 1}}


@pytest.mark.parametrize("files", [".json", ".parquet", ".json .parquet"])
def test_a_cell_of_another_study_is_damaged(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame], files: str
) -> None:
    """The same rows, under another budget: what they say is right, and it is not of this study."""
    here, there = tmp_path / "here", tmp_path / "there"
    write_cell(here, cell, frame_of(cell), record_of_study())
    write_cell(there, cell, frame_of(cell), record_of_study("ffffffff", 4.0))
    origin = Origin("1a2b3c4d", {"budget": 2.0, "workers": 1})
    assert cell_state(here, cell, origin)[0] == "done"
    paths = zip(cell_paths(there, cell), cell_paths(here, cell), strict=True)
    for source, target in paths:
        if target.suffix in files.split():
            target.write_bytes(source.read_bytes())
    state, why = cell_state(here, cell, origin)
    assert state == "damaged"
    with pytest.raises(StudyError, match="a damaged cell is run again"):
        read_cell(here, cell, origin)
    if files == ".json .parquet":
        assert why.endswith("0.json: damaged: is of study ffffffff, not 1a2b3c4d")


def test_rows_of_another_cell_are_seen_whatever_vouches_for_them(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    other = replace(cell, seed=1)
    for one in (cell, other):
        write_cell(tmp_path, one, frame_of(one), {})
    parquet, json_path = cell_paths(tmp_path, cell)
    parquet.write_bytes(cell_paths(tmp_path, other)[0].read_bytes())
    vouch(json_path, parquet.read_bytes())
    assert cell_state(tmp_path, cell)[1].endswith(
        "0.parquet: damaged: is of another cell or study, by what it says itself"
    )
    # and as schema 1 had it, where a parquet says nothing itself
    parquet.write_bytes(parquet_bytes(frame_of(other)))
    old = {**read_json(json_path), "schema": 1}
    old["sha256"] = hashlib.sha256(parquet.read_bytes()).hexdigest()
    json_path.write_text(json.dumps(old))
    assert cell_state(tmp_path, cell)[1].endswith(
        "0.parquet: damaged: holds rows of another cell (column seed)"
    )


@pytest.mark.parametrize("rows", [0, 3])
def test_fewer_rows_than_were_written_are_damage(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame], rows: int
) -> None:
    write_cell(tmp_path, cell, frame_of(cell), {})
    parquet, json_path = cell_paths(tmp_path, cell)
    origin = json.loads(pq.read_schema(parquet).metadata[ORIGIN])
    parquet.write_bytes(parquet_bytes(frame_of(cell).iloc[:rows], origin))
    vouch(json_path, parquet.read_bytes())
    assert cell_state(tmp_path, cell)[1].endswith(f"damaged: has {rows} rows, not 6")
    record = {**read_json(json_path), "rows": rows}
    json_path.write_bytes(sealed_json(record))
    assert (cell_state(tmp_path, cell)[0] == "done") == (rows > 0)


def test_a_parquet_that_says_to_be_huge_is_not_opened(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    """A billion equal values are a few bytes, and eight gigabytes in memory."""
    write_cell(tmp_path, cell, frame_of(cell), {})
    parquet, json_path = cell_paths(tmp_path, cell)
    values = pa.RunEndEncodedArray.from_arrays(pa.array([10**7]), pa.array([1]))
    column = pc.run_end_decode(values)
    table = pa.table({str(number): column for number in range(21)})
    pq.write_table(table, parquet, compression="zstd")
    vouch(json_path, parquet.read_bytes())
    assert "says that it holds 10,000,000 rows of 21 columns" in cell_state(tmp_path, cell)[1]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: r["ledger"].update(unspenu=r["ledger"].pop("unspent")), "ledger: lacks unspent"),
        (lambda r: r["ledger"].update(charged="6"), "ledger.charged must be a whole number"),
        (lambda r: r.update(rows=True), "rows must be a whole number"),
        (lambda r: r.update(extra={}), "extra must be a list"),
        (lambda r: r["hyperparameters"].update(lr="complex"), "hyperparameters.lr must be int or"),
        (lambda r: r.update(sha256="../x"), "sha256 must be a sha256"),
        (lambda r: r.pop("rows_hash"), "lacks rows_hash"),
        (lambda r: r.update(seconds={"wall": "1"}), "seconds.wall must be a number"),
        (lambda r: r.update(status=["done"]), "says neither done nor failed"),
    ],
)
def test_a_record_of_the_wrong_form_is_damaged_and_run_again(
    tmp_path: Path,
    cell: Cell,
    frame_of: Callable[..., pd.DataFrame],
    change: Callable[[dict[str, Any]], object],
    why: str,
) -> None:
    """Its hash holds: whoever wrote it made a mistake."""
    ledger = dict.fromkeys(("allowed", "charged", "executed"), 6)
    ledger |= {"unspent": 0, "refused": 1, "ended": "budget"}
    write_cell(tmp_path, cell, frame_of(cell), {"ledger": ledger})
    json_path = cell_paths(tmp_path, cell)[1]
    record = read_json(json_path)
    change(record)
    json_path.write_bytes(sealed_json(record))
    state, said = cell_state(tmp_path, cell)
    assert (state, why in said) == ("damaged", True), said
    write_cell(tmp_path, cell, frame_of(cell), {"ledger": ledger})
    assert cell_state(tmp_path, cell)[0] == "done"


@pytest.mark.parametrize("key", ["rows", "sha256", "rows_hash", "hyperparameters", "extra"])
def test_a_record_that_vouches_for_nothing_is_damaged(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame], key: str
) -> None:
    """Rows without a hash, above all, are never taken for done: as stored now, and as schema 1."""
    write_cell(tmp_path, cell, frame_of(cell), {})
    json_path = cell_paths(tmp_path, cell)[1]
    record = read_json(json_path)
    del record[key]
    for text in (sealed_json(record), json.dumps({**record, "schema": 1}).encode()):
        json_path.write_bytes(text)
        assert cell_state(tmp_path, cell) == ("damaged", f"{json_path}: damaged: lacks {key}")
        for read in (read_cell, cell_record):
            with pytest.raises(StudyError, match=f"lacks {key}; run the same command: a damaged"):
                read(tmp_path, cell)


def test_a_key_that_a_record_lacks_is_named_by_whoever_needs_it(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    write_cell(tmp_path, cell, frame_of(cell), {"seconds": {"wall": 1.0}})
    record = cell_record(tmp_path, cell)
    needs: dict[str, Callable[[], object]] = {
        "ledger": lambda: record.account,
        "versions": lambda: record.packages,
        "seconds.engine": lambda: record.measured("engine"),
    }
    for key, need in needs.items():
        with pytest.raises(StudyError, match=rf"0\.json: does not say {key}; remove it and run"):
            need()


def test_what_happened_to_a_cell_comes_back(
    tmp_path: Path, cell: Cell, frame_of: Callable[..., pd.DataFrame]
) -> None:
    happened: dict[str, dict[str, Any]] = {
        "resumed": {"times": 1, "reports": 7, "repeated": 0},
        "limits": {"trial_timeout": 5.0, "trial_memory": None, "trials": 2},
        "told": {"losses": 9, "otherwise": 0},
    }
    write_cell(tmp_path, cell, frame_of(cell), happened)
    record = cell_record(tmp_path, cell)
    assert {name: getattr(record, name) for name in happened} == happened
