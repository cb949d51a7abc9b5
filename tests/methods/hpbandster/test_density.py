"""The densities of all points at once are statsmodels' densities of each, bit for bit."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from bohb_study.methods.hpbandster.density import LazyModel, densities

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:statsmodels")  # divides by zero


def fitted(
    kinds: str, observed: int, seed: int, levels: int = 4, min_bandwidth: float = 1e-3
) -> KDEMultivariate:
    """A density as HpBandSter fits it; of levels = 1 an unordered variable has no density."""
    rng = np.random.default_rng(seed)
    data = rng.random((observed, len(kinds)))
    for column, kind in enumerate(kinds):
        if kind == "u":
            data[:, column] = rng.integers(0, levels, observed)
        elif column % 3 == 2:
            data[:, column] = np.round(data[:, column], 1)  # an integer hyperparameter has ties
    kde = KDEMultivariate(data, kinds, "normal_reference", rng=0)
    kde.bw = np.clip(kde.bw, min_bandwidth, None)
    return kde


def near(kde: KDEMultivariate, count: int, seed: int) -> np.ndarray:
    """Points, half of them far out; levels that were never observed among them."""
    rng = np.random.default_rng(seed)
    points = rng.random((count, kde.k_vars))
    for column, kind in enumerate(kde.var_type):
        if kind == "u":
            points[:, column] = rng.integers(0, 6, count)
        else:
            points[::2, column] = kde.data[rng.integers(0, kde.nobs), column]
    return points


def assert_same_bits(kde: KDEMultivariate, points: np.ndarray) -> np.ndarray:
    expected = np.array([kde.pdf(point) for point in points])
    found = densities(kde, points)
    assert found.shape == (len(points),)
    np.testing.assert_array_equal(found, expected)  # NaN equals NaN whatever its sign
    return found


@settings(max_examples=60)
@given(
    kinds=st.text("cu", min_size=1, max_size=20),
    more=st.integers(1, 400),
    count=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
    min_bandwidth=st.sampled_from([1e-3, 0.3, 1.0]),
)
@example(kinds="c", more=1, count=1, seed=0, min_bandwidth=1e-3)
@example(kinds="u", more=1, count=64, seed=0, min_bandwidth=1e-3)
def test_densities_are_those_of_statsmodels(
    kinds: str, more: int, count: int, seed: int, min_bandwidth: float
) -> None:
    kde = fitted(kinds, len(kinds) + more, seed, min_bandwidth=min_bandwidth)
    assert_same_bits(kde, near(kde, count, seed))


# numpy sums up to 8 numbers one by one, up to 128 in eight strands and more in halves
@pytest.mark.parametrize("observed", [7, 8, 9, 127, 128, 129, 300, 1000, 2049])
@pytest.mark.parametrize("kinds", ["c", "ccucuc"])
def test_the_sum_over_observations_is_grouped_as_for_one_point(kinds: str, observed: int) -> None:
    kde = fitted(kinds, observed, seed=1)
    assert np.ptp(assert_same_bits(kde, near(kde, 64, seed=2))) > 0


@pytest.mark.parametrize("kinds", ["c" * 64, "cu" * 32, "u" * 64])
def test_many_dimensions(kinds: str) -> None:
    kde = fitted(kinds, 300, seed=3, min_bandwidth=0.5)
    assert_same_bits(kde, near(kde, 64, seed=4))


def test_a_variable_of_one_level_has_infinite_densities_and_warns_nobody() -> None:
    kde = fitted("cu", 30, seed=5, levels=1)
    points = np.column_stack([np.linspace(0, 1, 12), np.arange(12) % 3])
    found = assert_same_bits(kde, points)
    assert np.isposinf(found[1:][points[1:, 1] > 0]).all()
    assert np.isfinite(found[points[:, 1] == 0]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        densities(kde, points)


def test_the_formula_by_hand() -> None:
    # two observations, one continuous and one unordered variable of two levels, h = 0.5 and 0.2
    kde = KDEMultivariate(np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]), "cu", rng=0)
    kde.bw = np.array([0.5, 0.2])
    at_0, at_1 = (np.exp(-0.5 * (d / 0.5) ** 2) / np.sqrt(2 * np.pi) / 0.5 for d in (0.25, 0.75))
    expected = (at_0 * 0.8 + 2 * at_1 * 0.2) / 3
    assert densities(kde, np.array([[0.25, 0.0]])) == pytest.approx(expected, rel=1e-14)


def test_a_lazy_model_is_fitted_once_and_only_when_looked_at() -> None:
    fits = []

    def fit() -> dict[str, int]:
        fits.append(1)
        return {"good": 1, "bad": 2}

    model = LazyModel(fit)
    assert not fits
    assert dict(model) == {"good": 1, "bad": 2}
    assert (model["good"], len(model), fits) == (1, 2, [1])
