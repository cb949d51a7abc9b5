"""The Kaplan-Meier median: by hand, by another library, and many resamples at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from bohb_study.analysis.statistics.survival import HALF, median_time, resampled_medians

OBSERVATIONS = st.lists(
    st.tuples(st.integers(1, 8).map(float), st.booleans()), min_size=1, max_size=14
)


@pytest.mark.parametrize(
    ("times", "happened", "expected"),
    [
        ([1, 2, 3], [1, 1, 1], 2),
        ([1, 2, 3, 4], [1, 1, 1, 1], 2),  # half of them have it by 2
        ([1, 2, 9, 9], [1, 1, 0, 0], 2),
        ([1, 9, 9], [1, 0, 0], np.inf),
        ([9, 9], [0, 0], np.inf),
        ([], [], np.inf),
        # one leaves early: 2/3 after 2, then 1/3 after 3; plain counting would say 2
        ([1, 2, 3, 4], [0, 1, 1, 1], 3),
        # who leaves at the time of an event was still at risk: 3/4, not 2/3; then 3/8
        ([1, 1, 2, 3], [1, 0, 1, 1], 2),
    ],
)
def test_by_hand(times: list[float], happened: list[int], expected: float) -> None:
    x, event = np.array(times, dtype=np.float64), np.array(happened, dtype=bool)
    assert median_time(x, event) == expected
    assert resampled_medians(x, event, np.ones((1, len(x)), dtype=np.int64)) == [expected]


@given(OBSERVATIONS)
def test_statsmodels_has_the_same_survival(observations: list[tuple[float, bool]]) -> None:
    times, happened = (np.array(column) for column in zip(*observations, strict=True))
    other = SurvfuncRight(times, happened.astype(int))
    below = other.surv_times[other.surv_prob <= HALF]
    assert median_time(times, happened) == (below[0] if len(below) else np.inf)


@given(OBSERVATIONS, st.integers(0, 99))
def test_resamples_are_those_of_the_library(
    observations: list[tuple[float, bool]], seed: int
) -> None:
    times, happened = (np.array(column) for column in zip(*observations, strict=True))
    n = len(times)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=5)
    expected = [median_time(np.repeat(times, c), np.repeat(happened, c)) for c in counts]
    np.testing.assert_array_equal(resampled_medians(times, happened, counts), expected)
