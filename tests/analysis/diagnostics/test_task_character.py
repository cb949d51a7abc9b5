"""The character of tasks that are made up, so that it is known."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from bohb_study.analysis.diagnostics import fanova
from bohb_study.analysis.diagnostics.task_character import Draws, character_of, noise
from bohb_study.errors import StudyError

N = 80


@pytest.fixture(autouse=True, scope="module")
def few_trees() -> Iterator[None]:
    """A forest that is grown in a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanova, "TREES", 16)
        yield


@pytest.fixture(scope="module")
def draws() -> Draws:
    """The loss is the first hyperparameter; the lower rung says nothing, the middle one all."""
    random = np.random.default_rng(0)
    points, marginal = random.random((N, 2)), random.random((4096, 2))
    top = np.exp(20 * points[:, 0])
    top[:4] = np.inf
    losses = np.column_stack([random.random(N), np.log(top), top])
    modelled = np.outer(1 + random.random(N), [1.0, 3.0, 10.0])
    measured = 2 * modelled[:, -1]
    measured[:4] = np.nan
    repeats = np.repeat(top[:10, None], 3, axis=1)
    return Draws(
        "made-up", 0, (1, 3, 9), ("a", "b"), (0, 0), points, marginal, losses, repeats, modelled,
        measured,
    )  # fmt: skip


def test_what_is_known_is_found(draws: Draws) -> None:
    found = character_of(draws)
    lowest, middle = found.rungs
    assert (lowest.level, middle.level) == (1, 3)
    assert lowest.low < 0 < lowest.high
    assert middle.spearman == pytest.approx(1)
    assert found.lowest == lowest
    assert found.shares is not None
    assert found.shares.single[0] > 0.7
    assert found.best_single == found.shares.single[0]
    assert found.failures == 4 / N
    assert found.noise == 0
    assert found.repeated == (10, 3)
    assert found.costs.shares == pytest.approx((0.1, 0.3, 1))
    assert found.costs.ratio == pytest.approx((0.5, 0.5, 0.5))
    measured = draws.measured[4:].mean()
    assert found.costs.measured == pytest.approx(measured)


def test_a_monotone_transformation_of_losses_changes_nothing(draws: Draws) -> None:
    other = replace(draws, losses=np.cbrt(draws.losses), repeats=np.cbrt(draws.repeats))
    assert character_of(other) == character_of(draws)


def test_where_nothing_is_trained_no_seconds_are_compared(draws: Draws) -> None:
    costs = character_of(replace(draws, measured=np.full(N, np.nan))).costs
    assert costs.measured is None
    assert costs.ratio is None


def test_a_single_fidelity_has_no_rungs(draws: Draws) -> None:
    found = character_of(
        replace(draws, levels=(9,), losses=draws.losses[:, -1:], modelled=draws.modelled[:, -1:])
    )
    assert found.rungs == ()
    assert found.lowest is None
    with pytest.raises(StudyError, match="made-up: one configuration has no character"):
        character_of(replace(draws, points=draws.points[:1]))


def test_noise_is_relative_to_the_spread_between_configurations() -> None:
    random = np.random.default_rng(3)
    worth = random.normal(size=400)
    top = worth + 0.5 * random.normal(size=400)
    some = noise(top, worth[:200, None] + 0.5 * random.normal(size=(200, 3)))
    all_luck = noise(random.random(400), random.random((200, 3)))
    assert some == pytest.approx(0.45, abs=0.06)  # 0.5 / sqrt(1.25), of losses
    assert all_luck == pytest.approx(1, abs=0.06)
    assert noise(np.arange(20.0), np.arange(10.0)[:, None]) == 0
    assert noise(np.ones(20), np.ones((10, 3))) is None
    assert noise(np.arange(20.0), np.empty((0, 3))) is None


def test_noise_of_trainings_that_fail_now_and_then() -> None:
    top = np.array([*np.arange(19.0), np.inf])
    stable = noise(top, np.full((1, 3), 0.0))
    failing = noise(top, np.array([[0.0, np.inf, 0.0]]))
    assert stable == 0
    assert failing is not None
    assert failing > 1
