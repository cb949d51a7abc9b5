"""Candidates are drawn and transformed as scipy's scalar calls do, bit for bit."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats as sps
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bohb_study.methods.hpbandster.candidates import CandidateSampler, TruncatedNormals
from bohb_study.methods.hpbandster.twister import Twister

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


def truncated_normals(uniforms: np.ndarray, means: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Drawn from one distribution a row."""
    return TruncatedNormals(means, widths).ppf(uniforms, np.arange(len(means)))


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


def one_by_one(
    rng: np.random.RandomState, good: Any, choices: np.ndarray, count: int
) -> tuple[list[list[float]], list[int]]:
    """HpBandSter's loop, with a least bandwidth of 1e-3 and a factor of 3; words after each."""
    points, words = [], []
    taken = Twister(7)
    for _ in range(count):
        datum = good.data[rng.randint(0, len(good.data))]
        point = []
        for mean, bw, levels in zip(datum, np.maximum(good.bw, 1e-3), choices, strict=True):
            w = 3 * bw  # the bandwidth is raised to its least first and widened then
            if levels == 0:
                ends = -mean / w, (1 - mean) / w
                point.append(sps.truncnorm.rvs(*ends, loc=mean, scale=w, random_state=rng))
            elif rng.rand() < 1 - bw:
                point.append(int(mean))
            else:
                point.append(rng.randint(levels))
        points.append(point)
        words.append(words_taken(rng, taken))
    return points, words


def words_taken(rng: np.random.RandomState, behind: Twister) -> int:
    """How many words ``rng`` has taken: ``behind``, seeded alike, is moved there word by word."""
    ahead = np.random.RandomState()
    ahead.set_state(rng.get_state())
    coming = np.frombuffer(ahead.bytes(40), "<u4")
    while (behind.ahead(10) != coming).any():
        behind.take(1)
    return behind.taken


KINDS_OF_SPACES = {
    "mixed": (np.array([1e-9, 0.6, 0.2]), np.array([0, 3, 4])),
    "categories first, often drawn": (np.array([0.9, 1e-9, 0.95]), np.array([5, 0, 3])),
    "real": (np.array([0.1, 1e-9, 0.5]), np.array([0, 0, 0])),
    "categories": (np.array([0.5, 0.9, 0.9]), np.array([2, 7, 5])),
    "a category of one level": (np.array([0.9, 0.5, 0.9]), np.array([1, 0, 1])),
}


@pytest.mark.parametrize("observed", [1, 3, 4, 5])
@pytest.mark.parametrize("kind", KINDS_OF_SPACES)
def test_draws_come_in_hpbandsters_order(kind: str, observed: int) -> None:
    bw, choices = KINDS_OF_SPACES[kind]
    draws = np.random.default_rng(observed)
    data = np.where(choices == 0, draws.random((observed, 3)), draws.integers(0, 2, (observed, 3)))
    good = SimpleNamespace(data=data, bw=bw)
    twister = Twister(7)
    found = CandidateSampler(good, choices, 1e-3, 3).draw(twister, 50)
    expected, words = one_by_one(np.random.RandomState(7), good, choices, 50)
    assert found.points.tolist() == expected
    assert found.ends == [0, *words]
    assert twister.taken == 0


class Stingy(Twister):
    """Gives a tenth of the words at first: the block is too short."""

    def ahead(self, count: int) -> Any:
        self.asked = [*getattr(self, "asked", []), count]
        return super().ahead(count if len(self.asked) > 1 else count // 10)


def test_a_block_that_is_too_short_is_drawn_again_with_the_same_candidates() -> None:
    bw, choices = KINDS_OF_SPACES["mixed"]
    good = SimpleNamespace(data=np.array([[0.2, 1.0, 0.0], [0.9, 2.0, 1.0]]), bw=bw)
    sampler, stingy = CandidateSampler(good, choices, 1e-3, 3), Stingy(7)
    found, expected = sampler.draw(stingy, 50), sampler.draw(Twister(7), 50)
    assert len(stingy.asked) > 2
    assert found.points.tolist() == expected.points.tolist()
    assert found.ends == expected.ends


def test_a_space_without_continuous_hyperparameters() -> None:
    good = SimpleNamespace(data=np.array([[1.0], [0.0]]), bw=np.array([0.0]))
    found = CandidateSampler(good, np.array([2]), 1e-3, 3).draw(Twister(0), 200).points
    assert found.shape == (200, 1)
    assert set(found.ravel().tolist()) == {0.0, 1.0}
