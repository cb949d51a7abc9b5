from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.analysis.comparisons.speed_ups import speedups
from bohb_study.errors import StudyError

Cell = Callable[..., pd.DataFrame]
Runs = Mapping[str, Sequence[Sequence[float]]]
TOPS = {"toy": 9}
BUDGET = 8.0


@pytest.fixture(scope="session")
def study(cell: Cell) -> Callable[[Runs], pd.DataFrame]:
    """Full-fidelity losses of each method's seeds."""

    def build(runs: Runs) -> pd.DataFrame:
        return pd.concat(
            [
                cell([(9, loss) for loss in losses], method=method, seed=seed)
                for method, own in runs.items()
                for seed, losses in enumerate(own)
            ],
            ignore_index=True,
        )

    return build


Study = Callable[[Runs], pd.DataFrame]


def found(frame: pd.DataFrame, share: float = 1.0, **more: object) -> pd.DataFrame:
    every = speedups(frame, TOPS, {"toy": BUDGET}, 0, **more)  # type: ignore[arg-type]
    return every[every["share"] == share].set_index("method")


def falling(at: int) -> list[float]:
    """2 until the report of that number, then 1; eight reports."""
    return [2.0 if i + 1 < at else 1.0 for i in range(8)]


def test_by_hand(study: Study) -> None:
    frame = study({"random": [falling(6)] * 5, "asha": [falling(at) for at in (1, 2, 3, 8, 9)]})
    rows = found(frame)
    assert rows.loc["random", "target"] == 1.0
    assert rows.loc["asha", ["median", "base_median", "speedup"]].tolist() == [3, 6, 2]
    assert rows.loc["asha", ["seeds", "reached"]].tolist() == [5, 4]
    assert rows.loc["asha", "kind"] == "range, not an interval"
    # seed 4 never reached it before 8: its ratio is below 6 / 8, and how far is not known
    assert rows.loc["asha", ["low", "high"]].tolist() == [0, 6]
    assert found(frame, 0.5).loc["asha", ["target", "speedup"]].tolist() == [2.0, 1.0]


def test_the_target_is_the_interquartile_mean_without_rounding(study: Study) -> None:
    values = [0.0, 0.1, 0.2, 9.0]
    frame = study({"random": [[value] for value in values]})
    assert found(frame).loc["random", "target"] == pytest.approx(0.15)
    for value in (0.1, 1 / 3, 0.7):  # the mean of ten equal numbers may lie below them
        rows = found(study({"random": [[value]] * 10}))
        assert rows.loc["random", ["target", "reached"]].tolist() == [value, 10]


def test_censored_medians_are_bounds(study: Study) -> None:
    late = study({"random": [falling(2)] * 5, "asha": [falling(9)] * 5})
    row = found(late).loc["asha"]
    assert np.isnan(row["speedup"])
    assert (row["median"], row["base_median"], row["bound"]) == (np.inf, 2, 2 / 8)
    assert (row["low"], row["high"]) == (0, 2 / 8)
    # random's mean lies below what most of its seeds have
    bad_random = study({"random": [[0.0]] * 2 + [[1.0]] * 3, "asha": [[2.0, 0.0]] * 5})
    row = found(bad_random).loc["asha"]
    assert (row["median"], row["base_median"], row["bound"]) == (2, np.inf, BUDGET / 2)
    assert (row["low"], row["high"]) == (1 / 2, np.inf)
    neither = study({"random": [[0.0]] * 2 + [[1.0]] * 3, "asha": [[2.0]] * 5})
    row = found(neither).loc["asha"]
    assert np.isnan([row["speedup"], row["bound"]]).all()
    assert (row["low"], row["high"]) == (0, np.inf)


def test_a_cell_is_censored_at_its_budget_not_at_its_last_report(study: Study) -> None:
    """Asha's first seed spends 3 of its 8 and has too little left for another step."""
    frame = study({"random": [falling(1)] * 3, "asha": [[2.0] * 3, falling(4), falling(5)]})
    # censored at 3, the others' median would be 4
    assert found(frame).loc["asha", "median"] == 5


def test_intervals_of_ten_seeds_cover_the_ratio_and_are_open_where_censored(study: Study) -> None:
    random = [falling(4 + seed % 3) for seed in range(10)]
    frame = study({"random": random, "asha": [falling(2)] * 10, "tpe": [falling(9)] * 10})
    rows = found(frame)
    assert rows.loc["asha", "kind"] == "95 % interval"
    assert rows.loc["asha", ["low", "speedup", "high"]].tolist() == [2, 2.5, 3]
    assert rows.loc["tpe", "low"] == 0
    assert rows.loc["tpe", "high"] == 6 / 8


def test_the_bootstrap_is_paired(study: Study) -> None:
    """Always twice as fast, on seeds of very different length: paired, the ratio has no spread."""
    pairs = [(2, 1), (4, 2), (6, 3), (8, 4)] * 3
    frame = study(
        {"random": [falling(a) for a, _ in pairs], "asha": [falling(b) for _, b in pairs]}
    )
    assert found(frame).loc["asha", ["low", "speedup", "high"]].tolist() == [2, 2, 2]


