"""Branin in several fidelities: its known minima, and what is off below the highest."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from bohb_study.seeding import Config
from bohb_study.tasks.functions.branin import Branin, branin

TASK = Branin()
MINIMA = ((-math.pi, 12.275), (math.pi, 2.275), (9.42478, 2.475))
"""As published."""


@pytest.mark.parametrize(("x1", "x2"), MINIMA)
def test_known_minima(x1: float, x2: float) -> None:
    assert branin(x1, x2) == pytest.approx(0.397887, abs=1e-6)
    found = minimize(lambda x: branin(x[0], x[1]), (x1, x2), options={"gtol": 1e-10})
    np.testing.assert_allclose(found.x, (x1, x2), atol=1e-4)
    assert TASK.optimum <= found.fun < TASK.optimum + 1e-12


def test_values_by_hand() -> None:
    # (0 + 0 + 0 - 6)^2 + 10 (1 - 1 / 8 pi) + 10, where b and c do not matter
    assert branin(0, 0) == pytest.approx(36 + 10 * (1 - 1 / (8 * math.pi)) + 10, abs=1e-12)
    # at z = 0 the third coefficient alone: 10 x 0.05 less
    assert branin(0, 0, z=0) == pytest.approx(branin(0, 0) - 0.5, abs=1e-12)
    # at (pi, 0), z = 0: the square of -(5.1/4pi^2 - 0.01) pi^2 + (5/pi - 0.1) pi - 6
    square = (-(5.1 / 4 - 0.01 * math.pi**2) + (5 - 0.1 * math.pi) - 6) ** 2
    assert branin(math.pi, 0, z=0) == pytest.approx(square + 10 / (8 * math.pi) + 0.5, abs=1e-12)
    # halfway between, each coefficient is off by half
    square = (-(5.1 / 4 - 0.005 * math.pi**2) + (5 - 0.05 * math.pi) - 6) ** 2
    assert branin(math.pi, 0, z=0.5) == pytest.approx(square + 10 / (8 * math.pi) + 0.25, abs=1e-12)


@given(x1=st.floats(-5, 10), x2=st.floats(0, 15))
def test_no_value_is_below_the_optimum(x1: float, x2: float) -> None:
    assert TASK.true_loss({"x1": x1, "x2": x2}) >= TASK.optimum


def test_levels_are_steps_of_a_quarter_without_noise() -> None:
    config: Config = {"x1": 9.0, "x2": 3.0}
    for level, z in zip(TASK.ladder.costs, (0, 0.25, 0.5, 0.75, 1), strict=True):
        losses = {TASK.start(config, seed).advance(level).val_loss for seed in range(3)}
        assert losses == {branin(9.0, 3.0, z)}
    assert TASK.true_loss(config) == branin(9.0, 3.0)


def test_low_fidelities_rank_points_nearly_alike() -> None:
    """Useful for a picture: neither the same function nor an unrelated one."""
    points = np.random.default_rng(0).random((500, 2)) * (15, 15) - (5, 0)
    high, low = ([branin(*p, z) for p in points.tolist()] for z in (1.0, 0.0))
    ranks = [np.argsort(np.argsort(values)) for values in (high, low)]
    assert 0.9 < np.corrcoef(ranks)[0, 1] < 0.9999


def test_the_domain_is_the_published_one() -> None:
    bounds = {name: (hp.lower, hp.upper) for name, hp in TASK.space(0).items()}
    assert bounds == {"x1": (-5, 10), "x2": (0, 15)}
    assert (TASK.ladder.unit, TASK.ladder.resumable) == ("cost unit", False)
