"""Shares of variance: exact for a tree, near the truth for a forest, and honest about its fit."""

from collections.abc import Iterator
from itertools import chain, combinations, product

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from bohb_study.analysis.diagnostics import fanova
from bohb_study.analysis.diagnostics.fanova import (
    LEAST,
    _columns,
    _Tree,
    positions,
    variance_shares,
)
from bohb_study.arrays import Floats

CATEGORIES = (0, 3, 0)
"""A number, a choice of three, and a number that is not always active."""


@pytest.fixture(autouse=True, scope="module")
def few_trees() -> Iterator[None]:
    """A forest that is grown in a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanova, "TREES", 16)
        yield


def grid() -> Floats:
    """Every combination of a few values: what is averaged over it is exact."""
    values = ([0.1, 0.2, 0.2, 0.9], [0.0, 1.0, 2.0, 2.0], [np.nan, 0.3, 0.6])
    return np.array(list(product(*values)))


def uniform(n: int, d: int, seed: int = 0) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    return random.random((n, d)), random.random((4096, d))


def test_variances_of_a_tree_are_those_of_averages_over_all_combinations() -> None:
    points = grid()
    values = np.random.default_rng(1).random(len(points))
    columns, owner = _columns(points, CATEGORIES)
    assert owner.tolist() == [0, 1, 1, 1, 2]
    grown = DecisionTreeRegressor(max_depth=5, random_state=0).fit(columns, values)
    predicted = grown.predict(columns).reshape(4, 4, 3)
    tree = _Tree(grown.tree_, columns, owner, 3)
    assert tree.total == pytest.approx(predicted.var())
    for places in chain.from_iterable(combinations(range(3), k) for k in (1, 2, 3)):
        others = tuple(j for j in range(3) if j not in places)
        overlaps = np.prod([tree.overlap(j) for j in places], axis=0)
        wanted = predicted.mean(axis=others).var()
        assert tree.variance(places, overlaps) == pytest.approx(wanted)
    singles, pairs = tree.singles(), tree.pairs()
    assert np.diag(pairs) == pytest.approx(singles)
    assert pairs[0, 2] == pytest.approx(predicted.mean(axis=1).var())


def test_shares_of_a_sum_are_those_of_its_parts() -> None:
    points, marginal = uniform(300, 3)
    shares = variance_shares(points, points[:, 0] + 0.5 * points[:, 1], marginal, (0, 0, 0), 0)
    assert shares is not None
    assert shares.single == pytest.approx((0.8, 0.2, 0.0), abs=0.04)
    assert shares.pair == (0, 1)
    assert shares.pair_share == pytest.approx(1, abs=0.02)
    assert shares.order == (0, 1)
    assert shares.fit > 0.95


def test_what_two_explain_together_alone_is_an_interaction() -> None:
    random = np.random.default_rng(0)
    points = random.integers(0, 2, (200, 3)).astype(np.float64)
    values = (points[:, 1] == points[:, 2]).astype(np.float64)
    shares = variance_shares(points, values, points, (2, 2, 2), 0)
    assert shares is not None
    assert max(shares.single) < 0.1
    assert shares.pair == (1, 2)
    assert shares.pair_share > 0.9
    assert set(shares.order) == {1, 2}


def test_noise_is_not_predicted_and_the_fit_says_so() -> None:
    points, marginal = uniform(60, 4)
    values = np.random.default_rng(5).random(60)
    shares = variance_shares(points, values, marginal, (0,) * 4, 0)
    assert shares is not None
    assert shares.fit < 0.1


def test_too_few_or_equal_have_no_shares() -> None:
    points, marginal = uniform(LEAST, 2)
    assert variance_shares(points[1:], points[1:, 0], marginal, (0, 0), 0) is None
    assert variance_shares(points, np.ones(LEAST), marginal, (0, 0), 0) is None


def test_positions_do_not_depend_on_the_scale_and_failures_are_last() -> None:
    losses = np.array([1.0, np.inf, 1e9, 1.0, np.inf])
    assert positions(losses).tolist() == [0.125, 0.875, 0.5, 0.125, 0.875]
