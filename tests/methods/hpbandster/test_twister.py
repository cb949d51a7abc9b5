"""The numbers that are read from blocks of words are those of numpy's RandomState."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bohb_study.methods.hpbandster.twister import Twister, uniforms
from random_states import state_after


@given(
    seed=st.integers(0, 2**32 - 1),
    draws=st.lists(st.none() | st.integers(1, 9) | st.integers(1, 2**32 - 1), max_size=300),
)
@example(seed=0, draws=[None, 1, 2, 3] * 700)
def test_numbers_and_position_are_those_of_a_random_state(
    seed: int, draws: list[int | None]
) -> None:
    stock, ours = np.random.RandomState(seed), Twister(seed)
    for below in draws:
        if below is None:
            assert ours.random_sample() == stock.random_sample()
        else:
            assert ours.randint(below) == stock.randint(below)
    np.testing.assert_equal(state_after(seed, ours.taken), stock.get_state())


@pytest.mark.parametrize("count", [2, 623, 625, 10_000])
def test_words_ahead_are_the_streams_and_are_not_taken(count: int) -> None:
    expected = np.random.RandomState(3).random_sample(count // 2)
    twister = Twister(3)
    for _ in range(2):
        words = twister.ahead(count)
        assert len(words) == count
        np.testing.assert_array_equal(uniforms(words)[::2][: count // 2], expected)
    assert twister.taken == 0
    twister.take(count)
    assert twister.taken == count
