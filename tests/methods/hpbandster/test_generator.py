"""BOHB with a random state of its own suggests what HpBandSter's own suggests, bit for bit."""
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
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from bohb_study.methods.hpbandster.generator import SeededBOHB
from bohb_study.seeding import canonical, derive
from random_states import state_after

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # densities divide by zero, see below
]

Space = Callable[[int], ConfigurationSpace]
"""From the seed of a space's own stream to the space."""
Suggestion = tuple[dict[str, Any], bool]
"""A configuration, and whether the model made it."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """HpBandSter prints whole data sets when a density is zero."""
    monkeypatch.setattr(logging.getLogger("hpbandster"), "disabled", True)


def loss(config: dict[str, Any]) -> float:
    """As good as random, and the same for the same configuration; ties are frequent."""
    return derive(canonical(config)) % 50 / 50


def observe(generator: BOHB, config: dict[str, Any], budget: float = 1.0) -> None:
    generator.new_result(_BOHBJobWrapper(loss(config) / budget, budget, config))


def suggestions(generator: BOHB, rounds: int) -> list[Suggestion]:
    """Picks, each observed at once; every third also on a second, higher budget."""
    suggested = []
    for number in range(rounds):
        config, info = generator.get_config(None)
        suggested.append((config, info["model_based_pick"]))
        observe(generator, config)
        if number % 3 == 2:
            observe(generator, config, budget=3.0)
    return suggested


def stock_suggestions(space: Space, seed: int, rounds: int, **options: Any) -> list[Suggestion]:
    """HpBandSter's own suggestions, drawn from the global generator."""
    np.random.seed(seed)
    return suggestions(BOHB(space(seed), **options), rounds)


def assert_as_stock(space: Space, seed: int, rounds: int, **options: Any) -> list[Suggestion]:
    """Equal suggestions, which are returned, and equal positions in both streams at the end."""
    expected = stock_suggestions(space, seed, rounds, **options)
    drawn_from = np.random.get_state()
    generator = SeededBOHB(space(seed), seed=seed, **options)
    assert suggestions(generator, rounds) == expected
    np.testing.assert_equal(state_after(seed, generator.rng.taken), drawn_from)
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
def test_suggestions_are_hpbandsters_bit_for_bit(space: Space, seed: int, rounds: int) -> None:
    assert_as_stock(space, seed, rounds, num_samples=4)


def test_suggestions_are_hpbandsters_with_all_its_own_settings() -> None:
    suggested = assert_as_stock(space_of("logint", "cat4"), seed=3, rounds=90)
    assert 45 <= sum(by_model for _, by_model in suggested) <= 65  # 2/3 of all but the first 6


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
    np.testing.assert_equal(state_after(seed, generator.rng.taken), drawn_from)
    # index 0 alone stays as it is: HpBandSter asks whether any INDEX is true
    assert not np.isnan(expected[:, 1:]).any()


@pytest.mark.parametrize("conditional", [False, True])
def test_numpys_global_generator_is_left_alone(conditional: bool) -> None:
    generator = SeededBOHB(space_of("float", "int", "cat4", conditional=conditional)(0), seed=0)
    np.random.seed(12345)
    before = np.random.get_state()
    suggested = suggestions(generator, 40)
    np.testing.assert_equal(np.random.get_state(), before)
    assert any(by_model for _, by_model in suggested)


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_the_model_suggestions_from_two_times_d_plus_one_observations_on(dimensions: int) -> None:
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
        assert generator.suggested_by_model


def test_the_share_of_random_suggestions_is_a_third() -> None:
    generator = SeededBOHB(space_of("float")(0), seed=0, num_samples=1)
    for config in space_of("float")(1).sample_configuration(4):
        observe(generator, dict(config))
    by_model = [generator.get_config(None)[1]["model_based_pick"] for _ in range(600)]
    assert 0.62 < np.mean(by_model) < 0.72


