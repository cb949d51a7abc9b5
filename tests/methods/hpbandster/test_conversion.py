"""Converting with few of ConfigSpace's objects gives what HpBandSter's way with many gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    Configuration,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenEqualsClause,
    Integer,
    NormalFloatHyperparameter,
)
from ConfigSpace.exceptions import ForbiddenValueError
from ConfigSpace.util import deactivate_inactive_hyperparameters

from bohb_study.methods.hpbandster import conversion
from bohb_study.methods.hpbandster.conversion import Conversion


def many() -> ConfigurationSpace:
    return ConfigurationSpace(
        [
            Float("lr", (1e-5, 1), log=True),
            Float("x", (-5.3, 7.1)),
            Integer("layers", (1, 5)),
            Integer("units", (3, 3001), log=True),
            Categorical("kind", ["a", "b", "c"]),
            Categorical("size", [32, 64]),
            Categorical("flag", [True, False]),
        ]
    )


def large() -> ConfigurationSpace:
    """Of values that change when they are rounded again."""
    return ConfigurationSpace([Float("x", (0, 1e12)), Float("y", (1e-3, 1e9), log=True)])


def odd() -> ConfigurationSpace:
    return ConfigurationSpace([NormalFloatHyperparameter("n", 0, 1, -2, 2), Float("x", (0, 1))])


def conditional() -> ConfigurationSpace:
    space = ConfigurationSpace([Categorical("kind", ["a", "b"]), Float("x", (0, 1))])
    space.add(EqualsCondition(space["x"], space["kind"], "a"))
    return space


def forbidden() -> ConfigurationSpace:
    space = ConfigurationSpace([Categorical("kind", ["a", "b"], default="b"), Float("x", (0, 1))])
    space.add(ForbiddenEqualsClause(space["kind"], "a"))
    return space


SPACES = (many, large, odd, conditional, forbidden)


def vectors(space: ConfigurationSpace, count: int) -> np.ndarray:
    """Within the unit cube, its bounds among them; category indices."""
    rng = np.random.default_rng(0)
    drawn = rng.random((count, len(space)))
    drawn[::3] = np.round(drawn[::3])
    for column, one in enumerate(space.values()):
        if hasattr(one, "choices"):
            drawn[:, column] = rng.integers(0, len(one.choices), count)
    return drawn


def stock(space: ConfigurationSpace, vector: np.ndarray) -> dict[str, Any]:
    """HpBandSter's way: it looks for inactive hyperparameters twice."""
    config = dict(Configuration(space, vector=vector))
    for _ in range(2):
        config = dict(deactivate_inactive_hyperparameters(config, space))
    return config


def outcome(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except ForbiddenValueError:
        return "forbidden"


@pytest.mark.parametrize("make", SPACES)
def test_configurations_and_their_vectors_are_configspaces(
    make: Callable[[], ConfigurationSpace],
) -> None:
    space = make()
    ours, found = Conversion(space), []
    for vector in vectors(space, 100):
        expected = outcome(lambda v=vector: stock(space, v))
        config = outcome(lambda v=vector: ours.active(ours.config(v)))
        found.append(config)
        assert config == expected
        if config != "forbidden":
            assert list(config) == list(expected)
            assert {n: type(v) for n, v in config.items()} == {
                n: type(v) for n, v in expected.items()
            }
            assert (
                ours.vector(config).tobytes()
                == Configuration(space, expected).get_array().tobytes()
            )
    assert ("forbidden" in found) == (make is forbidden)


def test_what_passes_is_not_given_to_configspace(monkeypatch: pytest.MonkeyPatch) -> None:
    space = many()
    ours, config = Conversion(space), dict(space.sample_configuration())

    def refuse(*args: Any, **options: Any) -> None:
        pytest.fail("ConfigSpace was asked")

    monkeypatch.setattr(conversion, "Configuration", refuse)
    monkeypatch.setattr(conversion, "deactivate_inactive_hyperparameters", refuse)
    assert ours.active(config) is config
    assert len(ours.vector(config)) == len(space)


@pytest.mark.parametrize(
    "change",
    [
        {"lr": 2.0}, {"lr": float("nan")}, {"lr": 0.12345678912}, {"lr": 1}, {"layers": 6},
        {"layers": 2.5}, {"kind": "d"}, {"size": 33}, {"more": 1},
    ],
)  # fmt: skip
def test_what_does_not_pass_is_configspaces_to_judge(change: dict[str, Any]) -> None:
    space = many()
    config = {**dict(space.sample_configuration()), **change}

    def judged(run: Callable[[], Any]) -> Any:
        try:
            return run().tobytes()
        except ValueError as error:
            return type(error), str(error)

    expected = judged(lambda: Configuration(space, config).get_array())
    assert judged(lambda: Conversion(space).vector(config)) == expected
