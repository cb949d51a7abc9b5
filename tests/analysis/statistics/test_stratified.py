"""Spread over seeds that are drawn anew within each task."""

import numpy as np
import pytest

from bohb_study.analysis.statistics.bootstrap import ends
from bohb_study.analysis.statistics.stratified import Runs, family_weights, spread
from bohb_study.errors import StudyError

RNG = np.random.default_rng(3)
MANY = {
    "digits": Runs(tuple(range(12)), RNG.normal(size=(12, 2))),
    "mfh3-good": Runs(tuple(range(5, 15)), RNG.normal(1.0, 3.0, size=(10, 2))),
}


def test_an_interval_is_that_of_a_loop() -> None:
    weights = {"digits": 0.25, "mfh3-good": 0.75}
    found = spread(MANY, weights, 1)
    drawn = np.zeros((4000, 2))
    for task, own in MANY.items():
        for resample in drawn:
            resample += weights[task] * RNG.choice(own.outcomes, len(own.seeds)).mean(axis=0)
    low, high = np.percentile(drawn, ends(*(len(own.seeds) for own in MANY.values())), axis=0)
    assert found.kind == "95 % interval"
    np.testing.assert_allclose([found.low, found.high], [low, high], atol=0.2)
    assert not np.array_equal(found.low, spread(MANY, weights, 2).low)


def test_tasks_are_drawn_independently() -> None:
    """The same runs on a second task are more evidence: the interval shrinks as 1 / sqrt(2)."""
    one = {"digits": MANY["digits"]}
    two = {**one, "branin-mf": MANY["digits"]}
    widths = []
    for runs in (one, two):
        found = spread(runs, family_weights(list(runs)), 0)
        widths.append(found.high - found.low)
    np.testing.assert_allclose(widths[1] / widths[0], np.sqrt(0.5), atol=0.08)


def test_the_order_of_tasks_and_seeds_changes_no_bit() -> None:
    turned = {
        task: Runs(own.seeds[::-1], own.outcomes[::-1]) for task, own in reversed(MANY.items())
    }
    weights = family_weights(list(MANY))
    for one, other in zip(spread(MANY, weights, 1), spread(turned, weights, 1), strict=True):
        np.testing.assert_array_equal(one, other)


def test_few_seeds_have_the_range_of_those_that_have_all_tasks() -> None:
    few = {
        "a": Runs((0, 1, 2), np.array([[1.0], [5.0], [9.0]])),
        "b": Runs((2, 0, 7), np.array([[10.0], [30.0], [90.0]])),
    }
    found = spread(few, {"a": 0.5, "b": 0.5}, 0)
    assert found.kind == "range, not an interval"
    assert (found.low.tolist(), found.high.tolist()) == ([9.5], [15.5])  # seeds 2 and 0
    apart = {"a": few["a"], "b": Runs((7,), np.array([[1.0]]))}
    with pytest.raises(StudyError, match="no seed has all tasks"):
        spread(apart, {"a": 0.5, "b": 0.5}, 0)
