"""The tree of seeds and the canonical form of a configuration."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb_study import seeding
from fresh_python import printed

NAMES = st.text(min_size=1, max_size=8)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
CONFIGS = st.dictionaries(NAMES, VALUES, max_size=6)


@given(config=CONFIGS)
def test_canonical_text_gives_the_same_configuration_back(config: dict[str, Any]) -> None:
    text = seeding.canonical(config)
    assert json.loads(text) == config
    assert seeding.canonical(json.loads(text)) == text


@given(config=CONFIGS, data=st.data())
def test_order_of_hyperparameters_does_not_matter(config: dict[str, Any], data: Any) -> None:
    shuffled = dict(data.draw(st.permutations(list(config.items()))))
    assert seeding.canonical(shuffled) == seeding.canonical(config)
    assert seeding.config_id(shuffled) == seeding.config_id(config)
    assert seeding.trial_seed("task", 0, shuffled) == seeding.trial_seed("task", 0, config)


@pytest.mark.parametrize(
    ("numpys", "plain"),
    [
        (np.int64(3), 3),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.str_("relu"), "relu"),
        (np.bool_(True), True),
    ],
)
def test_numpy_scalars_are_made_plain(numpys: Any, plain: seeding.Value) -> None:
    value = seeding.plain({"x": numpys})["x"]
    assert value == plain
    assert type(value) is type(plain)
    assert seeding.canonical({"x": numpys}) == seeding.canonical({"x": plain})


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_that_differ_in_the_last_bit_differ(value: float) -> None:
    neighbour = float(np.nextafter(value, 0.0 if value else 1.0))
    assert seeding.canonical({"x": value}) != seeding.canonical({"x": neighbour})


@pytest.mark.parametrize("value", [{"a": 1}, 1j, (1, 1j), np.array([1.0])])
def test_only_plain_values_are_hyperparameters(value: Any) -> None:
    with pytest.raises(TypeError, match="is a number, text, a bool, None or a tuple"):
        seeding.plain({"x": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_without_a_json_form_have_no_canonical_text(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        seeding.canonical({"x": value})


def test_config_id_is_twelve_hexadecimal_digits() -> None:
    name = seeding.config_id({"lr": 0.1})
    assert len(name) == 12
    assert set(name) <= set("0123456789abcdef")


@given(parts=st.lists(st.one_of(NAMES, st.integers(0, 2**32)), max_size=5))
def test_derived_seeds_suit_numpy_and_torch(parts: list[str | int]) -> None:
    assert 0 <= seeding.derive(*parts) < 2**32


def test_a_path_is_not_the_text_of_its_parts() -> None:
    paths: list[tuple[str | int, ...]] = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("a", "b", "c"),
        ("a", 1),
        ("a", "1"),
        ("a1",),
    ]
    assert len({seeding.derive(*path) for path in paths}) == len(paths)


def test_every_stream_has_its_own_seed() -> None:
    config: seeding.Config = {"lr": 0.1}
    seeds = [
        seed
        for task in ("digits", "mfh3")
        for study in range(20)
        for seed in (
            seeding.space_seed(task, study),
            seeding.split_seed(task, study),
            seeding.model_seed(task, "bohb", study),
            seeding.model_seed(task, "grid", study),
            seeding.trial_seed(task, study, config),
        )
    ]
    assert len(set(seeds)) == len(seeds)


def test_seeds_are_what_they_always_were() -> None:
    # A change here makes every stored study irreproducible.
    config: seeding.Config = {"lr": 0.1, "l1": 64, "act": "relu"}
    assert seeding.canonical(config) == '{"act":"relu","l1":64,"lr":0.1}'
    assert seeding.config_id(config) == "8daa514874b2"
    assert seeding.space_seed("digits", 0) == 2262159636
    assert seeding.split_seed("digits", 0) == 2175938012
    assert seeding.model_seed("digits", "bohb", 0) == 367729460
    assert seeding.trial_seed("digits", 0, config) == 3531123693


@pytest.mark.parametrize("hashseed", ["1", "2"])
def test_seeds_do_not_depend_on_the_process(hashseed: str) -> None:
    code = "from bohb_study.seeding import trial_seed; print(trial_seed('digits', 7, {'lr': 0.1}))"
    assert int(printed(code, PYTHONHASHSEED=hashseed)) == seeding.trial_seed(
        "digits", 7, {"lr": 0.1}
    )
