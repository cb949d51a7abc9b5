"""Drawing ahead changes no configuration and no order."""

from typing import Any

import ConfigSpace
import numpy as np
import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    ForbiddenEqualsClause,
    NormalFloatHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.methods.ray.random_draws import AT_ONCE, Draws
from bohb_study.seeding import canonical

floats = st.builds(
    lambda low, factor, log: {"lower": low, "upper": low * factor, "log": log},
    st.floats(1e-8, 1e6),
    st.floats(1.5, 1e8),
    st.booleans(),
).map(lambda given: ("float", given))
integers = st.builds(
    lambda low, span, log: {"lower": low, "upper": low + span, "log": log},
    st.integers(1, 1000),
    st.integers(1, 10**6),
    st.booleans(),
).map(lambda given: ("int", given))
categoricals = st.one_of(
    st.integers(2, 12).map(lambda n: [f"choice {i}" for i in range(n)]),
    st.just([1, 2.5, 7]),
    st.just([True, False]),
).map(lambda choices: ("cat", {"choices": choices}))
CLASSES = {
    "float": UniformFloatHyperparameter,
    "int": UniformIntegerHyperparameter,
    "cat": CategoricalHyperparameter,
}


def space_of(kinds: list[tuple[str, dict[str, Any]]], seed: int) -> ConfigurationSpace:
    space = ConfigurationSpace(seed=seed)
    space.add([CLASSES[kind](f"h{i}", **given) for i, (kind, given) in enumerate(kinds)])
    return space


def drawn_singly(space: ConfigurationSpace, n: int) -> list[dict[str, Any]]:
    return [dict(space.sample_configuration()) for _ in range(n)]


@given(
    st.lists(st.one_of(floats, integers, categoricals), min_size=1, max_size=6), st.integers(0, 99)
)
@settings(max_examples=40)
def test_the_same_configurations_as_one_by_one(kinds: Any, seed: int) -> None:
    """Values to the last bit, and their order, over the border of a batch."""
    n = AT_ONCE + 8
    expected = drawn_singly(space_of(kinds, seed), n)
    draws = Draws(space_of(kinds, seed))
    found = [draws.next() for _ in range(n)]
    assert [list(config) for config in found] == [list(config) for config in expected]
    assert [canonical(config) for config in found] == [canonical(config) for config in expected]


def with_a_condition() -> ConfigurationSpace:
    space = space_of([("cat", {"choices": ["a", "b"]}), ("float", {"lower": 0.0, "upper": 1.0})], 3)
    space.add(EqualsCondition(space["h1"], space["h0"], "a"))
    return space


def with_a_forbidden_clause() -> ConfigurationSpace:
    space = space_of([("cat", {"choices": ["a", "b", "c"]})], 3)
    space.add(ForbiddenEqualsClause(space["h0"], "b"))
    return space


def of_other_kinds() -> ConfigurationSpace:
    space = ConfigurationSpace(seed=3)
    space.add(
        NormalFloatHyperparameter("normal", mu=0.0, sigma=1.0, lower=-3.0, upper=3.0),
        CategoricalHyperparameter("weighted", ["a", "b", "c"], weights=[0.7, 0.2, 0.1]),
        Constant("constant", "always"),
    )
    return space


@pytest.mark.parametrize("make", [with_a_condition, with_a_forbidden_clause, of_other_kinds])
def test_the_same_where_a_space_is_special(make: Any) -> None:
    expected = drawn_singly(make(), 70)
    draws = Draws(make())
    assert [canonical(draws.next()) for _ in range(70)] == [canonical(c) for c in expected]


def test_values_are_plain() -> None:
    kinds = [("float", {"lower": 0.0, "upper": 1.0}), ("int", {"lower": 1, "upper": 5})]
    config = Draws(space_of([*kinds, ("cat", {"choices": ["a", "b"]})], 0)).next()
    assert [type(value) for value in config.values()] == [float, int, str]


def test_nothing_is_drawn_before_the_first_is_asked_for() -> None:
    """A searcher may be made before its space is seeded, as Ray's are."""
    space = space_of([("float", {"lower": 0.0, "upper": 1.0})], 0)
    draws = Draws(space)
    space.seed(5)
    expected = drawn_singly(space_of([("float", {"lower": 0.0, "upper": 1.0})], 5), 1)
    assert canonical(draws.next()) == canonical(expected[0])
    assert np.isfinite(draws.next()["h0"])
    assert ConfigSpace.__version__.startswith("1.2")
