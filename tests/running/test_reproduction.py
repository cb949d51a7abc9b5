"""Two frames are equal only bit for bit, and the first difference is named."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb_study import identity, numerics
from bohb_study.errors import UsageError
from bohb_study.running.options import RunOptions
from bohb_study.running.progress import make_progress
from bohb_study.running.reproduction import (
    Difference,
    NotReproducibleError,
    choose,
    compare_frames,
    prepare_rerun,
    reasons,
    reproduce,
    unavailable,
)
from bohb_study.running.runner import run_study
from bohb_study.schema import COLUMNS, SCHEMA_VERSION, build_frame, rows_hash
from bohb_study.store import CellRecord, LoadedStudy, StoredStudy, StoredTask, load_study
from bohb_study.store.cell_record import Commit
from bohb_study.store.stored_study import StoredConfig
from bohb_study.study import Cell, StudyConfig

ROWS = 4
MEASURED = {"train_seconds", "search_seconds"}
NUMBERS: dict[str, Any] = {"int": 3, "float": 0.1 + 0.2, "str": "x", "bool": True}


def rows() -> list[dict[str, Any]]:
    """Every column filled; the second row has NA wherever it may."""
    filled = {c.name: c.values[0] if c.values else NUMBERS[c.kind] for c in COLUMNS}  # noqa: PD011
    filled |= {"extra.e": 0.5, "hp.x": 0.25, "hp.c": "a"}
    bare = {c.name: None for c in COLUMNS if c.nullable} | dict.fromkeys(
        ("extra.e", "hp.x", "hp.c")
    )
    return [{**filled, "seq": i, **(bare if i == 1 else {})} for i in range(ROWS)]


def frame(*changes: tuple[int, str, Any]) -> pd.DataFrame:
    """The rows, with (row, column, value) changed."""
    changed = rows()
    for row, column, value in changes:
        changed[row][column] = value
    return build_frame(changed, {"x": "float", "c": "str"}, ["e"])


def test_equal_frames_are_equal_with_all_their_missing_values() -> None:
    assert frame().isna().any(axis=1).tolist() == [False, True, False, False]
    assert compare_frames(frame(), frame()) is None
    other_index = frame().set_index(pd.Index(range(10, 10 + ROWS)))
    assert compare_frames(other_index, frame()) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("config_id", "y"),
        ("trial", 2**53 + 1),
        ("bracket", 4),
        ("bracket", None),
        ("model_based", False),
        ("model_based", None),
        ("val_loss", np.nextafter(0.1 + 0.2, 1)),
        ("val_loss", math.inf),
        ("true_loss", None),
        ("decision", "stop"),
        ("hp.x", np.nextafter(0.25, 0)),
        ("hp.c", None),
        ("extra.e", None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_any_other_value_is_a_difference_whichever_comes_first(column: str, value: Any) -> None:
    stored, rerun = frame(), frame((2, column, value))
    for one, other in ((stored, rerun), (rerun, stored)):
        found = compare_frames(one, other)
        assert found is not None
        assert (found.row, found.column) == (2, column)
        assert str(found.stored) == str(one[column][2])
        assert str(found.rerun) == str(other[column][2])


def test_neighbouring_large_integers_differ() -> None:
    stored, rerun = frame((0, "units", 2**53)), frame((0, "units", 2**53 + 1))
    assert compare_frames(stored, rerun) == Difference(0, "units", 2**53, 2**53 + 1)


def test_the_first_difference_is_by_row_and_then_by_column() -> None:
    rerun = frame((3, "trial", 9), (2, "val_loss", 9.0), (2, "level", 9), (2, "hp.x", 9.0))
    assert compare_frames(frame(), rerun) == Difference(2, "level", 3, 9)


def test_the_row_is_named_by_its_seq() -> None:
    stored, rerun = frame((0, "seq", 40)), frame((0, "seq", 40), (0, "level", 9))
    assert compare_frames(stored, rerun) == Difference(40, "level", 3, 9)


def test_measured_columns_are_left_out_and_no_others() -> None:
    assert {column.name for column in COLUMNS if column.measured} == MEASURED
    rerun = frame(*((row, name, 99.0) for name in MEASURED for row in range(ROWS)))
    assert compare_frames(frame(), rerun) is None


@pytest.mark.parametrize("measured", sorted(MEASURED))
def test_the_type_of_a_measured_column_is_not_left_out(measured: str) -> None:
    found = compare_frames(frame(), frame().astype({measured: "str"}))
    assert found == Difference(0, measured, "float64", "str")


def test_a_type_is_part_of_the_value() -> None:
    rerun = frame((1, "bracket", 3)).astype({"bracket": "float64"})
    assert compare_frames(frame((1, "bracket", 3)), rerun) == Difference(
        0, "bracket", "Int64", "float64"
    )


def test_a_column_more_or_less_is_a_difference() -> None:
    more = frame().assign(other=1)
    assert compare_frames(frame(), more) == Difference(0, "other", "no such column", "int64")
    assert compare_frames(more, frame()) == Difference(0, "other", "int64", "no such column")


def test_a_row_more_or_less_is_a_difference_after_all_that_both_have() -> None:
    less = frame().iloc[:3]
    assert compare_frames(frame(), less) == Difference(3, "(number of rows)", 4, 3)
    assert compare_frames(less, frame()) == Difference(3, "(number of rows)", 3, 4)
    assert compare_frames(frame(), less.iloc[:0]) == Difference(0, "(number of rows)", 4, 0)
    earlier = frame((1, "level", 9))
    assert compare_frames(less, earlier) == Difference(1, "level", 3, 9)


def test_signed_zeros_are_told_apart() -> None:
    """Other bits, and another text in the hash of the rows."""
    stored, rerun = frame((0, "val_loss", 0.0)), frame((0, "val_loss", -0.0))
    assert rows_hash(stored) != rows_hash(rerun)
    found = compare_frames(stored, rerun)
    assert found is not None
    assert (found.row, found.column) == (0, "val_loss")


@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, ROWS - 1),
            st.sampled_from(["val_loss", "test_loss", "hp.x"]),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        max_size=3,
    )
)
def test_frames_differ_exactly_where_their_stored_rows_do(
    changes: list[tuple[int, str, float]],
) -> None:
    stored, rerun = frame(), frame(*changes)
    same = rows_hash(stored) == rows_hash(rerun)
    assert (compare_frames(stored, rerun) is None) == same


# Which cells


FACTS = StoredTask("epoch", 27, "validation error", "test error")
CELLS = [Cell("digits", method, seed) for method in ("grid", "random") for seed in range(5)]


@pytest.fixture
def study() -> Callable[..., LoadedStudy]:
    def made(study_id: str = "ab12cd34", workers: int = 1, code: str = "") -> LoadedStudy:
        config = {"task": ["digits"], "methods": ["grid", "random"], "workers": workers}
        stored = StoredStudy(
            name="compare",
            id=study_id,
            config=StoredConfig(50, workers, ("digits",), json=config),
            tasks={"digits": FACTS},
            methods=("grid", "random"),
            seeds=5,
            asked={},
        )
        cells = {
            (cell.task, cell.method, cell.seed): CellRecord(
                cell,
                SCHEMA_VERSION,
                rows=1,
                sha256="",
                rows_hash="",
                hyperparameters={},
                extra=(),
                versions=identity.versions(),
                numerics=numerics.expected("portable", torch=True),
                git=Commit("c0ffee"),
                code=code or identity.cell_hash(cell.task, cell.method, "tune"),
            )
            for cell in CELLS
        }
        return LoadedStudy(Path("no/such/study"), stored, pd.DataFrame(), cells, [])

    return made


def test_without_a_sample_all_cells_are_chosen(study: Callable[..., LoadedStudy]) -> None:
    assert choose(study(), None) == CELLS


@pytest.mark.parametrize("sample", [1, 4, 10])
def test_a_sample_is_drawn_by_the_studys_id(sample: int, study: Callable[..., LoadedStudy]) -> None:
    chosen = choose(study(), sample)
    assert chosen == choose(study(), sample)
    assert len(set(chosen)) == sample
    assert chosen == [cell for cell in CELLS if cell in chosen]


def test_samples_differ_from_study_to_study_and_reach_every_cell(
    study: Callable[..., LoadedStudy],
) -> None:
    drawn = [choose(study(f"{number:08x}"), 2) for number in range(40)]
    assert {cell for cells in drawn for cell in cells} == set(CELLS)


def test_a_sample_is_of_what_can_be_run_here(
    study: Callable[..., LoadedStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of tasks whose optional package is not installed."""
    stored = study()
    record = stored.cells["digits", "grid", 0]
    stored.cells.update({("lcdb-23", "grid", seed): record for seed in range(5)})
    config = replace(stored.study.config, tasks=("digits", "lcdb-23"))
    tasks = {"digits": FACTS, "lcdb-23": FACTS}
    stored = replace(stored, study=replace(stored.study, config=config, tasks=tasks))
    monkeypatch.setattr("bohb_study.tasks.tabular.lcdb_curves.find_spec", lambda name: None)
    absent = unavailable(stored)
    assert list(absent) == ["lcdb-23"]
    assert "needs the package lcdb" in absent["lcdb-23"]
    assert {cell.task for cell in choose(stored, 10, absent)} == {"digits"}
    with pytest.raises(UsageError, match=r"must be between 1 and 10 "):
        choose(stored, 11, absent)


