"""What earlier versions stored stays readable, also when the stored form changes again."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bohb_study
from bohb_study.errors import StudyError
from bohb_study.schema import COLUMNS, NAMES, SCHEMA_VERSION
from bohb_study.store import cell_state, load_study, pack
from bohb_study.store.checksums import SUMS_FILE, seal_folder
from bohb_study.store.names import PACKED_ROWS
from bohb_study.store.sealed import read_json, sealed_json
from bohb_study.study import Cell

SCHEMAS = Path(__file__).parent / "schemas"
STORED = sorted(path for path in SCHEMAS.glob("schema-*/*") if path.is_dir())
CELL = Cell("partly-failing", "bohb", 0)
HYPERPARAMETERS = ["hp.kind", "hp.layers", "hp.rate"]
SIZE = 40_000
"""Bytes that each of the stored folders may have."""


def test_every_version_has_its_folders() -> None:
    names = [f"schema-{number + 1}" for number in range(SCHEMA_VERSION)]
    assert [path.relative_to(SCHEMAS).as_posix() for path in STORED] == [
        f"{name}/{form}" for name in names for form in ("pack", "run")
    ]
    for folder in STORED:
        assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < SIZE


@pytest.mark.parametrize("folder", STORED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_any_version_stored_is_read_as_the_present_one_has_it(folder: Path) -> None:
    loaded = load_study(folder)
    (record,) = loaded.cells.values()
    assert record.schema == int(folder.parent.name.removeprefix("schema-"))
    frame = loaded.frame
    assert list(frame.columns[: len(NAMES)]) == list(NAMES)
    assert list(frame.columns[len(NAMES) :]) == ["extra.weights", *HYPERPARAMETERS]
    failed = frame["status"] == "failed"
    assert 0 < failed.sum() < len(frame)
    assert frame.loc[failed, ["val_loss", "test_loss"]].isna().all(axis=None)
    assert frame.loc[~failed, ["val_loss", "test_loss"]].notna().all(axis=None)
    assert record.account.violations() == []
    assert loaded.study.ladder(CELL.task).costs == (1, 3)


def test_rows_are_the_same_whichever_version_stored_them() -> None:
    one, two = (load_study(SCHEMAS / name / "run").frame for name in ("schema-1", "schema-2"))
    measured = [column.name for column in COLUMNS if column.measured]
    assert one.drop(columns=measured).equals(two.drop(columns=measured))


def test_an_old_study_is_packed_by_the_present_version(tmp_path: Path) -> None:
    old = load_study(SCHEMAS / "schema-1" / "run")
    pack(old, tmp_path / "packed")
    again = load_study(tmp_path / "packed")
    assert again.frame.equals(old.frame)
    assert (again.cells, again.study.config) == (old.cells, old.study.config)
    assert again.study.json["schema"] == SCHEMA_VERSION


# A version to come: the source is changed as its author would change it


COLUMNS_EDITS = {
    '    Column("status", "str"': '    Column("gradient", "float", "", "norm", nullable=True),\n'
    '    Column("attempts", "int", "", "starts of the step"),\n'
    '    Column("level_share", "float", "", "level / highest level"),\n'
    '    Column("status", "str"',
    '    Column(\n        "true_loss", "float", "task", '
    '"noise-free loss at full fidelity, where known", nullable=True\n    ),\n': "",
    'Column("virtual_seconds"': 'Column("modelled_seconds"',
}
VERSIONS_EDITS = {
    ')\n"""All versions, the present one last."""': """    Version(
        4,
        "gradients, attempts and shares of the level",
        (
            Added("gradient"),
            Added("attempts", 1),
            Added("level_share", lambda rows: rows["level"] / rows["level"].max()),
        ),
    ),
    Version(
        5,
        "no noise-free loss; other names",
        (
            Removed(
                Column("true_loss", "float", "task", "noise-free loss", nullable=True), "gradient"
            ),
            Renamed("virtual_seconds", "modelled_seconds"),
            MethodRenamed("bohb", "bohb-of-now"),
        ),
    ),
)
\"\"\"All versions, the present one last.\"\"\""""
}
SHARES = [0.333, 0.667, 1.0]
READ = """
import bohb_study
import json, sys
from pathlib import Path
from bohb_study.running.comparison import compare_frames
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store import cell_state, load_study, pack
from bohb_study.study import Cell

found = {"schema": SCHEMA_VERSION, "package": bohb_study.__file__}
for given in sys.argv[2:]:
    folder = Path(given)
    loaded = load_study(folder)
    rows = loaded.rows(("partly-failing", "bohb-of-now", 0))
    (record,) = loaded.cells.values()
    target = Path(sys.argv[1]) / folder.parent.name / folder.name
    pack(loaded, target)
    again = load_study(target)
    recomputed = rows.assign(gradient=0.5, attempts=2, level_share=0.25)
    found[f"{folder.parent.name}/{folder.name}"] = {
        "columns": list(rows.columns),
        "dtypes": [str(rows[name].dtype) for name in ("gradient", "attempts", "level_share")],
        "gradients": int(rows["gradient"].notna().sum()),
        "attempts": sorted(set(rows["attempts"])),
        "shares": sorted(set(rows["level_share"].round(3))),
        "methods": [sorted(set(rows["method"])), list(loaded.study.methods), record.cell.method],
        "asked": [str(cell) for cell in loaded.study.cells()],
        "config": list(loaded.study.config.json["methods"]),
        "difference": str(compare_frames(rows, recomputed, record.schema)),
        "again": again.frame.equals(loaded.frame) and again.cells == loaded.cells,
        "state": cell_state(folder, Cell("partly-failing", "bohb-of-now", 0))[0],
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a program of two versions from now reads in the stored folders."""
    home = tmp_path_factory.mktemp("later")
    package = home / "bohb_study"
    here = Path(bohb_study.__file__).parent
    shutil.copytree(here, package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, edits in (("columns.py", COLUMNS_EDITS), ("versions.py", VERSIONS_EDITS)):
        text = (package / "schema" / file).read_text()
        for old, new in edits.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (package / "schema" / file).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(home / "packed"), *map(str, STORED)],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(home)},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["package"].startswith(str(home))
    return found


