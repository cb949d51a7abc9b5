"""Forrester in several fidelities: its known minimum, and the tilt below the highest."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from bohb_study.seeding import Config
from bohb_study.tasks.functions.forrester import Forrester, forrester

TASK = Forrester()


def minimum(z: float) -> tuple[float, float]:
    """Where the lowest value at ``z`` lies, and what it is."""
    parts = [(i / 10, (i + 2) / 10) for i in range(9)]
    found = [
        minimize_scalar(
            lambda x: forrester(x, z), bounds=part, method="bounded", options={"xatol": 1e-12}
        )
        for part in parts
    ]
    best = min(found, key=lambda result: float(result.fun))
    return float(best.x), float(best.fun)


def test_known_minimum() -> None:
    x, value = minimum(1.0)
    assert x == pytest.approx(0.757249, abs=1e-6)
    assert value == pytest.approx(-6.020740, abs=1e-6)
    assert TASK.optimum <= value < TASK.optimum + 1e-7


def test_values_by_hand() -> None:
    # (6 x - 2)^2 sin(12 x - 4): at 0, 4 sin(-4); at 1/3 nothing; at 1, 16 sin 8
    high = [forrester(x) for x in (0, 1 / 3, 1)]
    assert high == pytest.approx([4 * math.sin(-4), 0, 16 * math.sin(8)], abs=1e-12)
    # A = 0.5, B = 10, C = -5
    low = [forrester(x, z=0) for x in (0, 0.5, 1)]
    assert low == pytest.approx([2 * math.sin(-4) - 10, 0.5 * math.sin(2) - 5, 8 * math.sin(8)])
    # halfway: A = 0.75, B = 5, C = -2.5
    assert forrester(0, z=0.5) == pytest.approx(3 * math.sin(-4) - 5)


def test_the_lowest_fidelity_misleads() -> None:
    x, value = minimum(0.0)
    assert x == pytest.approx(0.0924, abs=1e-4)
    assert value < forrester(0.757249, z=0) - 3


@given(x=st.floats(0, 1))
def test_no_value_is_below_the_optimum(x: float) -> None:
    assert TASK.true_loss({"x": x}) >= TASK.optimum


def test_levels_are_steps_of_a_quarter_without_noise() -> None:
    config: Config = {"x": 0.3}
    for level, z in zip(TASK.ladder.costs, (0, 0.25, 0.5, 0.75, 1), strict=True):
        losses = {TASK.start(config, seed).advance(level).val_loss for seed in range(3)}
        assert losses == {forrester(0.3, z)}
    assert TASK.true_loss(config) == forrester(0.3)


def test_one_dimension_between_0_and_1() -> None:
    draws = [float(config["x"]) for config in TASK.space(0).sample_configuration(200)]
    assert 0 <= min(draws) < 0.05 < 0.95 < max(draws) <= 1
    assert np.mean(draws) == pytest.approx(0.5, abs=0.1)
