from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.analysis.incumbents.anytime_curves import AnytimeData, MethodCurves, anytime
from bohb_study.errors import StudyError, UsageError

Cell = Callable[..., pd.DataFrame]
TOPS = {"toy": 9, "other": 3}
REPORTS = st.lists(
    st.tuples(st.sampled_from([1, 3, 9]), st.integers(0, 5).map(float)), min_size=1, max_size=12
)


def one(data: AnytimeData, method: str, task: str = "toy") -> MethodCurves:
    return next(c for c in data.curves if (c.task, c.method) == (task, method))


@pytest.fixture
def frame(cell: Cell) -> pd.DataFrame:
    return pd.concat(
        [
            cell([(9, 0.8), (9, 0.9), (9, 0.2)], seed=0),
            cell([(9, 0.6), (9, 0.4), (9, 0.7)], seed=1),
            cell([(1, 0.1), (9, 0.5), (9, 0.3)], seed=0, method="asha"),
            cell([(3, 0.1), (9, 0.7), (9, 0.9)], seed=1, method="asha"),
        ]
    )


def test_golden_curves(frame: pd.DataFrame) -> None:
    data = anytime(frame, "full", TOPS)
    random = one(data, "random")
    assert random.seeds == (0, 1)
    assert random.runs.index.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(random.runs[0], [0.8, 0.8, 0.2])
    np.testing.assert_allclose(random.over_seeds.centre, [0.7, 0.6, 0.3])
    asha = one(data, "asha")  # units: seed 0 at 1, 10, 19; seed 1 at 3, 12, 21
    np.testing.assert_allclose(asha.over_seeds.x, [12 / 9, 19 / 9])
    np.testing.assert_allclose(asha.over_seeds.centre, [0.6, 0.5])
    assert data.missing == ()


def test_the_minimum_is_taken_before_averaging_not_after(frame: pd.DataFrame) -> None:
    # averaging the reports first: .7, .65, .45 and then cummin would end at .45
    assert one(anytime(frame, "full", TOPS), "random").over_seeds.centre[-1] == pytest.approx(0.3)


def test_unequal_seeds_stop_and_are_named(frame: pd.DataFrame, cell: Cell) -> None:
    more = pd.concat([frame, cell([(9, 0.1)], seed=2)])
    with pytest.raises(StudyError, match="missing cells: toy/asha/2"):
        anytime(more, "full", TOPS)
    data = anytime(more, "full", TOPS, allow_missing=True)
    assert data.missing == ("toy/asha/2",)
    assert one(data, "random").seeds == (0, 1, 2)  # not cut to the smallest count
    assert one(data, "asha").over_seeds.n == 2


def test_a_method_that_stands_on_one_task_only_is_not_missing_on_the_other(
    frame: pd.DataFrame, cell: Cell
) -> None:
    data = anytime(pd.concat([frame, cell([(3, 0.1)], task="other")]), "full", TOPS)
    assert one(data, "random", "other").over_seeds.n == 1


def test_an_empty_frame_or_an_unknown_task_is_an_error(frame: pd.DataFrame) -> None:
    with pytest.raises(StudyError, match="no rows"):
        anytime(frame.iloc[:0], "full", TOPS)
    with pytest.raises(StudyError, match="task toy"):
        anytime(frame, "full", {})


def test_golden_curves_in_virtual_seconds(cell: Cell) -> None:
    frame = pd.concat(
        [
            cell([(9, 0.8), (9, 0.6), (9, 0.2)], seed=0, seconds=[2.5, 2.5, 6.0]),
            cell([(1, 0.1), (9, 0.4), (9, 0.3)], seed=1, seconds=[0.5, 3.5, 5.0]),
        ]
    )
    random = one(anytime(frame, "full", TOPS, axis="virtual_seconds"), "random")
    assert random.runs.index.tolist() == [0.5, 2.5, 3.5, 5.0, 6.0]
    # .6 and .2 must not be read before 2.5 s and 6 s; seed 1 ends at 5 s and so does the mean
    np.testing.assert_array_equal(random.over_seeds.x, [3.5, 5.0])
    np.testing.assert_allclose(random.over_seeds.centre, [0.5, 0.45])


def test_seconds_that_are_not_known_are_an_error_and_not_a_gap(cell: Cell) -> None:
    known, unknown = cell([(9, 0.8)], seconds=[1.0]), cell([(9, 0.8)], seed=1)
    frame = pd.concat([known, unknown])
    with pytest.raises(UsageError, match=r"toy/random/1.*virtual seconds"):
        anytime(frame, "full", TOPS, axis="virtual_seconds")
    assert one(anytime(frame, "full", TOPS), "random").over_seeds.x.tolist() == [1.0]


@settings(max_examples=20, deadline=None)
@given(own=st.lists(REPORTS, min_size=2, max_size=2), new=st.lists(REPORTS, min_size=2, max_size=2))
def test_adding_a_method_moves_no_other_curve(
    cell: Cell, own: list[list[tuple[int, float]]], new: list[list[tuple[int, float]]]
) -> None:
    base = pd.concat([cell(reports, seed=i) for i, reports in enumerate(own)])
    added = [cell(reports, seed=i, method="aaa") for i, reports in enumerate(new)]
    for rule in ("full", "highest"):
        before = one(anytime(base, rule, TOPS), "random")
        after = one(anytime(pd.concat([*added, base]), rule, TOPS), "random")
        pd.testing.assert_frame_equal(before.runs, after.runs)
        for name in ("x", "centre", "low", "high"):
            np.testing.assert_array_equal(
                getattr(before.over_seeds, name), getattr(after.over_seeds, name)
            )


@settings(max_examples=20, deadline=None)
@given(own=st.lists(REPORTS, min_size=3, max_size=3), order=st.permutations(range(3)))
def test_renaming_seeds_and_shuffling_rows_changes_no_curve(
    cell: Cell, own: list[list[tuple[int, float]]], order: list[int]
) -> None:
    base = pd.concat([cell(reports, seed=i) for i, reports in enumerate(own)])
    renamed = base.assign(seed=base["seed"].map(dict(enumerate(order)))).sample(
        frac=1, random_state=0
    )
    before, after = (one(anytime(f, "any", TOPS), "random").over_seeds for f in (base, renamed))
    for name in ("x", "centre", "low", "high"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


@pytest.mark.parametrize("axis", ["full_evals", "virtual_seconds"])
def test_a_larger_budget_runs_along_a_fraction_of_what_it_spent(cell: Cell, axis: str) -> None:
    losses = [(9, 0.8), (9, 0.6), (9, 0.2), (9, 0.1)]
    frame = pd.concat(
        [
            cell(losses[:2], seconds=[3.0, 6.0]),
            cell(losses, method="random-2x", seconds=[3.0, 6.0, 9.0, 12.0]),
        ]
    )
    data = anytime(frame, "full", TOPS, axis=axis, larger_budgets={"random-2x": 2})
    scale = 1 if axis == "full_evals" else 3
    assert one(data, "random").runs.index.tolist() == [scale, 2 * scale]
    twice = one(data, "random-2x")
    assert twice.over_seeds.x.tolist() == [0.5 * scale, scale, 1.5 * scale, 2 * scale]
    np.testing.assert_array_equal(twice.over_seeds.centre, [0.8, 0.6, 0.2, 0.1])
