"""What no study may change: properties of the whole path from reports to ranks and tests."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import trim_mean

from bohb_study.analysis.comparisons.endpoint import task_tests
from bohb_study.analysis.comparisons.mean_ranks import rank_curves
from bohb_study.analysis.incumbents.alignment import align
from bohb_study.analysis.incumbents.anytime_curves import anytime
from bohb_study.analysis.incumbents.at_moment import incumbent_at
from bohb_study.analysis.incumbents.rules import Rule
from bohb_study.analysis.incumbents.traces import trace
from bohb_study.analysis.statistics.aggregate import estimate
from bohb_study.analysis.statistics.bootstrap import ends

Cell = Callable[..., pd.DataFrame]
Reports = list[tuple[int, float]]
BUDGET = 3.0
TOPS, BUDGETS = {"toy": 9}, {"toy": BUDGET}
METHODS = ("bohb", "random", "asha")
RULES = st.sampled_from(["full", "highest", "paper", "any"])
# few losses, so that ties are many; at least three units, so that few seeds see a full evaluation
REPORTS = st.lists(
    st.tuples(st.sampled_from([1, 3, 9]), st.integers(0, 5).map(float)), min_size=3, max_size=6
)
STUDY = st.lists(
    st.lists(REPORTS, min_size=3, max_size=3), min_size=len(METHODS), max_size=len(METHODS)
)


def frame_of(cell: Cell, study: list[list[Reports]]) -> pd.DataFrame:
    """Method by method, seed by seed, cut where the budget is spent."""
    frame = pd.concat(
        cell(reports, method=method, seed=seed)
        for method, own in zip(METHODS, study, strict=False)
        for seed, reports in enumerate(own)
    )
    return frame[frame["units_total"] <= BUDGET * 9]


@settings(max_examples=8, deadline=None)
@given(study=STUDY)
def test_an_incumbent_under_any_never_rises_not_even_over_seeds(
    cell: Cell, study: list[list[Reports]]
) -> None:
    for curves in anytime(frame_of(cell, study), "any", TOPS).curves:
        for _, run in curves.runs.items():
            assert not (run.dropna().diff() > 0).any()
        assert not np.any(np.diff(curves.over_seeds.centre) > 0)


@settings(max_examples=8, deadline=None)
@given(study=STUDY, rule=RULES, moment=st.integers(1, 27))
def test_what_is_read_at_a_moment_does_not_depend_on_what_comes_later(
    cell: Cell, study: list[list[Reports]], rule: Rule, moment: int
) -> None:
    frame, at = frame_of(cell, study[:1]), moment / 9
    past = frame[frame["units_total"] <= moment]
    later = frame.assign(val_loss=frame["val_loss"].where(frame["units_total"] <= moment, -1e9))
    seen = incumbent_at(later, rule, TOPS, [at], BUDGET).set_index(["method", "seed"])["value"]
    known = incumbent_at(past, rule, TOPS, [at], BUDGET).set_index(["method", "seed"])["value"]
    pd.testing.assert_series_equal(seen.loc[known.index], known)
    assert seen.drop(known.index).isna().all()  # cells that had no report yet
    held = align({seed: trace(c, rule, 9).steps() for seed, c in later.groupby(["method", "seed"])})
    assert not (held[held.index <= at] == -1e9).any(axis=None)


@settings(max_examples=4, deadline=None)
@given(study=STUDY, order=st.permutations(range(3)), data=st.data())
def test_permuting_seeds_and_rows_changes_no_bit_of_curves_ranks_and_tests(
    cell: Cell, study: list[list[Reports]], order: list[int], data: st.DataObject
) -> None:
    frame = frame_of(cell, study[:2])
    shuffle = data.draw(st.integers(0, 99))
    other = frame.assign(seed=frame["seed"].map(dict(enumerate(order))))
    other = other.sample(frac=1, random_state=shuffle)
    for one, two in zip(
        anytime(frame, "any", TOPS).curves, anytime(other, "any", TOPS).curves, strict=True
    ):
        for name in ("x", "centre", "low", "high"):
            np.testing.assert_array_equal(
                getattr(one.over_seeds, name), getattr(two.over_seeds, name)
            )
    ranks = [rank_curves(f, TOPS, BUDGETS, 0) for f in (frame, other)]
    for name in ("centre", "low", "high"):
        np.testing.assert_array_equal(*(getattr(found, name) for found in ranks))
    tests = [task_tests(f, 9, BUDGET, 0).frame for f in (frame, other)]
    pd.testing.assert_frame_equal(*tests, check_exact=True)


@settings(max_examples=4, deadline=None)
@given(study=STUDY)
def test_adding_a_method_moves_no_other_curve_and_no_primary_endpoint(
    cell: Cell, study: list[list[Reports]]
) -> None:
    frame = frame_of(cell, study)
    two = frame[frame["method"] != "asha"]
    before = {curves.method: curves for curves in anytime(two, "full", TOPS).curves}
    after = {curves.method: curves for curves in anytime(frame, "full", TOPS).curves}
    for method, curves in before.items():
        pd.testing.assert_frame_equal(curves.runs, after[method].runs)
        for name in ("x", "centre", "low", "high"):
            np.testing.assert_array_equal(
                getattr(curves.over_seeds, name), getattr(after[method].over_seeds, name)
            )
    primary = [pd.Series(vars(task_tests(f, 9, BUDGET, 0).primary)) for f in (two, frame)]
    pd.testing.assert_series_equal(*primary, check_exact=True)


@settings(max_examples=4, deadline=None)
@given(study=STUDY, rule=RULES)
def test_doubling_all_losses_changes_no_rank_and_no_p(
    cell: Cell, study: list[list[Reports]], rule: Rule
) -> None:
    frame = frame_of(cell, study[:2])
    doubled = frame.assign(val_loss=2 * frame["val_loss"])
    one, two = (rank_curves(f, TOPS, BUDGETS, 0, rule=rule) for f in (frame, doubled))
    np.testing.assert_array_equal(one.centre, two.centre)
    np.testing.assert_array_equal(one.low, two.low)
    before, after = (task_tests(f, 9, BUDGET, 0, rule=rule).frame for f in (frame, doubled))
    for name in ("p", "adjusted", "wins", "probability", "nonzero"):
        np.testing.assert_array_equal(before[name], after[name])
    np.testing.assert_array_equal(2 * before["gain"], after["gain"])


def rliable_interval(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """rliable's interval of its ``aggregate_iqm``, written down from its definition.

    ``library.get_interval_estimates``: percentiles 2.5 and 97.5 of the statistic over stratified
    resamples, in which the runs of each task are drawn anew; ``aggregate_iqm``: the mean of the
    middle half of all scores. ``scores``: shape (runs, tasks).
    """
    runs, tasks = scores.shape
    values = []
    for _ in range(4000):
        drawn = scores[rng.integers(0, runs, (runs, tasks)), np.arange(tasks)]
        values.append(trim_mean(drawn, proportiontocut=0.25, axis=None))
    return np.percentile(values, ends(runs))


@pytest.mark.parametrize("n", [10, 20, 50])
def test_the_interval_is_of_rliables_resamples_of_the_interquartile_mean(n: int) -> None:
    losses = np.random.default_rng(n).gamma(2.0, 1.0, n)
    got = estimate(losses, 0)
    theirs = rliable_interval(losses[:, None], np.random.default_rng(1))
    assert got.centre == pytest.approx(trim_mean(losses, proportiontocut=0.25, axis=None))
    # a 1 % point of 2,000 resamples is known to about 6 % of the interval's width
    np.testing.assert_allclose([got.low, got.high], theirs, atol=0.08 * np.ptp(theirs))


@settings(max_examples=20, deadline=None)
@given(losses=arrays(np.float64, 12, elements=st.floats(-1e3, 1e3, width=32)))
def test_an_interval_holds_its_centre_and_scales_with_the_losses(losses: np.ndarray) -> None:
    one, two = estimate(losses, 3), estimate(2 * losses, 3)
    assert one.low <= one.high
    assert losses.min() <= one.low + 1e-9
    assert one.high <= losses.max() + 1e-9
    assert (two.low, two.centre, two.high) == (2 * one.low, 2 * one.centre, 2 * one.high)