@pytest.mark.parametrize("sample", [0, -1, 11])
def test_a_sample_that_cannot_be_is_refused(sample: int, study: Callable[..., LoadedStudy]) -> None:
    with pytest.raises(UsageError, match=f"^sample {sample}: must be between 1 and 10 "):
        choose(study(), sample)


# Whether it can come out the same at all


def test_a_study_of_the_same_code_at_one_worker_can(study: Callable[..., LoadedStudy]) -> None:
    assert reasons(prepare_rerun(study())) == []


def test_a_study_at_several_workers_cannot_where_tune_ran_it(
    study: Callable[..., LoadedStudy],
) -> None:
    several = study(workers=2)
    key = ("digits", "random", 3)
    by_ray = dict(several.cells)
    for cell, record in by_ray.items():
        several.cells[cell] = replace(record, engine="virtual")
    prepare_rerun(several)
    several.cells[key] = by_ray[key]
    with pytest.raises(
        NotReproducibleError,
        match=r"^no/such/study: digits/random/3 was run with 2 workers by engine tune, so its rows "
        r"depend on the order of arrival and cannot be reproduced$",
    ):
        prepare_rerun(several)


def test_a_cell_whose_trials_were_ended_by_limits_cannot(
    study: Callable[..., LoadedStudy],
) -> None:
    limited = study()
    key = ("digits", "random", 3)
    limited.cells[key] = replace(limited.cells[key], limits={"trial_timeout": 5.0, "trials": 1})
    with pytest.raises(NotReproducibleError, match="some of its trials were ended by limits"):
        prepare_rerun(limited)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")
