"""Pairs of methods on one task: the primary endpoint, its family, and what the seeds allow."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import PermutationMethod, mannwhitneyu, norm, wilcoxon
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from bohb_study.analysis.comparisons.endpoint import (
    TaskTests,
    over_tasks,
    signed_rank,
    task_tests,
)
from bohb_study.analysis.statistics.aggregate import estimate
from bohb_study.analysis.statistics.improvement import improvement
from bohb_study.analysis.statistics.power import critical, detectable, smallest_p
from bohb_study.errors import StudyError

Cell = Callable[..., pd.DataFrame]
Make = Callable[..., pd.DataFrame]
BUDGET = 10.0
RNG = np.random.default_rng(3)
LOSSES = {
    "bohb": RNG.normal(0, 1, 10),
    "random": RNG.normal(1, 1, 10),
    "asha": RNG.normal(-1.2, 1, 10),
}


@pytest.fixture(scope="module")
def study(cell: Cell) -> Make:
    """A frame of one task: per method one final loss a seed, reached in three steps."""

    def make(losses: Mapping[str, Sequence[float]]) -> pd.DataFrame:
        return pd.concat(
            cell(
                [(9, loss + 2), *[(9, loss + 1)] * 2, *[(9, loss)] * 7],
                method=method,
                seed=seed,
            )
            for method, own in losses.items()
            for seed, loss in enumerate(own)
        )

    return make


def compare(frame: pd.DataFrame, **more: object) -> TaskTests:
    return task_tests(frame, 9, BUDGET, 0, **more)  # type: ignore[arg-type]


def test_the_primary_endpoint_is_the_declared_pair_at_the_end_without_correction(
    study: Make,
) -> None:
    found = compare(study(LOSSES))
    primary = found.primary
    assert (primary.method, primary.other, primary.share) == ("bohb", "random", 1.0)
    expected = wilcoxon(LOSSES["bohb"], LOSSES["random"]).pvalue
    assert primary.p == primary.adjusted == pytest.approx(expected)
    assert (primary.family, primary.smallest) == (1, 2 / 2**10)
    gains = np.sort(LOSSES["random"] - LOSSES["bohb"])
    assert primary.gain == pytest.approx(gains[2:8].mean())
    assert primary.wins == np.mean(gains > 0)
    other = compare(study(LOSSES), pair=("asha", "bohb")).primary
    assert (other.method, other.other) == ("asha", "bohb")


def test_everything_else_is_one_family_under_holm(study: Make) -> None:
    found = compare(study(LOSSES))
    asked = {(one.share, frozenset((one.method, one.other))) for one in found.family}
    pairs = [("bohb", "random"), ("bohb", "asha"), ("asha", "random")]
    everything = set(product((0.1, 0.3, 1.0), map(frozenset, pairs)))
    assert asked == everything - {(1.0, frozenset(("bohb", "random")))}
    assert len(found.family) == 8
    assert {one.family for one in found.family} == {8}
    raw, adjusted = np.array([(one.p, one.adjusted) for one in found.family]).T
    np.testing.assert_allclose(adjusted, multipletests(raw, method="holm")[1])
    assert not np.allclose(adjusted, multipletests(raw, method="bonferroni")[1])
    assert found.frame["primary"].tolist() == [True, *[False] * 8]
    assert len(found.frame) == 9


def test_incumbents_are_read_at_shares_of_the_budget(study: Make) -> None:
    """Loss + 2 at 1 of 10 full evaluations, + 1 at 2 and 3, and the loss from 4 on."""
    early = {"bohb": LOSSES["bohb"], "random": LOSSES["random"] - 1.0}
    frame = study(early)
    late = frame["seq"] >= 3
    frame.loc[late & (frame["method"] == "random"), "val_loss"] += 1.0
    at = {one.share: one.p for one in compare(frame).family}
    np.testing.assert_allclose([at[0.1], at[0.3]], wilcoxon(early["bohb"], early["random"]).pvalue)
    # at the end random is worse again, though its incumbent of 3 full evaluations stays
    assert compare(frame).primary.p != pytest.approx(at[0.3])


def test_an_undefined_incumbent_is_worse_than_any_and_both_are_a_tie(
    study: Make, cell: Cell
) -> None:
    losses = {"bohb": [1e6] * 8, "random": [0.0] * 8}
    frame = study(losses)
    empty = (frame["method"] == "random") & (frame["seed"] < 7)
    frame.loc[empty, "level"] = 3  # no full evaluation: undefined under rule full
    primary = compare(frame).primary
    assert (primary.pairs, primary.nonzero, primary.wins) == (8, 8, 7 / 8)
    assert primary.p == pytest.approx(wilcoxon([-1.0] + [2.0] * 7).pvalue)
    assert np.isnan(primary.gain)
    assert np.isnan(primary.detectable)
    frame.loc[frame["seed"] == 0, "level"] = 3
    both = compare(frame).primary
    assert (both.pairs, both.nonzero) == (8, 7)
    assert both.wins == (6 + 0.5) / 8


def test_all_ties_have_a_p_of_one(study: Make) -> None:
    primary = compare(study({"bohb": [1.0] * 8, "random": [1.0] * 8})).primary
    assert (primary.p, primary.nonzero, primary.smallest) == (1.0, 0, 1.0)
    assert (primary.wins, primary.probability, primary.detectable) == (0.5, 0.5, np.inf)


def test_the_smallest_p_that_pairs_allow() -> None:
    # the protocol's example: 4 methods have 6 pairs, and 6 x 2 / 2^7 is still above 0.05
    assert smallest_p(6, 8) == 12 / 256 < 0.05 < smallest_p(6, 7)
    assert smallest_p(17, 9) > 0.05 > smallest_p(17, 10)
    assert smallest_p(500, 3) == smallest_p(1, 0) == 1.0
    # and it is what scipy's exact test gives where all differences have one sign
    assert 2 * 2.0**-9 == wilcoxon(np.arange(1.0, 10)).pvalue == smallest_p(1, 9)


def test_five_pairs_cannot_reach_five_percent(study: Make) -> None:
    few = compare(study({method: own[:5] for method, own in LOSSES.items()}))
    assert few.primary.smallest == 2 / 2**5
    assert all(one.smallest > 0.05 for one in few.family)
    assert few.primary.detectable == np.inf


def test_missing_cells_stop_and_where_allowed_are_named_and_no_other_seed_goes(
    study: Make,
) -> None:
    frame = study(LOSSES)
    cut = frame[(frame["method"] != "asha") | (frame["seed"] < 9)]
    with pytest.raises(StudyError, match="missing cells: toy/asha/9"):
        compare(cut)
    found = compare(cut, allow_missing=True)
    assert found.missing == ("toy/asha/9",)
    assert found.primary.pairs == 10
    assert {one.pairs for one in found.family if "asha" in (one.method, one.other)} == {9}
    with pytest.raises(StudyError, match="needs random, which has no rows"):
        compare(frame[frame["method"] != "random"])


def test_renamed_seeds_and_shuffled_rows_change_nothing(study: Make) -> None:
    frame = study(LOSSES)
    order = dict(enumerate(np.random.default_rng(0).permutation(10).tolist()))
    other = frame.assign(seed=frame["seed"].map(order)).sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(compare(frame).frame, compare(other).frame, check_exact=True)


def test_the_exact_critical_value() -> None:
    # Wilcoxon's table, two-sided 0.05: n = 6, 10, 20 -> 0, 8, 52; none at n = 5
    assert [critical(n, 0.05) for n in (5, 6, 10, 20)] == [-1, 0, 8, 52]


def test_the_detectable_effect_against_relative_efficiency_and_scipys_test() -> None:
    # G*Power's approximation: the paired t-test with n 3 / pi pairs
    for n, alpha in ((20, 0.05), (40, 0.01)):
        by_efficiency = TTestPower().solve_power(nobs=n * 3 / np.pi, alpha=alpha, power=0.8)
        assert detectable(n, alpha) == pytest.approx(by_efficiency, rel=0.04)
    # at the edge the test needs ten of one sign: Phi(d)^10 = 0.8
    assert detectable(10, 2 / 2**10) == pytest.approx(norm.ppf(0.8**0.1), rel=0.03)
    assert detectable(9, 2 / 2**10) == np.inf
    shifted = np.random.default_rng(1).normal(detectable(12, 0.01), 1, (12, 4000))
    assert np.mean(wilcoxon(shifted, axis=0).pvalue <= 0.01) == pytest.approx(0.8, abs=0.025)


def test_the_detectable_effect_has_the_differences_own_spread(study: Make) -> None:
    compared = compare(study(LOSSES))
    found = compared.primary
    spread = np.std(LOSSES["random"] - LOSSES["bohb"], ddof=1)
    assert found.detectable == pytest.approx(detectable(10, 0.05) * spread)
    other = next(one for one in compared.family if one.other == "random" and one.share == 1.0)
    spread = np.std(LOSSES[other.other] - LOSSES[other.method], ddof=1)
    assert other.detectable == pytest.approx(detectable(10, 0.05 / 8) * spread)
    tenfold = {method: 10 * own for method, own in LOSSES.items()}
    assert compare(study(tenfold)).primary.detectable == pytest.approx(10 * found.detectable)


def rliable(scores_x: np.ndarray, scores_y: np.ndarray) -> float:
    """``rliable.metrics.probability_of_improvement``: scores of shape (runs, tasks)."""
    chances = []
    for x, y in zip(scores_x.T, scores_y.T, strict=True):
        if np.array_equal(x, y):
            chances.append(0.5)
        else:
            statistic, _ = mannwhitneyu(x, y, alternative="greater")
            chances.append(statistic / (len(x) * len(y)))
    return float(np.mean(chances))


def test_the_probability_of_improvement_is_rliables() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.integers(0, 6, (12, 3)) + 0.0, rng.integers(1, 8, (15, 3)) + 0.0
    got = improvement(list(x.T), list(y.T), 0)
    assert got.probability == pytest.approx(rliable(-x, -y))
    assert improvement(list(y.T), list(x.T), 0).probability == pytest.approx(1 - got.probability)
    # its interval: runs drawn anew within each task, of either method for itself
    drawn = [
        rliable(
            -np.stack([rng.choice(task, len(task)) for task in x.T], axis=1),
            -np.stack([rng.choice(task, len(task)) for task in y.T], axis=1),
        )
        for _ in range(600)
    ]
    np.testing.assert_allclose([got.low, got.high], np.percentile(drawn, [2.5, 97.5]), atol=0.03)


def test_few_runs_have_a_probability_but_no_interval() -> None:
    got = improvement([np.array([0.0, 1.0, np.inf])], [np.array([1.0, np.inf, np.inf])], 0)
    assert got.probability == pytest.approx((3 + 2.5 + 1) / 9)
    assert np.isnan(got.low)
    assert np.isnan(got.high)
    with pytest.raises(StudyError, match="no run"):
        improvement([], [], 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-6, 6).filter(bool), min_size=2, max_size=9))
def test_the_signed_rank_test_is_scipys_with_ties(gains: list[int]) -> None:
    differences = np.array(gains, dtype=np.float64)
    expected = wilcoxon(differences, method=PermutationMethod()).pvalue
    assert signed_rank(differences) == pytest.approx(expected, rel=1e-12)


def test_the_signed_rank_test_is_scipys_exact_one_without_ties() -> None:
    for n in (5, 12, 20, 50, 60):
        differences = np.random.default_rng(n).normal(0.4, size=n)
        method = "exact" if n <= 50 else "auto"
        expected = wilcoxon(differences, method=method).pvalue
        assert signed_rank(differences) == pytest.approx(expected, rel=1e-9)


def test_an_infinite_difference_has_the_highest_rank() -> None:
    assert signed_rank(np.array([1.0, 2.0, -np.inf])) == signed_rank(np.array([1.0, 2.0, -3.0]))


def test_at_the_end_what_was_retrained_is_compared_and_the_other_stands_beside(
    study: Make,
) -> None:
    again = pd.DataFrame({"bohb": LOSSES["random"], "random": LOSSES["bohb"]})
    again["asha"] = LOSSES["asha"]
    plain, found = compare(study(LOSSES)), compare(study(LOSSES), retrained=again)
    assert (found.primary.basis, plain.primary.basis) == ("retrained", "chosen training")
    assert found.primary.gain == pytest.approx(-plain.primary.gain)
    assert found.primary.p == plain.primary.p
    np.testing.assert_array_equal(found.losses["bohb"], LOSSES["random"])
    # earlier moments have nothing that was retrained
    for one, other in zip(found.family, plain.family, strict=True):
        if one.share < 1:
            assert (one.basis, one.gain, one.p) == ("chosen training", other.gain, other.p)
        else:
            assert one.basis == "retrained"
    assert plain.chosen == ()
    pairs = [(one.method, one.other) for one in found.chosen]
    assert pairs == [("bohb", "random"), ("asha", "bohb"), ("asha", "random")]
    assert {one.basis for one in found.chosen} == {"chosen training"}
    assert found.chosen[0].gain == plain.primary.gain
    assert len(found.family) == len(plain.family)


def test_a_final_configuration_that_failed_again_is_worse_than_any(study: Make) -> None:
    again = pd.DataFrame({name: np.array(own) for name, own in LOSSES.items()})
    again.loc[0, "bohb"] = np.inf
    found = compare(study(LOSSES), retrained=again).primary
    assert np.isnan(found.gain)
    assert found.pairs == 10


def test_a_gain_has_the_interval_of_its_differences(study: Make) -> None:
    one = compare(study(LOSSES)).primary
    over = estimate(LOSSES["random"] - LOSSES["bohb"], 0)
    assert (one.gain, one.gain_low, one.gain_high) == pytest.approx(
        (over.centre, over.low, over.high)
    )


def test_over_tasks_primary_endpoints_are_one_family_and_all_else_another(study: Make) -> None:
    shifted = {name: own + i for i, (name, own) in enumerate(LOSSES.items())}
    tests = [
        compare(study(losses).assign(task=task))
        for task, losses in (("one", LOSSES), ("two", shifted), ("three", LOSSES))
    ]
    found = over_tasks(tests)
    primary = multipletests([own.primary.p for own in tests], method="holm")[1]
    for own, p in zip(tests, primary, strict=True):
        assert found[own.task, "bohb", "random", 1.0] == pytest.approx(p)
    rest = [one for own in tests for one in own.family]
    adjusted = multipletests([one.p for one in rest], method="holm")[1]
    for one, p in zip(rest, adjusted, strict=True):
        assert found[one.task, one.method, one.other, one.share] == pytest.approx(p)
    assert len(found) == 3 * (1 + len(tests[0].family))


def test_who_is_better_is_said_of_the_seeds(study: Make) -> None:
    apart = {"bohb": np.arange(10.0), "random": np.arange(10.0) + 1}
    assert compare(study(apart)).primary.better == "bohb"
    turned = {"bohb": apart["random"], "random": apart["bohb"]}
    assert compare(study(turned)).primary.better == "random"
    assert compare(study({"bohb": apart["bohb"], "random": apart["bohb"]})).primary.better == ""