def test_the_seed_decides_what_the_model_suggestions_and_nothing_else() -> None:
    space = space_of("float", "cat4")
    one, again, other = (
        suggestions(SeededBOHB(space(0), seed=seed, num_samples=4), 30) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other
    first = next(number for number, (_, by_model) in enumerate(one) if by_model)
    assert first >= 6
    assert one[:6] == other[:6]  # random suggestions come from the space's own stream


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


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    """How often the generator warned in these words."""
    records = [r for r in caplog.records if r.name == "bohb_study.methods.hpbandster.generator"]
    assert {r.levelname for r in records} <= {"WARNING"}
    return sum(words in r.getMessage() for r in records)


ALL_BY_MODEL = {"random_fraction": 0.0, "num_samples": 2, "min_bandwidth": 1.0}


def test_a_forbidden_pick_costs_a_random_configuration(caplog: pytest.LogCaptureFixture) -> None:
    suggested = assert_as_stock(forbidden, seed=4, rounds=40, **ALL_BY_MODEL)
    fallbacks = sum(not by_model for _, by_model in suggested[6:])  # there is a model by then
    assert 2 < said(caplog, "drawing a random one") <= fallbacks


def test_candidates_without_a_density_cost_a_random_configuration_and_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    suggested = assert_as_stock(degenerate, seed=4, rounds=40, **ALL_BY_MODEL)
    assert sum(not by_model for _, by_model in suggested[6:]) > 2
    assert said(caplog, "issue 100") == said(caplog, "") == 1


def in_step(space: Space, seed: int, **options: Any) -> tuple[BOHB, SeededBOHB]:
    """HpBandSter's generator, which draws from the global one, and ours, seeded alike."""
    np.random.seed(seed)
    return BOHB(space(seed), **options), SeededBOHB(space(seed), seed=seed, **options)


def told(
    generators: tuple[BOHB, SeededBOHB], config: dict[str, Any], loss: float, budget: float = 1.0
) -> None:
    for generator in generators:
        generator.new_result(_BOHBJobWrapper(loss, budget, config))


def asked(generators: tuple[BOHB, SeededBOHB], seed: int) -> Suggestion:
    """The next suggestion of both: the same, and both streams are at the same position after it."""
    (config, info), (ours, our_info) = (generator.get_config(None) for generator in generators)
    assert ours == config
    assert our_info == info
    np.testing.assert_equal(state_after(seed, generators[1].rng.taken), np.random.get_state())
    return config, info["model_based_pick"]


@settings(max_examples=10)
@given(
    space=spaces(),
    seed=st.integers(0, 2**32 - 1),
    between=st.lists(st.integers(0, 120), min_size=2, max_size=5),
    levels=st.sampled_from([2, 10, 10**6]),
)
@example(space=space_of(*KINDS), seed=0, between=[400, 1, 0, 60], levels=10)
@example(space=space_of(*KINDS, conditional=True), seed=1, between=[60, 1, 0, 30], levels=10)
def test_hundreds_of_results_between_suggestions(
    space: Space, seed: int, between: list[int], levels: int
) -> None:
    """Ties, losses that are not finite, three budgets; all 64 candidates of every suggestion."""
    generators = in_step(space, seed, random_fraction=0.1)
    draws = np.random.default_rng(seed)
    configs = space(seed + 1 if seed < 2**32 - 1 else 0)
    for results in between:
        for _ in range(results):
            loss = float(draws.integers(0, levels)) if draws.random() < 0.9 else np.inf
            budget = float(draws.choice([1.0, 3.0, 9.0], p=[0.5, 0.3, 0.2]))
            told(generators, dict(configs.sample_configuration()), loss, budget)
        config, _ = asked(generators, seed)
        told(generators, config, 0.0, 9.0)
    asked(generators, seed)
    assert_same_models(*generators)


def assert_same_models(stock: BOHB, ours: SeededBOHB) -> None:
    assert list(ours.kde_models) == list(stock.kde_models)
    for budget, model in stock.kde_models.items():
        for key in ("good", "bad"):
            expected, found = model[key], ours.kde_models[budget][key]
            assert found.data.tobytes() == expected.data.tobytes()
            assert found.bw.tobytes() == expected.bw.tobytes()
            np.testing.assert_array_equal(
                found.pdf(expected.data[:3]), expected.pdf(expected.data[:3])
            )


def test_the_search_ends_at_a_category_that_only_bad_observations_lack(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """HpBandSter takes it and draws no further, so neither may the stream of this one."""
    generators = in_step(space_of("float", "cat4"), seed=5, random_fraction=0.0)
    rng = np.random.default_rng(5)
    for number in range(30):
        category = (32, 64, 128, 256)[number] if number < 4 else 32
        told(generators, {"h0": rng.uniform(-5, 5), "h1": category}, float(number))
    suggested = [asked(generators, 5) for _ in range(8)]
    assert all(by_model for _, by_model in suggested)
    assert {config["h1"] for config, _ in suggested} - {32}
    assert said(caplog, "issue 100") == said(caplog, "") == 1


def test_results_that_do_not_update_the_model_wait_for_one_that_does() -> None:
    generators = in_step(space_of("float", "int"), seed=6, random_fraction=0.0, num_samples=4)
    for number, config in enumerate(space_of("float", "int")(7).sample_configuration(40)):
        for generator in generators:
            job = _BOHBJobWrapper(loss(dict(config)), 1.0, dict(config))
            generator.new_result(job, update_model=number in (9, 25))
        if number in (8, 15, 30):
            assert asked(generators, 6)[1] == (number > 9)
    assert_same_models(*generators)
    # 15 % and 85 % of the 26 observations known then, both rounded down
    assert [len(generators[1].kde_models[1.0][key].data) for key in ("good", "bad")] == [3, 22]


def test_a_model_is_fitted_when_a_pick_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []

    def counted(*args: Any, **options: Any) -> KDEMultivariate:
        fits.append(1)
        return KDEMultivariate(*args, **options)

    monkeypatch.setattr("bohb_study.methods.hpbandster.generator.KDEMultivariate", counted)
    generator = SeededBOHB(space_of("float")(0), seed=0, random_fraction=0.0, num_samples=2)
    for config in space_of("float")(1).sample_configuration(50):
        observe(generator, dict(config))
    assert list(generator.kde_models) == [1.0]
    assert len(fits) == 0
    generator.get_config(None)
    generator.get_config(None)
    assert len(fits) == 2  # good and bad, once


def test_a_suggestion_computes_its_candidates_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What made HpBandSter slow, scalar draws and densities of one row, is not called at all."""
    generator = SeededBOHB(space_of("float", "cat2")(0), seed=0, random_fraction=0.0)
    for config in space_of("float", "cat2")(1).sample_configuration(30):
        observe(generator, dict(config))

    def refuse(*args: Any, **options: Any) -> None:
        pytest.fail("called one by one")

    monkeypatch.setattr("scipy.stats.truncnorm.rvs", refuse)
    monkeypatch.setattr(KDEMultivariate, "pdf", refuse)
    _, info = generator.get_config(None)
    assert info["model_based_pick"]


@pytest.mark.parametrize("option", ["min_bandwidth", "bandwidth_factor"])
def test_bandwidths_are_positive(option: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        SeededBOHB(space_of("float")(0), seed=0, **{option: 0.0})
