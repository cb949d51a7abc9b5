import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import bootstrap, trim_mean

from bohb_study.analysis.statistics.aggregate import (
    aggregate,
    estimate,
    iqm,
    kind_of,
)
from bohb_study.analysis.statistics.bootstrap import ends
from bohb_study.errors import StudyError

NAN = math.nan


def aligned(rows: list[list[float]]) -> pd.DataFrame:
    """One list a seed."""
    return pd.DataFrame(np.asarray(rows).T, index=np.arange(len(rows[0])) + 1)


def test_golden_interquartile_mean() -> None:
    # 8 seeds: two are cut at either end, the outlier with them
    values = np.array([[1.0, 2, 3, 4, 5, 6, 7, 1000]]).T
    assert iqm(values).tolist() == [4.5]
    got = estimate(values[:, 0], 0)
    assert (got.centre, got.low, got.high) == (4.5, 1.0, 1000.0)
    assert (got.label, got.kind, got.n) == ("interquartile mean", "range, not an interval", 8)


@pytest.mark.parametrize(
    ("n", "label", "kind"),
    [
        (1, "mean", "range, not an interval"),
        (3, "mean", "range, not an interval"),
        (4, "interquartile mean", "range, not an interval"),
        (9, "interquartile mean", "range, not an interval"),
        (10, "interquartile mean", "95 % interval"),
    ],
)
def test_what_is_drawn_is_called_what_it_is(n: int, label: str, kind: str) -> None:
    got = estimate(np.arange(n, dtype=float) ** 2, 0)
    assert (got.label, got.kind, got.n) == (label, kind, n)
    if label == "mean":
        assert got.centre == pytest.approx(np.mean(np.arange(n) ** 2))


def test_golden_curve_of_three_seeds() -> None:
    got = aggregate(aligned([[0.6, 0.3], [0.9, 0.3], [0.3, 0.0]]), 0)
    np.testing.assert_allclose(got.centre, [0.6, 0.2])
    np.testing.assert_array_equal(got.low, [0.3, 0.0])
    np.testing.assert_array_equal(got.high, [0.9, 0.3])
    assert got.x.tolist() == [1, 2]


def test_curves_start_where_all_seeds_are_defined_and_end_with_the_first() -> None:
    got = aggregate(aligned([[NAN, 3, 2, 1], [NAN, NAN, 5, 5], [9, 9, 9, NAN]]), 0)
    assert got.x.tolist() == [3]
    assert got.n == 3
    assert aggregate(aligned([[NAN, 1], [1, NAN]]), 0).x.tolist() == []


def test_an_undefined_seed_is_never_left_out_of_a_number() -> None:
    got = estimate(np.array([0.1, 0.2, NAN]), 0)
    assert math.isnan(got.centre)
    assert got.n == 3


def test_a_gap_or_no_seed_at_all_is_an_error() -> None:
    with pytest.raises(StudyError, match="gap"):
        aggregate(aligned([[1.0, NAN, 1.0]]), 0)
    with pytest.raises(StudyError, match="no seed"):
        aggregate(pd.DataFrame(index=[1, 2]), 0)
    with pytest.raises(StudyError, match="no seed"):
        estimate(np.empty(0), 0)


def test_the_bootstrap_is_seeded_and_leaves_the_global_generator_alone() -> None:
    frame = aligned(np.random.default_rng(0).normal(size=(12, 5)).tolist())
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 (the point of the test)
    first, again, other = (aggregate(frame, seed) for seed in (1, 1, 2))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    np.testing.assert_array_equal(first.low, again.low)
    np.testing.assert_array_equal(first.high, again.high)
    assert not np.array_equal(first.low, other.low)
    np.testing.assert_array_equal(first.centre, other.centre)


def test_the_interval_is_a_bootstrap_of_the_interquartile_mean() -> None:
    values = np.random.default_rng(1).normal(size=20)
    rng = np.random.default_rng(7)
    by_hand = [trim_mean(rng.choice(values, 20), 0.25) for _ in range(2000)]
    got = estimate(values, 3)
    np.testing.assert_allclose([got.low, got.high], np.percentile(by_hand, ends(20)), atol=0.08)
    assert got.low < got.centre < got.high


@pytest.mark.parametrize("n", [10, 11, 20, 33])
def test_the_interval_is_that_of_scipy(n: int) -> None:
    curves = np.random.default_rng(n).normal(size=(n, 7))
    got = aggregate(aligned(curves.tolist()), 4)
    expected = bootstrap(
        (np.sort(curves, axis=0),),
        lambda x, axis: trim_mean(x, 0.25, axis=axis),
        n_resamples=2000,
        confidence_level=(ends(n)[1] - ends(n)[0]) / 100,
        method="percentile",
        rng=np.random.default_rng(4),
    ).confidence_interval
    np.testing.assert_allclose(got.low, expected.low, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(got.high, expected.high, rtol=1e-11, atol=1e-13)


def test_the_interval_covers_at_twenty_seeds() -> None:
    rng = np.random.default_rng(0)
    draws = pd.DataFrame(rng.normal(size=(400, 20)), index=range(400))
    got = aggregate(draws, 0)
    covered = np.mean((got.low <= 0) & (got.high >= 0))
    assert 0.93 <= covered <= 0.99


SEEDS_BY_GRID = st.integers(1, 12).flatmap(
    lambda n: arrays(np.float64, (n, 4), elements=st.floats(-1e3, 1e3, width=32))
)


@settings(max_examples=20, deadline=None)
@given(values=SEEDS_BY_GRID, data=st.data())
def test_permuting_seeds_changes_nothing(values: np.ndarray, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(values))))
    one = aggregate(aligned(values.tolist()), 5)
    two = aggregate(aligned(values[list(order)].tolist()), 5)
    for name in ("x", "centre", "low", "high"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@settings(max_examples=20, deadline=None)
@given(values=SEEDS_BY_GRID)
def test_the_centre_is_scipys_and_lies_within(values: np.ndarray) -> None:
    got = aggregate(aligned(values.tolist()), 0)
    np.testing.assert_allclose(got.centre, trim_mean(values, 0.25, axis=0), atol=1e-9)
    if kind_of(len(values)) == "range, not an interval":
        np.testing.assert_array_equal(got.low, values.min(axis=0))
        np.testing.assert_array_equal(got.high, values.max(axis=0))
        assert np.all(got.low - 1e-9 <= got.centre)
        assert np.all(got.centre <= got.high + 1e-9)


@settings(max_examples=20, deadline=None)
@given(values=SEEDS_BY_GRID)
def test_a_grid_point_does_not_depend_on_its_neighbours(values: np.ndarray) -> None:
    whole = aggregate(aligned(values.tolist()), 0)
    for i in range(values.shape[1]):
        alone = estimate(values[:, i], 0)
        np.testing.assert_allclose(
            [whole.centre[i], whole.low[i], whole.high[i]],
            [alone.centre, alone.low, alone.high],
            rtol=1e-12,
        )
