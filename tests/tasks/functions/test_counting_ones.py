"""Counting ones: its formula, the distribution of its noise, its ladders."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, plain
from bohb_study.tasks import Task, make_task
from bohb_study.tasks.functions.counting_ones import CountingOnes

DIMENSIONS = (8, 16, 32, 64, 100)
TASK = CountingOnes()
CONFIG: Config = {
    "cat_0": 1,
    "cat_1": 0,
    "cat_2": 1,
    "cat_3": 1,
    "float_0": 0.1,
    "float_1": 0.5,
    "float_2": 0.9,
    "float_3": 0.25,
}


def constant(task: Task, value: int) -> Config:
    """The configuration in which everything has one value, 0 or 1: nothing is left to chance."""
    return {name: value if name[0] == "c" else float(value) for name in task.space(0)}


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_half_are_categorical_in_plain_ints_and_half_are_floats(dimensions: int) -> None:
    task = make_task(f"counting-ones-{dimensions}")
    config = plain(task.space(0).sample_configuration())
    categoricals = [value for name, value in config.items() if name.startswith("cat_")]
    floats = [value for name, value in config.items() if name.startswith("float_")]
    assert len(categoricals) == len(floats) == dimensions // 2
    assert {type(value) for value in categoricals} == {int}
    assert {type(value) for value in floats} == {float}
    assert set(categoricals) <= {0, 1}


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_all_ones_is_the_optimum_and_all_zeros_is_zero_at_every_level(dimensions: int) -> None:
    task = make_task(f"counting-ones-{dimensions}")
    for value, loss in ((1, -float(dimensions)), (0, 0.0)):
        config = constant(task, value)
        assert task.true_loss(config) == loss
        assert [task.start(config, 3).advance(b).val_loss for b in task.ladder.costs] == [loss] * 5
    assert task.optimum == -dimensions


def test_noise_free_loss_is_minus_the_sum() -> None:
    assert TASK.true_loss(CONFIG) == pytest.approx(-(3 + 0.1 + 0.5 + 0.9 + 0.25), abs=1e-14)


@pytest.mark.parametrize("level", [9, 81, 729])
def test_noise_is_that_of_means_of_bernoulli_draws(level: int) -> None:
    """Mean, variance and the lattice of values: wrong with another number of draws, or one draw."""
    n = 4000
    losses = np.array([TASK.start(CONFIG, seed).advance(level).val_loss for seed in range(n)])
    variance = (0.1 * 0.9 + 0.5 * 0.5 + 0.9 * 0.1 + 0.25 * 0.75) / level
    mean = -(3 + 0.1 + 0.5 + 0.9 + 0.25)
    assert abs(losses.mean() - mean) < 4 * np.sqrt(variance / n)
    # the variance of a sample variance is 2 / n of its square, for all but normal noise
    assert abs(losses.var(ddof=1) / variance - 1) < 4 * np.sqrt(2 / n)
    counts = -(losses + 3) * level
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)


def test_the_floats_are_drawn_independently_of_each_other() -> None:
    """Were one uniform shared, the variance of k floats would be k squared times that of one."""
    half = {name: 0.5 if name[0] == "f" else 0 for name in CONFIG}
    losses = [TASK.start(half, seed).advance(9).val_loss for seed in range(4000)]
    assert np.var(losses) == pytest.approx(4 * 0.25 / 9, rel=4 * np.sqrt(2 / 4000))


def test_levels_of_one_configuration_draw_independently() -> None:
    pairs = np.array(
        [[TASK.loss(CONFIG, level, seed) for level in (9, 27)] for seed in range(2000)]
    )
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 4 / np.sqrt(2000)


@given(seed=st.integers(0, 2**31), order=st.permutations((9, 27, 81, 243, 729)))
def test_a_row_is_a_function_of_configuration_level_and_seed(seed: int, order: list[int]) -> None:
    evaluation = TASK.start(CONFIG, seed)
    shuffled = {level: evaluation.advance(level).val_loss for level in order}
    assert shuffled == {level: CountingOnes().loss(CONFIG, level, seed) for level in order}


def test_seeds_configurations_and_dimensions_draw_differently() -> None:
    draws = [TASK.loss(CONFIG, 729, seed) for seed in range(20)]
    assert len(set(draws)) > 15
    tiny: Config = {**CONFIG, "float_0": 0.1 + 1e-12}
    assert [TASK.loss(tiny, 729, seed) for seed in range(20)] != draws
    other = CountingOnes(name="counting-ones-16")
    both = [(task.rng(CONFIG, 9, 0).random()) for task in (TASK, other)]
    assert both[0] != both[1]


@pytest.mark.parametrize("name", ["counting-ones-8", "counting-ones-100"])
def test_ladders_of_the_two_papers(name: str) -> None:
    ladder = make_task(name).ladder
    assert (ladder.costs, ladder.eta) == ((9, 27, 81, 243, 729), 3)
    dehb = make_task(name, {"rungs": "dehb"})
    assert dehb.ladder.costs == (11, 34, 103, 311, 933)
    assert dehb.ladder.times == (1, 3, 9, 27, 81)
    for one in (ladder, dehb.ladder):
        assert (one.unit, one.curve, one.resumable) == ("sample", False, False)
    assert dehb.start(constant(dehb, 1), 0).advance(933).units == 933


@pytest.mark.parametrize("rungs", ["BOHB", "", "9"])
def test_other_ladders_are_refused_in_one_line(rungs: str) -> None:
    with pytest.raises(
        UsageError,
        match=rf"^task_options counting-ones-100\.rungs={rungs}: must be bohb or dehb$",
    ):
        make_task("counting-ones-100", {"rungs": rungs})


def test_eta_takes_every_mth_rung() -> None:
    task = make_task("counting-ones-8", eta=9)
    assert task.ladder.costs == (9, 81, 729)
    # the same rows as on the finer ladder
    rows: Any = [make_task("counting-ones-8", eta=eta).start(CONFIG, 5) for eta in (3, 9)]
    assert rows[0].advance(81).val_loss == rows[1].advance(81).val_loss


def test_golden_rows() -> None:
    """Rows of stored studies: they change only where seeds, names or the order of draws do."""
    counts = {9: 17, 729: 1260}
    assert {b: TASK.loss(CONFIG, b, 0) for b in counts} == {
        b: -(3 + n / b) for b, n in counts.items()
    }


def test_the_lowest_rungs_can_be_left_out() -> None:
    task = make_task("counting-ones-8", {"lowest_rung": "2"})
    assert task.ladder.costs == (81, 243, 729)
    assert task.ladder.times == (1, 3, 9)
    assert isinstance(task, CountingOnes)
    assert task.loss(CONFIG, 81, 3) == TASK.loss(CONFIG, 81, 3)
    assert make_task("counting-ones-8", {"lowest_rung": "4"}).ladder.costs == (729,)


@pytest.mark.parametrize("rungs", ["-1", "5"])
def test_a_ladder_keeps_a_rung(rungs: str) -> None:
    said = rf"^task_options counting-ones-8.lowest_rung={rungs}: must be 0 to 4$"
    with pytest.raises(UsageError, match=said):
        make_task("counting-ones-8", {"lowest_rung": rungs})