def test_the_order_of_the_seeds_does_not_matter(cell: Cell) -> None:
    units = np.random.default_rng(0).integers(1, 60, size=(15, 2))

    def build(order: Sequence[int]) -> pd.DataFrame:
        return pd.concat(
            [
                cell([(9, 2.0), (9, 1.0)], units=[1, units[i, k]], method=method, seed=seed)
                for seed, i in enumerate(order)
                for k, method in enumerate(("random", "asha"))
            ]
        )

    orders = (range(15), range(14, -1, -1), [*range(5, 15), *range(5)])
    first, *others = (speedups(build(order), TOPS, {"toy": BUDGET}, 0) for order in orders)
    assert (first["low"] < first["high"]).any()
    for other in others:
        pd.testing.assert_frame_equal(other, first)


def test_times_may_be_counted_in_seconds(cell: Cell) -> None:
    frame = pd.concat(
        [
            cell([(9, 2.0), (9, 1.0)], method=method, seed=seed, seconds=seconds)
            for seed in range(3)
            for method, seconds in (("random", [10.0, 40.0]), ("asha", [5.0, 10.0]))
        ]
    )
    assert found(frame, axis="virtual_seconds").loc["asha", "speedup"] == 4


def test_what_has_no_part_in_it(study: Study, cell: Cell) -> None:
    frame = study({"random": [falling(2)] * 3, "random-2x": [falling(1)] * 3})
    assert list(found(frame, larger_budgets=["random-2x"]).index) == ["random"]
    with pytest.raises(StudyError, match="no task has random"):
        found(frame[frame["method"] != "random"])
    with pytest.raises(StudyError, match="missing cells: toy/asha/1"):
        found(pd.concat([study({"random": [[1.0]] * 2}), cell([(9, 1.0)], method="asha")]))
    late = cell([(1, 1.0), (9, 1.0)], units=[36, 9])  # 4 full evaluations before the first result
    every = speedups(late, TOPS, {"toy": BUDGET}, 0)
    assert every["share"].tolist() == [1.0]


def test_missing_cells_take_no_part_where_they_are_allowed(study: Study, cell: Cell) -> None:
    frame = study({"random": [falling(4)] * 11, "asha": [falling(2)] * 11})
    short = frame[~((frame["method"] == "asha") & (frame["seed"] == 10))]
    row = found(short, allow_missing=True).loc["asha"]
    assert row[["seeds", "speedup", "low", "high"]].tolist() == [10, 2, 2, 2]


LOSSES = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=8)


@settings(max_examples=12)
@given(st.data(), st.integers(2, 12))
def test_properties(study: Study, data: st.DataObject, n: int) -> None:
    runs = {method: [data.draw(LOSSES) for _ in range(n)] for method in ("asha", "random", "tpe")}
    frame = study(runs)
    expected = speedups(frame, TOPS, {"toy": BUDGET}, 0)
    random = expected[(expected["method"] == "random") & np.isfinite(expected["median"])]
    assert (random["speedup"] == 1).all()
    if n < 10:  # the ratio of medians lies in the range of the ratios
        both = expected[expected["speedup"].notna()]
        assert (both["low"] <= both["speedup"]).all()
        assert (both["speedup"] <= both["high"]).all()
    # doubled losses, other names of the seeds, one method less
    doubled = speedups(frame.assign(val_loss=2 * frame["val_loss"]), TOPS, {"toy": BUDGET}, 0)
    rest = [name for name in expected if name != "target"]
    pd.testing.assert_frame_equal(doubled[rest], expected[rest])
    order = data.draw(st.permutations(range(n)))
    permuted = frame.assign(seed=frame["seed"].map(dict(enumerate(order))))
    pd.testing.assert_frame_equal(speedups(permuted, TOPS, {"toy": BUDGET}, 0), expected)
    less = speedups(frame[frame["method"] != "tpe"], TOPS, {"toy": BUDGET}, 0)
    same = expected[expected["method"] != "tpe"].reset_index(drop=True)
    pd.testing.assert_frame_equal(less, same)


def test_a_target_that_is_lost_again_counts_from_where_it_is_held(cell: Cell) -> None:
    """Noise-free losses may rise: asha touches random's at 1 and has it for good from 4 on."""
    random = [2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0]
    lucky = [0.5, 3.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    gone = [0.5, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]

    def of(method: str, true: list[float]) -> pd.DataFrame:
        # of equal levels a lower loss takes the place, whatever it is worth
        reports = [(9, 1.0 - i / 10) for i in range(8)]
        return pd.concat(cell(reports, method=method, seed=n, true=true) for n in range(5))

    frame = pd.concat([of("random", random), of("asha", lucky), of("tpe", gone)])
    rows = found(frame)
    own = rows.loc["asha"]
    assert own[["median", "base_median", "speedup"]].tolist() == [4, 6, 1.5]
    assert own[["first_median", "first_base_median", "first_speedup"]].tolist() == [1, 6, 6]
    assert own[["reached", "first_reached"]].tolist() == [5, 5]
    assert rows.loc["tpe", ["reached", "first_reached"]].tolist() == [0, 5]
    assert np.isinf(rows.loc["tpe", "median"])
    assert rows.loc["random", ["speedup", "first_speedup"]].tolist() == [1, 1]
