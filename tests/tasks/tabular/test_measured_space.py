"""The nearest measured configuration stands for one that was not measured."""

import math
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

from bohb_study.seeding import Config
from bohb_study.tasks.tabular.measured_space import MeasuredSpace

LR = UniformFloatHyperparameter("lr", 1e-4, 1.0, log=True)
UNITS = UniformIntegerHyperparameter("units", 0, 100)
KIND = CategoricalHyperparameter("kind", ["a", "b", "c"])


def configs(*values: tuple[Any, ...], names: str = "lr units kind") -> list[Config]:
    return [dict(zip(names.split(), value, strict=True)) for value in values]


def test_what_was_measured_is_looked_up_exactly() -> None:
    drawn = [
        dict(one) for one in ConfigurationSpace(space=[LR, UNITS, KIND]).sample_configuration(50)
    ]
    space = MeasuredSpace([LR, UNITS, KIND], ("lr", "units", "kind"), drawn)
    assert [space.row(config) for config in drawn] == list(range(50))
    assert len(space) == 50


def test_scales_are_the_hyperparameters_own() -> None:
    """0.01 is as far from 1e-4 as from 1 on a log scale, so units decide."""
    space = MeasuredSpace(
        [LR, UNITS], ("lr", "units"), configs((1e-4, 0), (1.0, 9), names="lr units")
    )
    assert space.row({"lr": 0.011, "units": 0}) == 1
    assert space.row({"lr": 0.009, "units": 0}) == 0
    assert space.row({"lr": 0.01, "units": 9}) == 1


def test_the_first_named_weighs_most() -> None:
    """0.3 off in one hyperparameter against 0.5 off in the other."""
    measured = configs((0.01 * 10**1.2, 50), (0.01, 100), names="lr units")
    wanted = {"lr": 0.01, "units": 50}
    assert MeasuredSpace([LR, UNITS], ("lr", "units"), measured).row(wanted) == 1  # .3 > .5 / 2
    assert MeasuredSpace([LR, UNITS], ("units", "lr"), measured).row(wanted) == 0


def test_rows_are_those_of_a_plain_search() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((40, 3))
    names = ("x", "y", "z")
    given = [UniformFloatHyperparameter(name, 0.0, 1.0) for name in names]
    space = MeasuredSpace(given, names, [dict(zip(names, p, strict=True)) for p in points.tolist()])
    for wanted in rng.random((100, 3)).tolist():
        apart = [
            math.hypot(*((a - b) / k for a, b, k in zip(wanted, p, (1, 2, 3), strict=True)))
            for p in points.tolist()
        ]
        assert space.row(dict(zip(names, wanted, strict=True))) == apart.index(min(apart))


def test_of_equally_near_ones_the_first_and_of_equal_ones_too() -> None:
    space = MeasuredSpace([UNITS], ("units",), configs((40,), (60,), (40,), names="units"))
    assert space.row({"units": 50}) == 0
    assert space.row({"units": 40}) == 0
    assert space.row({"units": 51}) == 1


def test_choices_are_equally_far_and_ordinals_are_not() -> None:
    sizes = OrdinalHyperparameter("size", [1, 10, 100])
    measured = configs(("a", 1), ("c", 100), names="kind size")
    space = MeasuredSpace([KIND, sizes], ("kind", "size"), measured)
    assert space.row({"kind": "b", "size": 10}) == 0  # equally far from both
    assert space.row({"kind": "b", "size": 100}) == 1
    assert space.row({"kind": "a", "size": 100}) == 0  # 1 / 2 against 1


def test_inactive_is_near_to_inactive_alone() -> None:
    space = ConfigurationSpace(space=[LR, KIND, Constant("fixed", 3)])
    space.add(EqualsCondition(space["lr"], space["kind"], "a"))
    measured: list[Config] = [
        {"kind": "a", "lr": 0.01, "fixed": 3},
        {"kind": "b", "fixed": 3},
        {"kind": "c", "fixed": 3, "beside": 1},
    ]
    found = MeasuredSpace(space, ("lr", "kind", "fixed"), measured)
    assert found.row({"kind": "b", "fixed": 3}) == 1
    assert found.row({"kind": "c", "fixed": 3}) == 2
    assert found.row({"kind": "a", "lr": 1e-4, "fixed": 3}) == 0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1 configurations of \['lr'\] in order \('units',\)"):
        MeasuredSpace([LR], ("units",), [{"lr": 0.1}])
    with pytest.raises(ValueError, match="0 configurations"):
        MeasuredSpace([LR], ("lr",), [])
    with pytest.raises(KeyError):
        MeasuredSpace([KIND], ("kind",), [{"kind": "d"}])
