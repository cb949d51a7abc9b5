"""BOHB with a random state of its own picks what HpBandSter's own picks, bit for bit."""
# ruff: noqa: NPY002 (numpy's global generator is what this is about)

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    EqualsCondition,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.hyperparameters import Hyperparameter
from hpbandster.optimizers.config_generators.bohb import BOHB
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ray.tune.search.bohb.bohb_search import _BOHBJobWrapper

from bohb_study.methods.generator import SeededBOHB
from bohb_study.seeding import canonical, derive

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # densities divide by zero, see below
]

Space = Callable[[int], ConfigurationSpace]
"""From the seed of a space's own stream to the space."""
Pick = tuple[dict[str, Any], bool]
"""A configuration, and whether the model picked it."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """HpBandSter prints whole data sets when a density is zero."""
    monkeypatch.setattr(logging.getLogger("hpbandster"), "disabled", True)


def loss(config: dict[str, Any]) -> float:
    """As good as random, and the same for the same configuration; ties are frequent."""
    return derive(canonical(config)) % 50 / 50


def observe(generator: BOHB, config: dict[str, Any], budget: float = 1.0) -> None:
    generator.new_result(_BOHBJobWrapper(loss(config) / budget, budget, config))


def picks(generator: BOHB, rounds: int) -> list[Pick]:
    """Picks, each observed at once; every third also on a second, higher budget."""
    picked = []
    for number in range(rounds):
        config, info = generator.get_config(None)
        picked.append((config, info["model_based_pick"]))
        observe(generator, config)
        if number % 3 == 2:
            observe(generator, config, budget=3.0)
    return picked


def stock_picks(space: Space, seed: int, rounds: int, **options: Any) -> list[Pick]:
    """HpBandSter's own picks, drawn from the global generator."""
    np.random.seed(seed)
    return picks(BOHB(space(seed), **options), rounds)


def assert_as_stock(space: Space, seed: int, rounds: int, **options: Any) -> list[Pick]:
    """Equal picks, and equal positions in both streams at the end; returns the picks."""
    expected = stock_picks(space, seed, rounds, **options)
    drawn_from = np.random.get_state()
    generator = SeededBOHB(space(seed), seed=seed, **options)
    assert picks(generator, rounds) == expected
    np.testing.assert_equal(generator.rng.get_state(), drawn_from)
    return expected


KINDS: dict[str, Callable[[str], Hyperparameter[Any, Any]]] = {
    "float": lambda name: UniformFloatHyperparameter(name, -5, 5),
    "log": lambda name: UniformFloatHyperparameter(name, 1e-4, 1e-1, log=True),
    "int": lambda name: UniformIntegerHyperparameter(name, 1, 9),
    "logint": lambda name: UniformIntegerHyperparameter(name, 4, 256, log=True),
    "cat2": lambda name: CategoricalHyperparameter(name, ("a", "b")),
    "cat4": lambda name: CategoricalHyperparameter(name, (32, 64, 128, 256)),
}


def space_of(*kinds: str, conditional: bool = False) -> Space:
    """One hyperparameter a kind; conditional: all but the first hang on a switch."""

    def space(seed: int) -> ConfigurationSpace:
        made = ConfigurationSpace(seed=seed)
        parts = [KINDS[kind](f"h{i}") for i, kind in enumerate(kinds)]
        made.add(*parts)
        if conditional:
            switch = CategoricalHyperparameter("switch", ("on", "off", "other"))
            made.add(switch)
            values = ("on", "off")  # never active at the same time
            made.add(*(EqualsCondition(h, switch, values[i % 2]) for i, h in enumerate(parts[1:])))
        return made

    return space


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=6))
    return space_of(*kinds, conditional=len(kinds) < 6 and draw(st.booleans()))


@settings(max_examples=15)
@given(space=spaces(), seed=st.integers(0, 2**32 - 1), rounds=st.integers(20, 60))
@example(space=space_of("float"), seed=0, rounds=45)
@example(space=space_of("cat2", "cat4"), seed=2**32 - 1, rounds=45)
@example(space=space_of("log", "int", "cat4", conditional=True), seed=1, rounds=60)
def test_picks_are_hpbandsters_bit_for_bit(space: Space, seed: int, rounds: int) -> None:
    assert_as_stock(space, seed, rounds, num_samples=4)


