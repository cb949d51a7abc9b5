"""The one draw behind all intervals."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from bohb_study.analysis.statistics.bootstrap import (
    RESAMPLES,
    ends,
    interval,
    observed_interval,
    resampled_counts,
)


def test_they_are_the_resamples_of_scipy() -> None:
    values = np.sort(np.random.default_rng(1).normal(size=12))
    theirs = bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(7)
    )
    means = resampled_counts(12, 7) @ values / 12
    np.testing.assert_allclose(means, theirs.bootstrap_distribution, rtol=1e-12)


def test_ends_are_hesterbergs_expanded_percentiles() -> None:
    """By the formula of his section on expanded percentile intervals, by hand for n = 10.

    t_{0.025, 9} = 2.2622, sqrt(10 / 9) = 1.05409: at Phi(-2.3845) = 0.855 % and 99.145 %.
    """
    assert ends(10) == pytest.approx((0.855, 99.145), abs=0.001)
    # with ever more observations, the plain ones; several samples share the smallest's lack
    assert ends(100_000) == pytest.approx((2.5, 97.5), abs=0.001)
    few, several = ends(10)[0], ends(10, 10, 10)[0]
    assert few < several < ends(30)[0]
    assert ends(10, 30) == ends(30, 10)


def test_an_interval_goes_from_end_to_end() -> None:
    resampled = np.random.default_rng(0).normal(size=(RESAMPLES, 3))
    low, high = interval(resampled, [10])
    np.testing.assert_array_equal([low, high], np.percentile(resampled, ends(10), axis=0))


@pytest.mark.parametrize("n", [1, 3, 20])
def test_every_resample_has_as_many_as_there_are(n: int) -> None:
    counts = resampled_counts(n, 3)
    assert counts.shape == (RESAMPLES, n)
    assert (counts.sum(axis=1) == n).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(n), abs=0.1)


def test_each_number_of_the_seed_gives_another_draw_and_none_can_be_changed() -> None:
    draws = [resampled_counts(9, *seed) for seed in [(5,), (5, 0, 1), (5, 1, 0), (5, 1, 1)]]
    for i, one in enumerate(draws):
        assert not any(np.array_equal(one, other) for other in draws[:i])
    np.testing.assert_array_equal(resampled_counts(9, 5, 0, 1), draws[1])
    with pytest.raises(ValueError, match="read-only"):
        draws[0][0, 0] = 1


def test_ends_of_order_statistics_are_values_among_them() -> None:
    low, high = np.arange(2000.0), np.append(np.arange(1990.0), [np.inf] * 10)
    first, last = (percent / 100 * 1999 for percent in ends(20))
    assert observed_interval(low, high, 20) == (math.floor(first), math.ceil(last))
    assert observed_interval(low, np.full(2000, np.inf), 20) == (math.floor(first), np.inf)
