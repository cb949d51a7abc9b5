"""Candidates are drawn and transformed as scipy's scalar calls do, bit for bit."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats as sps
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bohb_study.methods.hpbandster.candidates import draw_candidates, truncated_normals

MEANS = st.floats(0, 1) | st.sampled_from([0.0, 5e-324, 1e-12, 0.5, 1 - 2**-53, 1.0])
WIDTHS = st.floats(1e-9, 1e6) | st.sampled_from([3e-3, 0.1, 1.0])


def scalar_draws(seed: int, means: np.ndarray, widths: np.ndarray) -> np.ndarray:
    rng = np.random.RandomState(seed)
    return np.array(
        [
            [
                sps.truncnorm.rvs(-m / w, (1 - m) / w, loc=m, scale=w, random_state=rng)
                for m, w in zip(row, widths, strict=True)
            ]
            for row in means
        ]
    )


def assert_same_bits(seed: int, means: np.ndarray, widths: np.ndarray) -> np.ndarray:
    uniforms = np.random.RandomState(seed).random_sample(means.shape)
    found = truncated_normals(uniforms, means, widths)
    assert found.tobytes() == scalar_draws(seed, means, widths).tobytes()
    return found


@settings(max_examples=60)
@given(
    means=st.lists(st.tuples(MEANS, MEANS), min_size=1, max_size=8),
    widths=st.tuples(WIDTHS, WIDTHS),
    seed=st.integers(0, 2**32 - 1),
)
@example(means=[(0.0, 1.0), (1.0, 0.0)], widths=(3e-3, 3e-3), seed=0)
@example(means=[(0.0, 1.0), (1.0, 0.0)], widths=(1e-300, 1e300), seed=0)
def test_truncated_normals_are_scipys(
    means: list[tuple[float, float]], widths: tuple[float, float], seed: int
) -> None:
    assert_same_bits(seed, np.array(means), np.array(widths))


def test_truncated_normals_of_a_whole_suggestion_are_scipys() -> None:
    rng = np.random.RandomState(0)
    means = np.round(rng.random_sample((64, 16)), 1)  # 0 and 1 are frequent
    found = assert_same_bits(1, means, np.geomspace(3e-3, 3, 16))
    assert ((found >= 0) & (found <= 1)).all()


class Fixed(np.random.RandomState):
    """Draws the same uniform number each time."""

    def uniform(self, *args: object, **kwargs: object) -> np.ndarray:
        return np.array(self.at)


@pytest.mark.parametrize("at", [2**-53, 2**-30, 1 - 2**-30, 1 - 2**-53])
def test_the_tails_are_scipys(at: float) -> None:
    rng = Fixed(0)
    rng.at = at
    for mean in (0.0, 0.3, 1.0):
        for width in (3e-3, 0.2, 3.0):
            found = truncated_normals(np.array([[at]]), np.array([[mean]]), np.array([width]))
            expected = sps.truncnorm.rvs(
                -mean / width, (1 - mean) / width, loc=mean, scale=width, random_state=rng
            )
            assert found.tolist() == [[expected]]


def test_draws_come_in_hpbandsters_order() -> None:
    data = np.array([[0.2, 1.0, 0.0], [0.9, 2.0, 1.0], [0.5, 0.0, 3.0]])
    good = SimpleNamespace(data=data, bw=np.array([1e-9, 0.6, 0.2]))
    choices = np.array([0, 3, 4])
    found = draw_candidates(np.random.RandomState(7), good, choices, 50, 1e-3, 3)

    rng = np.random.RandomState(7)
    expected = []
    for _ in range(50):
        datum = data[rng.randint(0, 3)]
        w = 3 * 1e-3  # the bandwidth is raised to its least first and widened then
        low, high = -datum[0] / w, (1 - datum[0]) / w
        point = [sps.truncnorm.rvs(low, high, loc=datum[0], scale=w, random_state=rng)]
        point += [
            int(datum[j]) if rng.rand() < 1 - good.bw[j] else rng.randint(choices[j])
            for j in (1, 2)
        ]
        expected.append(point)
    assert found.tolist() == expected


def test_a_space_without_continuous_hyperparameters() -> None:
    good = SimpleNamespace(data=np.array([[1.0], [0.0]]), bw=np.array([0.0]))
    found = draw_candidates(np.random.RandomState(0), good, np.array([2]), 200, 1e-3, 3)
    assert found.shape == (200, 1)
    assert set(found.ravel().tolist()) == {0.0, 1.0}