def test_picks_are_hpbandsters_with_all_its_own_settings() -> None:
    picked = assert_as_stock(space_of("logint", "cat4"), seed=3, rounds=90)
    assert 45 <= sum(by_model for _, by_model in picked) <= 65  # 2/3 of all but the first 6


@given(
    array=hnp.arrays(
        float,
        st.tuples(st.integers(1, 6), st.just(3)),
        elements=st.sampled_from([0.0, 1.0, np.nan]),
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_inactive_is_imputed_as_hpbandster_does(array: np.ndarray, seed: int) -> None:
    space = space_of("float", "cat4", "float")
    np.random.seed(seed)
    expected = BOHB(space(0)).impute_conditional_data(array)
    drawn_from = np.random.get_state()
    generator = SeededBOHB(space(0), seed=seed)
    np.testing.assert_array_equal(generator.impute_conditional_data(array), expected)
    np.testing.assert_equal(generator.rng.get_state(), drawn_from)
    # index 0 alone stays as it is: HpBandSter asks whether any INDEX is true
    assert not np.isnan(expected[:, 1:]).any()


@pytest.mark.parametrize("conditional", [False, True])
def test_numpys_global_generator_is_left_alone(conditional: bool) -> None:
    generator = SeededBOHB(space_of("float", "int", "cat4", conditional=conditional)(0), seed=0)
    np.random.seed(12345)
    before = np.random.get_state()
    picked = picks(generator, 40)
    np.testing.assert_equal(np.random.get_state(), before)
    assert any(by_model for _, by_model in picked)


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_the_model_picks_from_two_times_d_plus_one_observations_on(dimensions: int) -> None:
    space = space_of(*["float"] * dimensions)(0)
    generator = SeededBOHB(space, seed=0, random_fraction=0.0, num_samples=2)
    enough = 2 * (dimensions + 1)
    for number in range(enough):
        config, info = generator.get_config(None)
        assert not info["model_based_pick"]
        observe(generator, config)
        if number:
            # a second fidelity does not help the first: it has one observation fewer
            observe(generator, config, budget=3.0)
    for _ in range(5):
        _, info = generator.get_config(None)
        assert info["model_based_pick"]
        assert generator.picked_by_model


def test_the_share_of_random_picks_is_a_third() -> None:
    generator = SeededBOHB(space_of("float")(0), seed=0, num_samples=1)
    for config in space_of("float")(1).sample_configuration(4):
        observe(generator, dict(config))
    by_model = [generator.get_config(None)[1]["model_based_pick"] for _ in range(600)]
    assert 0.62 < np.mean(by_model) < 0.72


def test_the_seed_decides_what_the_model_picks_and_nothing_else() -> None:
    space = space_of("float", "cat4")
    one, again, other = (
        picks(SeededBOHB(space(0), seed=seed, num_samples=4), 30) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other
    first = next(number for number, (_, by_model) in enumerate(one) if by_model)
    assert first >= 6
    assert one[:6] == other[:6]  # random picks come from the space's own stream


def forbidden(seed: int) -> ConfigurationSpace:
    """The model, which knows nothing of it, suggests what is forbidden."""
    space = ConfigurationSpace(seed=seed)
    a, b = (CategoricalHyperparameter(n, ("p", "q", "r"), default_value="q") for n in ("a", "b"))
    space.add(a, b)
    space.add(ForbiddenAndConjunction(ForbiddenEqualsClause(a, "p"), ForbiddenEqualsClause(b, "p")))
    return space


def degenerate(seed: int) -> ConfigurationSpace:
    """One of forty choices is all that is ever observed: the others have no density (0 / 0)."""
    space = ConfigurationSpace(seed=seed)
    space.add(
        CategoricalHyperparameter("a", list(range(40)), weights=[1.0] + [1e-12] * 39),
        UniformFloatHyperparameter("x", 0, 1),
    )
    return space


@pytest.mark.parametrize("space", [forbidden, degenerate])
def test_a_model_that_cannot_be_sampled_costs_a_random_configuration(
    space: Space, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"random_fraction": 0.0, "num_samples": 2, "min_bandwidth": 1.0}
    picked = assert_as_stock(space, seed=4, rounds=40, **options)
    fallbacks = sum(not by_model for _, by_model in picked[6:])  # there is a model by then
    said = [r for r in caplog.records if r.name == "bohb_study.methods.generator"]
    assert fallbacks > 2
    assert sum("drawing a random one" in r.getMessage() for r in said) == fallbacks
    assert {r.levelname for r in said} == {"WARNING"}