@pytest.mark.parametrize("folder", [f"{path.parent.name}/{path.name}" for path in STORED])
def test_a_later_version_reads_them_with_its_columns(later: dict[str, Any], folder: str) -> None:
    """Added ones are filled by their rules, removed ones dropped, names those of then."""
    assert later["schema"] == SCHEMA_VERSION + 2 == 5
    found = later[folder]
    names = [{"virtual_seconds": "modelled_seconds"}.get(n, n) for n in NAMES if n != "true_loss"]
    at = names.index("status")
    names[at:at] = ["gradient", "attempts", "level_share"]
    assert found["columns"][: len(names)] == names
    assert found["dtypes"] == ["float64", "int64", "float64"]
    assert (found["gradients"], found["attempts"], found["shares"]) == (0, [1], SHARES)
    assert found["methods"] == [["bohb-of-now"], ["bohb-of-now"], "bohb-of-now"]
    assert found["asked"] == ["partly-failing/bohb-of-now/0"]
    assert found["config"] == ["bohb-of-now"]
    assert found["again"], "packed by that version, and read again"


def test_a_later_version_compares_what_was_stored(later: dict[str, Any]) -> None:
    """What a rule filled in is no difference to what is computed now."""
    assert {one["difference"] for name, one in later.items() if "/" in name} == {"None"}


def test_a_later_version_finds_cells_under_the_name_that_their_method_had(
    later: dict[str, Any],
) -> None:
    states = {name: one["state"] for name, one in later.items() if "/run" in name}
    assert set(states.values()) == {"done"}


# Columns that no version has


def changed(folder: Path, home: Path, table: Any) -> tuple[Path, Path]:
    """A copy whose rows are changed by ``table``, with hashes that hold."""
    copy = home / "copy"
    shutil.copytree(folder, copy)
    if (copy / PACKED_ROWS).exists():
        rows, vouches = copy / PACKED_ROWS, copy / "cells.json"
    else:
        rows = next(copy.rglob("0.parquet"))
        vouches = rows.with_suffix(".json")
    pq.write_table(table(pq.read_table(rows)), rows)
    said = read_json(vouches)
    said["sha256"] = hashlib.sha256(rows.read_bytes()).hexdigest()
    vouches.write_bytes(sealed_json(said))
    if (copy / SUMS_FILE).exists():
        (copy / SUMS_FILE).unlink()
        seal_folder(copy)
    return copy, rows


def integer_losses(table: pa.Table) -> pa.Table:
    at = table.schema.get_field_index("val_loss")
    values = pa.array(np.zeros(len(table), dtype=np.int64))
    return table.set_column(at, pa.field("val_loss", pa.int64()), values)


MISMATCHES = {
    "column val_loss is int64, expected float64": integer_losses,
    "column true_loss is not there, expected float64": lambda t: t.drop_columns("true_loss"),
    "column surprise is bool, expected no such column": lambda t: t.append_column(
        "surprise", pa.array([True] * len(t))
    ),
    "column method stands where task is expected": lambda t: t.select(
        ["method", "task", *t.column_names[2:]]
    ),
}


@pytest.mark.parametrize("form", ["run", "pack"])
@pytest.mark.parametrize("line", MISMATCHES)
def test_columns_that_the_version_does_not_have_are_named_with_both_types(
    tmp_path: Path, form: str, line: str
) -> None:
    folder = SCHEMAS / f"schema-{SCHEMA_VERSION}" / form
    copy, rows = changed(folder, tmp_path, MISMATCHES[line])
    with pytest.raises(StudyError) as hit:
        load_study(copy)
    said = str(hit.value)
    assert f"{rows}: schema mismatch: {line}" in said
    assert "damaged:" not in said
    assert "\n" not in said
    if form == "run":
        assert cell_state(copy, CELL)[0] == "mismatch"
        assert load_study(copy, allow_missing=True).problems == [f"{rows}: schema mismatch: {line}"]


def test_a_newer_version_is_refused_in_one_line(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(SCHEMAS / "schema-2" / "run", copy)
    said = read_json(copy / "study.json")
    (copy / "study.json").write_bytes(sealed_json({**said, "schema": 9}))
    newer = rf"written by a newer version \(schema 9, this program reads {SCHEMA_VERSION}\)"
    with pytest.raises(StudyError, match=newer):
        load_study(copy)


def test_a_study_loads_the_same_from_its_folder_and_its_pack() -> None:
    run, packed = (load_study(SCHEMAS / "schema-2" / form) for form in ("run", "pack"))
    assert run.frame.equals(packed.frame)
    assert run.cells == packed.cells
