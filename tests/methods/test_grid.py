"""The grid is laid out for its budget, visits every point once, and goes on finer."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    ForbiddenEqualsClause,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.search import Searcher

from bohb_study.methods import get_method
from bohb_study.methods.base import Problem
from bohb_study.methods.ray.grid_search import GridSearch, grid_values, layout, next_counts
from bohb_study.seeding import canonical
from bohb_study.tasks import Task, make_task

DIGITS = make_task("digits")


def grid(points: int, seed: int = 0) -> GridSearch:
    """A grid over the space of digits."""
    return GridSearch(DIGITS.space(0), DIGITS.grid_order, points, seed)


def visited(searcher: GridSearch, samples: int) -> list[dict[str, Any]]:
    return [config for _ in range(samples) if (config := searcher.next_config()) is not None]


def names(configs: list[dict[str, Any]]) -> list[str]:
    return [canonical(config) for config in configs]


# How many values each hyperparameter gets


@pytest.mark.parametrize(
    ("points", "lr", "l1", "l2", "batch_size"),
    [
        (1, 1, 1, 1, 1),
        (2, 2, 1, 1, 1),
        (4, 2, 2, 1, 1),
        (15, 2, 2, 2, 1),
        (16, 2, 2, 2, 2),
        (23, 2, 2, 2, 2),
        (24, 3, 2, 2, 2),
        (50, 3, 3, 2, 2),  # the default budget
        (54, 3, 3, 3, 2),
        (81, 3, 3, 3, 3),
        (255, 4, 4, 4, 3),
        (256, 4, 4, 4, 4),
        (1000, 6, 6, 6, 4),  # there are four batch sizes
    ],
)
def test_layout_of_digits(points: int, lr: int, l1: int, l2: int, batch_size: int) -> None:
    assert grid(points).counts == {"lr": lr, "l1": l1, "l2": l2, "batch_size": batch_size}


LIMITS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.one_of(st.just(math.inf), st.integers(1, 5)),
    min_size=1,
    max_size=8,
)


@given(limits=LIMITS, points=st.integers(1, 300))
def test_layout_is_even_within_the_budget_and_cannot_be_finer(
    limits: dict[str, float], points: int
) -> None:
    counts = layout(list(limits), limits, points)
    assert list(counts) == list(limits)
    assert math.prod(counts.values()) <= points
    assert all(1 <= counts[name] <= limits[name] for name in limits)
    # the important ones first, and none two ahead of one that could have more
    free = [count for name, count in counts.items() if count < limits[name]]
    assert free == sorted(free, reverse=True)
    assert max(counts.values()) <= min(free, default=math.inf) + 1
    more = next_counts(counts, limits)
    assert (more is None) == (not free)
    assert more is None or math.prod(more.values()) > points


def test_where_two_values_each_are_too_many_the_last_keep_the_middle_one() -> None:
    """Budget 5: two values of lr and l1 are four points, one more value would make six or eight."""
    configs = visited(grid(5), 4)
    assert {config["l2"] for config in configs} == {32}  # sqrt(4 * 256)
    assert {config["batch_size"] for config in configs} == {128}  # choice 4 // 2
    assert len({(config["lr"], config["l1"]) for config in configs}) == 4


# Which values they are


def test_values_are_the_middles_on_their_own_scale() -> None:
    linear = UniformFloatHyperparameter("x", 10, 20)
    assert grid_values(linear, 1, 0) == [15]
    assert grid_values(linear, 4, 0) == pytest.approx([11.25, 13.75, 16.25, 18.75])
    log = UniformFloatHyperparameter("x", 1e-4, 1e-1, log=True)
    assert grid_values(log, 3, 0) == pytest.approx([10**-3.5, 10**-2.5, 10**-1.5])
    assert grid_values(UniformIntegerHyperparameter("n", 1, 9), 3, 0) == [2, 5, 8]
    widths = UniformIntegerHyperparameter("n", 4, 256, log=True)
    assert grid_values(widths, 3, 0) == [8, 32, 128]
    assert grid_values(Constant("c", 7), 1, 0) == [7]


@given(
    low=st.integers(1, 50),
    size=st.integers(2, 60),
    log=st.booleans(),
    count=st.integers(1, 60),
)
def test_integers_are_whole_distinct_and_ascending(
    low: int, size: int, log: bool, count: int
) -> None:
    hyperparameter = UniformIntegerHyperparameter("n", low, low + size - 1, log=log)
    values = grid_values(hyperparameter, count, 0)
    assert all(type(value) is int for value in values)
    assert values == sorted(set(values))
    assert low <= values[0] <= values[-1] < low + size
    assert len(values) <= count
    if count >= size:
        assert values == list(range(low, low + size))


def test_integers_that_fall_together_are_one_value() -> None:
    assert grid_values(UniformIntegerHyperparameter("n", 1, 100, log=True), 9, 0)[:2] == [1, 2]
    few = grid_values(UniformIntegerHyperparameter("n", 1, 100, log=True), 30, 0)
    assert len(few) < 30


@given(size=st.integers(2, 8), seed=st.integers(0, 2**32 - 1))
def test_choices_are_drawn_by_the_seed_and_kept_in_finer_grids(size: int, seed: int) -> None:
    letters = tuple("abcdefgh"[:size])
    hyperparameter = CategoricalHyperparameter("c", letters)
    assert grid_values(hyperparameter, 1, seed) == [letters[size // 2]]
    drawn = [grid_values(hyperparameter, count, seed) for count in range(2, size + 1)]
    assert [len(values) for values in drawn] == list(range(2, size + 1))
    for coarse, fine in pairwise(drawn):
        assert set(coarse) < set(fine)
    assert drawn[-1] == list(letters)


def test_another_seed_and_another_name_draw_other_choices() -> None:
    def pairs(name: str, seed: int) -> tuple[str, ...]:
        return tuple(grid_values(CategoricalHyperparameter(name, tuple("abcd")), 2, seed))

    assert len({pairs("c", seed) for seed in range(50)}) == 6  # all pairs of four
    assert [pairs("c", seed) for seed in range(9)] != [pairs("d", seed) for seed in range(9)]


# The order of visits


@settings(max_examples=40)
@given(points=st.integers(1, 60), seed=st.integers(0, 99))
def test_the_first_grid_fits_the_budget_and_is_visited_once(points: int, seed: int) -> None:
    searcher = grid(points, seed)
    counts = dict(searcher.counts or {})
    size = math.prod(counts.values())
    assert size <= points
    first = visited(searcher, size)
    assert searcher.counts == counts
    assert len(set(names(first))) == size
    used = {name: {config[name] for config in first} for name in counts}
    assert {name: len(values) for name, values in used.items()} == counts
    assert visited(searcher, 1)
    assert searcher.counts == next_counts(counts, searcher._limits)


def test_a_finer_grid_follows_and_no_point_comes_twice() -> None:
    searcher = grid(24)
    coarse = visited(searcher, 24)
    finer = visited(searcher, 3 * 3 * 2 * 2)
    assert searcher.counts == {"lr": 3, "l1": 3, "l2": 2, "batch_size": 2}
    # l1 has other values now, so every point is new
    assert {config["l1"] for config in coarse} == {11, 91}
    assert {config["l1"] for config in finer} == {8, 32, 128}
    assert len(set(names(coarse + finer))) == 24 + 36


def test_only_unvisited_points_of_a_finer_grid_are_visited() -> None:
    space = ConfigurationSpace()
    space.add(CategoricalHyperparameter("c", tuple("abcde")))
    searcher = GridSearch(space, ["c"], 3)
    coarse = visited(searcher, 3)
    finer = visited(searcher, 1)
    assert searcher.counts == {"c": 4}
    assert len(set(names(coarse + finer))) == 4
    assert visited(searcher, 9) == [
        {"c": choice} for choice in "abcde" if {"c": choice} not in coarse + finer
    ]


def finite(conditional: bool = False, forbidding: bool = False) -> ConfigurationSpace:
    """4 x 30 configurations; a condition adds 30, a forbidden value takes 4 away."""
    space = ConfigurationSpace()
    space.add(CategoricalHyperparameter("c", tuple("abcd")))
    space.add(UniformIntegerHyperparameter("n", 1, 30, log=True, default_value=1))
    if conditional:
        space.add(CategoricalHyperparameter("only_d", ("x", "y")))
        space.add(EqualsCondition(space["only_d"], space["c"], "d"))
    if forbidding:
        space.add(ForbiddenEqualsClause(space["n"], 30))
    return space


@pytest.mark.parametrize("points", [1, 7, 50, 500])
@pytest.mark.parametrize(
    ("space", "size"),
    [
        (finite(), 120),
        (finite(conditional=True), 150),  # d comes with x and with y
        (finite(forbidding=True), 116),
    ],
    ids=["plain", "conditional", "forbidding"],
)
def test_a_finite_space_is_used_up_each_point_once(
    space: ConfigurationSpace, size: int, points: int
) -> None:
    searcher = GridSearch(space, list(space), points)
    found = names(visited(searcher, size))
    assert len(set(found)) == len(found) == size
    assert searcher.suggest("more") == searcher.suggest("and more") == Searcher.FINISHED
    assert searcher.counts is None


def test_every_point_is_a_valid_configuration() -> None:
    space = finite(conditional=True)
    for config in visited(GridSearch(space, list(space), 20), 100):
        assert ("only_d" in config) == (config["c"] == "d")
        Configuration(space, values=config).check_valid_configuration()


def test_order_of_visits_is_shuffled_by_the_seed_and_by_nothing_else() -> None:
    one, again, other = visited(grid(36, 1), 80), visited(grid(36, 1), 80), visited(grid(36, 2), 80)
    assert one == again
    assert one != other
    lrs = [config["lr"] for config in one[:36]]
    assert lrs != sorted(lrs)
    assert lrs != sorted(lrs, reverse=True)
    assert lrs != [config["lr"] for config in other[:36]]
    # the values of numbers do not depend on the seed
    assert set(lrs) == {config["lr"] for config in other[:36]}


def test_a_grid_is_visited_alike_whether_it_comes_first_or_as_a_refinement() -> None:
    refined = grid(24)
    visited(refined, 24)
    new = visited(refined, 36)
    assert new == visited(grid(36), 36)  # no value of l1 is shared, so no point was visited


def test_numpys_global_generator_is_left_alone() -> None:
    before = np.random.get_state()  # noqa: NPY002
    visited(grid(36), 80)
    np.testing.assert_equal(np.random.get_state(), before)  # noqa: NPY002


@pytest.mark.parametrize(
    "order", [(), ("lr",), ("lr", "l1", "l2", "l2"), ("lr", "l1", "l2", "batch")]
)
def test_order_names_exactly_the_hyperparameters(order: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"^grid order .* does not name exactly \['batch_size'"):
        GridSearch(DIGITS.space(0), order, 50)


def test_the_method_lays_its_grid_out_for_the_budget(
    problem: Callable[..., Problem], toy: Callable[..., Task]
) -> None:
    def searcher(**fields: Any) -> GridSearch:
        recording = get_method("grid").build(problem(toy(), "grid", **fields)).searcher
        assert isinstance(recording.searcher, GridSearch)
        return recording.searcher

    assert searcher(points=50).counts == {"x": 5, "n": 5, "kind": 2}
    assert searcher(points=3).counts == {"x": 2, "n": 1, "kind": 1}
    one, other = (visited(searcher(seed=seed), 50) for seed in (0, 1))
    assert one != other
    assert sorted(names(one)) == sorted(names(other))