def test_virtual_at_several_workers_comes_out_again(tmp_path: Path, cells_run_here: None) -> None:
    """Run, read, allowed, equal; and a loss that was changed is found."""
    config = StudyConfig(tasks=("mfh3",), methods=("random", "asha"), budget=5, seeds=1, workers=3)
    stored = load_study(run_study(config, RunOptions(out=tmp_path, jobs=1), make_progress).path)
    assert {record.engine for record in stored.cells.values()} == {"virtual"}
    stored.frame.loc[stored.frame.index[-1], "val_loss"] += 1e-12
    changed = stored.frame.iloc[-1]
    comparisons = reproduce(prepare_rerun(stored), RunOptions(jobs=2), make_progress)
    assert [str(comparison.cell) for comparison in comparisons] == [
        "mfh3/random/0",
        "mfh3/asha/0",
    ]
    found = {c.cell.method: c.difference for c in comparisons}
    different = found.pop(changed["method"])
    assert different is not None
    assert (different.row, different.column) == (changed["seq"], "val_loss")
    assert list(found.values()) == [None]


def test_what_differs_is_named_numerics_first_then_code(
    study: Callable[..., LoadedStudy],
) -> None:
    other = study()
    key = ("digits", "random", 3)

    def found(**changes: Any) -> list[str]:
        other.cells[key] = replace(other.cells[key], **changes)
        return reasons(prepare_rerun(other, [Cell(*key)]))

    assert found(code="0" * 64) == ["code: that of commit c0ffee is not the code here"]
    assert reasons(prepare_rerun(other, CELLS[:5])) == [], "the other cells are as they were"
    record = other.cells[key]
    (why,) = found(versions={**record.packages, "ray": "1.0", "python": "2.7"})
    assert re.fullmatch(r"code: ray: 1\.0 -> \d[\d.]+", why)
    here = numerics.expected("portable")["libm"]
    said = found(numerics={**record.numerics, "mkl": "AVX2", "libm": "glibc 2.99"})
    assert said[:2] == [
        "numerics, mkl: AVX2 -> COMPATIBLE",
        f"numerics, libm: glibc 2.99 -> {here}",
    ]
    assert said[2:] == [why]
    assert found(numerics={})[0] == "numerics: not recorded (written before schema 2)"
    assert found(schema=1)[1].endswith("the code of commit c0ffee was hashed in another way")
