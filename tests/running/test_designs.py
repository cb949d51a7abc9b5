"""Space-filling designs: every kind of hyperparameter, evenly, nothing twice."""

from collections import Counter

import numpy as np
import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    NormalFloatHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

from bohb_study.running.designs import ALL, SOBOL, design
from bohb_study.seeding import canonical
from bohb_study.tasks import make_task
from made_tables import every_kind


def space_of(*given: object) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(*given)  # type: ignore[arg-type]
    return space


def test_every_configuration_is_one_of_the_space_and_none_is_twice() -> None:
    found = design(every_kind(), 200)
    assert len({canonical(one) for one in found.configs}) == 200
    space = every_kind()
    for config in found.configs:
        Configuration(space, values=config)  # raises where it is inactive or forbidden
        assert ("momentum" in config) == (config["optimiser"] == "sgd")
        assert not (config["optimiser"] == "none" and config["nesterov"])


def test_a_longer_design_begins_with_a_shorter_one() -> None:
    longer, shorter = design(every_kind(), 300), design(every_kind(), 100)
    assert longer.configs[:100] == shorter.configs
    assert longer.sha256 != shorter.sha256


def test_the_seed_decides() -> None:
    assert design(every_kind(), 20, 1).sha256 == design(every_kind(), 20, 1).sha256
    assert design(every_kind(), 20, 1).sha256 != design(every_kind(), 20, 2).sha256


def test_it_fills_the_space_more_evenly_than_draws() -> None:
    space = space_of(
        UniformFloatHyperparameter("x", 1e-3, 1e3, log=True), UniformFloatHyperparameter("y", 0, 1)
    )
    points = design(space, 256).configs
    # each of 16 x 16 equal parts has one point; of as many draws a third would be empty
    parts = {(int((np.log10(p["x"]) + 3) / 6 * 16), int(p["y"] * 16)) for p in points}
    assert len(parts) == 256


def test_values_have_their_shares() -> None:
    space = space_of(
        CategoricalHyperparameter("c", ["a", "b", "c"], weights=[1, 1, 2]),
        UniformIntegerHyperparameter("i", 1, 4),
        UniformFloatHyperparameter("x", 0, 1),
        NormalFloatHyperparameter("n", 0, 1, lower=-3, upper=3),
    )
    points = design(space, 1024).configs
    assert Counter(p["c"] for p in points) == {"a": 256, "b": 256, "c": 512}
    assert Counter(p["i"] for p in points) == dict.fromkeys((1, 2, 3, 4), 256)
    assert np.mean([abs(p["n"]) < 1 for p in points]) == pytest.approx(0.683, abs=0.02)


def test_a_small_space_is_taken_whole() -> None:
    found = design(make_task("lcdb-23").space(0), 1000)
    assert (found.kind, len(found.configs)) == (ALL, 20)
    space = space_of(
        CategoricalHyperparameter("c", ["a", "b"]), UniformIntegerHyperparameter("i", 1, 30)
    )
    found = design(space, 59)
    assert (found.kind, len(found.configs)) == (SOBOL, 59)
    assert len(design(space, 60).configs) == 60
