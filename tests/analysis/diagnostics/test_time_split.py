"""Where the time of cells goes."""

import math

import pytest

from bohb_study.analysis.diagnostics.time_split import COLUMNS, PARTS, mean_time, time_split

FULL = {"wall": 10.0, "training": 4.0, "searching": 3.0, "scheduling": 1.0, "engine": 2.0}
OLD = {"wall": 20.0, "training": 8.0, "searching": 2.0, "engine": 10.0}


def test_one_row_a_cell_sorted() -> None:
    got = time_split({("b", "gp", 1): FULL, ("a", "gp", 0): {}})
    assert tuple(got.columns) == COLUMNS
    assert got["task"].tolist() == ["a", "b"]
    assert got.iloc[1][["wall", *PARTS]].tolist() == [10, 4, 3, 1, 2]
    assert got.iloc[0][["wall", *PARTS]].isna().all()


def test_means_over_measured_cells_add_up() -> None:
    records = [FULL, OLD, {}]
    cells = {("a", "gp", seed): seconds for seed, seconds in enumerate(records)}
    (row,) = mean_time(time_split(cells)).to_dict("records")
    assert (row["cells"], row["wall"], row["scheduling"]) == (2, 15.0, 0.5)
    assert sum(row[part] for part in PARTS) == pytest.approx(row["wall"])
    assert math.isnan(time_split(cells)["scheduling"].iloc[1])
