"""Ranks over time, and the tests that only many families of tasks allow."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy.stats import friedmanchisquare, wilcoxon
from statsmodels.stats.multitest import multipletests

from bohb_study.analysis.comparisons.friedman import BlockTests, block_tests, family_scores
from bohb_study.analysis.comparisons.mean_ranks import RankCurves, common_methods, rank_curves
from bohb_study.analysis.statistics.bootstrap import ends
from bohb_study.analysis.statistics.stratified import family_weights
from bohb_study.errors import StudyError

Cell = Callable[..., pd.DataFrame]
Make = Callable[..., pd.DataFrame]
BUDGET = 4.0


@pytest.fixture(scope="module")
def make(cell: Cell) -> Make:
    """One task: method -> per seed the losses of its full evaluations."""

    def build(cells: Mapping[str, Sequence[Sequence[float]]], task: str = "toy") -> pd.DataFrame:
        return pd.concat(
            cell([(9, loss) for loss in losses], task=task, method=method, seed=seed)
            for method, own in cells.items()
            for seed, losses in enumerate(own)
        )

    return build


def curves(frame: pd.DataFrame, seed: int = 0, **more: object) -> RankCurves:
    tasks = frame["task"].unique()
    tops, budgets = dict.fromkeys(tasks, 9), dict.fromkeys(tasks, BUDGET)
    return rank_curves(frame, tops, budgets, seed, **more)  # type: ignore[arg-type]


def at(found: RankCurves, method: str, evaluations: float) -> float:
    moment = np.searchsorted(found.shares, evaluations / BUDGET - 1e-9)
    return float(found.centre[found.methods.index(method), moment])


def test_golden_ranks_of_incumbents_over_time(make: Make) -> None:
    frame = make(
        {
            "a": [[0.9, 0.1, 0.5, 0.5], [0.9, 0.1, 0.5, 0.5]],
            "b": [[0.5, 0.5, 0.5, 0.5], [0.9, 0.5, 0.5, 0.5]],
            "c": [[0.1, 0.9, 0.9, 0.9], [0.9, 0.9, 0.9, 0.0]],
        }
    )
    found = curves(frame)
    assert found.methods == ("a", "b", "c")
    # at 1: ranks 3 2 1 and three ties; from 2 on: 1 or 2, 3, 2 ...
    assert [at(found, m, 1) for m in "abc"] == [2.5, 2.0, 1.5]
    assert [at(found, m, 2.1) for m in "abc"] == [(1.5 + 1) / 2, (3 + 2) / 2, (1.5 + 3) / 2]
    assert [at(found, m, 4) for m in "abc"] == [(1.5 + 2) / 2, (3 + 3) / 2, (1.5 + 1) / 2]
    assert found.final.loc["toy"].tolist() == [1.75, 3.0, 1.25]
    assert (found.shares[0], found.shares[-1]) == (1 / BUDGET, 1.0)
    even = found.shares[found.shares != 0.3]
    np.testing.assert_allclose(np.diff(np.log(even)), np.log(BUDGET) / 199)
    np.testing.assert_allclose(found.centre.sum(axis=0), 6)
    # two seeds: their range
    assert found.kind == "range, not an interval"
    assert (found.low[0, -1], found.high[0, -1]) == (1.5, 2.0)


def test_undefined_is_last_and_ties_with_undefined(make: Make) -> None:
    frame = make({name: [[9.0] * 4] for name in "abc"})
    frame.loc[frame["method"] != "a", "level"] = 3
    assert curves(frame).final.loc["toy"].tolist() == [1, 2.5, 2.5]


def test_families_count_once_whatever_their_size(make: Make) -> None:
    better, worse = [[0.0] * 4] * 2, [[1.0] * 4] * 2
    frame = pd.concat(
        [
            *(make({"a": better, "b": worse}, f"mfh3-{i}") for i in range(3)),
            make({"a": worse, "b": better}, "digits"),
        ]
    )
    found = curves(frame)
    assert found.final["a"].to_dict() == {"digits": 2, "mfh3-0": 1, "mfh3-1": 1, "mfh3-2": 1}
    np.testing.assert_allclose(found.centre, 1.5)
    assert family_weights(["digits", "mfh3-0", "mfh3-1"]) == {
        "digits": 0.5,
        "mfh3-0": 0.25,
        "mfh3-1": 0.25,
    }


def random_cells(seeds: int, methods: str = "abc", start: int = 0) -> dict[str, list[list[float]]]:
    rng = np.random.default_rng(start)
    return {m: rng.random((seeds, 4)).tolist() for m in methods}


def test_the_interval_is_a_bootstrap_over_the_seeds_of_each_task(make: Make) -> None:
    frame = pd.concat(
        [make(random_cells(12), "digits"), make(random_cells(10, start=1), "branin-mf")]
    )
    found = curves(frame)
    assert (found.kind, found.seeds) == ("95 % interval", (10, 12))
    by_seed = {
        task: np.array([curves(own[own["seed"] == s]).centre[:, -1] for s in own["seed"].unique()])
        for task, own in frame.groupby("task")
    }
    np.testing.assert_allclose(
        found.centre[:, -1], np.mean([own.mean(axis=0) for own in by_seed.values()], axis=0)
    )
    rng = np.random.default_rng(8)
    drawn = [
        np.mean([rng.choice(own, len(own)).mean(axis=0) for own in by_seed.values()], axis=0)
        for _ in range(2000)
    ]
    low, high = np.percentile(drawn, ends(10, 12), axis=0)
    np.testing.assert_allclose(found.low[:, -1], low, atol=0.08)
    np.testing.assert_allclose(found.high[:, -1], high, atol=0.08)
    assert not np.array_equal(found.low, curves(frame, seed=1).low)


def test_permuted_seeds_and_rows_change_no_bit(make: Make) -> None:
    frame = make(random_cells(10))
    order = dict(enumerate(np.random.default_rng(0).permutation(10).tolist()))
    other = frame.assign(seed=frame["seed"].map(order)).sample(frac=1, random_state=0)
    one, two = curves(frame), curves(other)
    for name in ("centre", "low", "high"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_only_methods_of_all_tasks_are_ranked_together(make: Make) -> None:
    frame = pd.concat([make(random_cells(2), "digits"), make(random_cells(2, "ab"), "branin-mf")])
    with pytest.raises(StudyError, match=r"^branin-mf: no rows of c; only methods that every"):
        curves(frame)
    assert common_methods(frame) == ("a", "b")
    assert common_methods(frame, without=["a"]) == ("b",)
    kept = frame[frame["method"].isin(common_methods(frame))]
    assert curves(kept).methods == ("a", "b")
    with pytest.raises(StudyError, match="two methods; only a has rows"):
        curves(frame[frame["method"] == "a"])


def test_a_missing_cell_stops_or_takes_its_seed_along_and_says_so(make: Make) -> None:
    frame = make(random_cells(3))
    cut = frame[(frame["method"] != "b") | (frame["seed"] != 1)]
    with pytest.raises(StudyError, match="missing cells: toy/b/1"):
        curves(cut)
    found = curves(cut, allow_missing=True)
    assert (found.left_out, found.seeds) == (("toy/1",), (2,))
    np.testing.assert_array_equal(found.centre, curves(frame[frame["seed"] != 1]).centre)


SCORES = pd.DataFrame(
    np.random.default_rng(2).normal([0.0, 0.4, 0.8, 2.0], 0.6, (12, 4)),
    index=[f"task{i}" for i in range(12)],
    columns=["bohb", "hyperband", "asha", "random"],
)


def test_block_tests_are_scipys_and_scikit_posthocs() -> None:
    found = block_tests(SCORES)
    assert isinstance(found, BlockTests)
    columns = [SCORES[name] for name in SCORES]
    statistic, p = friedmanchisquare(*columns)
    assert (found.statistic, found.p) == (pytest.approx(statistic), pytest.approx(p))
    # Friedman's formula, from the mean ranks
    n, k = SCORES.shape
    by_ranks = 12 * n / (k * (k + 1)) * ((found.ranks - (k + 1) / 2) ** 2).sum()
    assert found.statistic == pytest.approx(by_ranks)
    long = SCORES.melt(var_name="method", value_name="score")
    theirs = scikit_posthocs.posthoc_wilcoxon(
        long, val_col="score", group_col="method", p_adjust="holm"
    )
    pd.testing.assert_frame_equal(found.pairwise, theirs.loc[SCORES.columns, SCORES.columns])
    pairs = [(a, b) for i, a in enumerate(SCORES) for b in list(SCORES)[i + 1 :]]
    raw = [wilcoxon(SCORES[a], SCORES[b]).pvalue for a, b in pairs]
    np.testing.assert_allclose(
        [found.pairwise.loc[a, b] for a, b in pairs], multipletests(raw, method="holm")[1]
    )


def test_no_diagram_without_ten_families_or_a_complete_block() -> None:
    nine = SCORES.iloc[:9]
    reason = block_tests(nine)
    assert isinstance(reason, str)
    assert "needs 10 families of tasks; there are 9 (task0, task1" in reason
    assert isinstance(block_tests(SCORES.iloc[:10]), BlockTests)
    # twelve tasks, but four of them one function
    kin = SCORES.rename(index={f"task{i}": f"mfh6-{i}" for i in range(4)})
    assert "there are 9 (mfh, task10" in str(block_tests(kin))
    np.testing.assert_allclose(family_scores(kin).loc["mfh"], SCORES.iloc[:4].mean())
    gap = SCORES.copy()
    gap.loc["task3", "asha"] = np.nan
    assert block_tests(gap) == "No critical-difference diagram: the block lacks task3/asha."
    assert "three methods" in str(block_tests(SCORES[["bohb", "random"]]))


def test_methods_that_tie_everywhere_do_not_differ() -> None:
    scores = SCORES.assign(twin=SCORES["bohb"])
    found = block_tests(scores)
    assert isinstance(found, BlockTests)
    assert found.pairwise.loc["bohb", "twin"] == 1.0


def test_shares_that_are_printed_are_read_at_exactly_these(make: Make) -> None:
    frame = make({"a": [[0.5] * 40], "b": [[0.9] * 12 + [0.1] * 28]})
    tops, budgets = {"toy": 9}, {"toy": 40.0}
    found = rank_curves(frame, tops, budgets, 0)
    for share in (0.1, 0.3, 1.0):
        assert found.shares[found.at(share)] == share
    # b takes the lead with its 13th evaluation: at 12 of 40 it has not
    assert found.leader(0.3) == ("a", 1.0)
    assert found.leader(1.0) == ("b", 1.0)
    with pytest.raises(StudyError, match=r"begin at 0\.25 of the budget, after 0\.1"):
        curves(frame).at(0.1)


def test_at_the_end_methods_are_ranked_by_what_was_retrained(make: Make) -> None:
    frame = make({"a": [[0.5] * 4] * 2, "b": [[0.9] * 4] * 2})
    again = pd.DataFrame({"a": [0.8, 0.3], "b": [0.4, np.inf]}, index=[0, 1])
    found = curves(frame, retrained={"toy": again})
    assert found.centre[:, -1].tolist() == [1.5, 1.5]
    assert found.centre[:, -2].tolist() == [1.0, 2.0]
    assert found.final.loc["toy"].tolist() == [1.5, 1.5]


def test_a_lead_is_asked_for_without_each_task(make: Make) -> None:
    better, worse = [[0.0] * 4] * 2, [[1.0] * 4] * 2
    frame = pd.concat(
        [
            make({"a": better, "b": worse}, "digits"),
            make({"a": worse, "b": better}, "mfh3"),
            make({"a": better, "b": worse}, "branin-mf"),
        ]
    )
    found = curves(frame)
    assert found.leader(1.0) == ("a", pytest.approx(4 / 3))
    assert found.leader(1.0, without="mfh3") == ("a", 1.0)
    assert found.leader(1.0, without="digits")[1] == 1.5
