import math
from collections.abc import Hashable

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.analysis.incumbents.alignment import align
from bohb_study.analysis.incumbents.step_functions import StepFunction

NAN = math.nan


def curve(x: list[float], y: list[float]) -> StepFunction:
    return StepFunction(np.array(x, dtype=np.float64), np.array(y, dtype=np.float64))


def test_golden_union_grid() -> None:
    aligned = align({0: curve([2, 5, 9], [0.9, 0.5, 0.1]), 1: curve([3, 6], [0.8, 0.4])})
    assert aligned.index.tolist() == [2, 3, 5, 6, 9]
    np.testing.assert_array_equal(aligned[0], [0.9, 0.9, 0.5, 0.5, 0.1])
    np.testing.assert_array_equal(aligned[1], [NAN, 0.8, 0.8, 0.4, NAN])


def test_no_look_ahead_and_no_straight_line() -> None:
    aligned = align({"a": curve([10, 20], [1.0, 0.0]), "b": curve([15, 20], [1.0, 1.0])})
    # searchsorted(side="left") would give 0.0 (the future), interpolation 0.5
    assert aligned.loc[15, "a"] == 1.0


def test_at_its_own_report_a_cell_has_the_new_value() -> None:
    assert align({0: curve([10, 20], [1.0, 0.0])}).loc[20, 0] == 0.0


def test_of_reports_at_equal_x_the_last_counts() -> None:
    assert align({0: curve([4, 4], [0.9, 0.2])})[0].tolist() == [0.2]


def test_places_are_compared_exactly() -> None:
    steps = {0: curve([0.25, 0.25, 4.5], [0.9, 0.5, 0.1]), 1: curve([0.5, 2.75], [0.8, 0.4])}
    aligned = align(steps, "virtual_seconds")
    assert aligned.index.name == "virtual_seconds"
    # whole seconds would merge 0.25 and 0.5; two workers that report at once: the later seq counts
    assert aligned.index.tolist() == [0.25, 0.5, 2.75, 4.5]
    np.testing.assert_array_equal(aligned[0], [0.5, 0.5, 0.5, 0.1])
    np.testing.assert_array_equal(aligned[1], [NAN, 0.8, 0.4, NAN])


def test_undefined_stays_undefined_until_the_first_incumbent() -> None:
    aligned = align({0: curve([1, 2, 3], [NAN, NAN, 0.5]), 1: curve([1], [0.7])})
    np.testing.assert_array_equal(aligned[0], [NAN, NAN, 0.5])


def test_a_cell_without_reports_is_undefined_everywhere() -> None:
    aligned = align({0: curve([], []), 1: curve([1], [0.7])})
    assert aligned[0].isna().all()
    assert aligned[1].tolist() == [0.7]


POINTS = st.lists(
    st.tuples(st.integers(1, 30).map(lambda k: k / 3), st.integers(0, 9).map(float)), min_size=1
)
CURVES = st.dictionaries(
    st.integers(0, 4),
    POINTS.map(lambda points: curve(sorted(x for x, _ in points), [y for _, y in points])),
    min_size=1,
)


@settings(max_examples=50, deadline=None)
@given(curves=CURVES)
def test_aligning_never_looks_ahead_and_never_past_the_end(
    curves: dict[Hashable, StepFunction],
) -> None:
    aligned = align(curves)
    assert aligned.index.is_monotonic_increasing
    assert aligned.index.is_unique
    for key, own in curves.items():
        for x, value in aligned[key].items():
            past = own.y[own.x <= x]
            expected = past[-1] if len(past) and x <= own.x[-1] else NAN
            np.testing.assert_equal(value, expected)


@settings(max_examples=50, deadline=None)
@given(curves=CURVES)
def test_another_cell_moves_no_value_of_the_first(curves: dict[Hashable, StepFunction]) -> None:
    aligned = align(curves)
    for key, own in curves.items():
        alone = align({key: own})[key]
        pd.testing.assert_series_equal(aligned[key].loc[alone.index], alone)
