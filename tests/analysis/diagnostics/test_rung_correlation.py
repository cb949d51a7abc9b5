"""How alike rungs rank configurations, and when a sample says nothing of the task."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau, spearmanr

from bohb_study.analysis.diagnostics.rung_correlation import (
    COLUMNS,
    correlate,
    rung_correlations,
    spearman,
    spearman_interval,
)
from bohb_study.errors import StudyError

Trial = tuple[str, list[tuple[int, float]], str]
"""(configuration, (level, loss) of each report, decision on the last)."""
FULL: list[Trial] = [
    (f"c{i}", [(1, float(first)), (2, 9.0), (3, float(i))], "end")
    for i, first in enumerate([2, 1, 3, 5, 4])
]


def cell(trials: list[Trial], *, method: str = "random", model: bool | None = None) -> pd.DataFrame:
    rows = [
        {"trial": number, "config_id": config, "level": level, "val_loss": loss}
        | {"decision": last if (level, loss) == reports[-1] else "continue"}
        for number, (config, reports, last) in enumerate(trials)
        for level, loss in reports
    ]
    frame = pd.DataFrame(rows).assign(task="toy", method=method, seed=0, status="ok")
    model_based = pd.array([pd.NA if model is None else model] * len(frame), dtype="boolean")
    return frame.assign(seq=range(len(frame)), model_based=model_based)


def only(frame: pd.DataFrame, rungs: tuple[int, ...] = (1, 3)) -> dict[str, object]:
    (row,) = rung_correlations(frame, {"toy": rungs}).to_dict("records")
    return row


@pytest.mark.parametrize("loss", [np.nan, 1e6, -1e6])
def test_what_failed_ranks_behind_all_that_did_not(loss: float) -> None:
    frame = cell(FULL)
    worst = frame.assign(val_loss=frame["val_loss"].mask(frame["trial"] == 0, 1e9))
    failed = frame.assign(
        val_loss=frame["val_loss"].mask(frame["trial"] == 0, loss),
        status=frame["status"].mask(frame["trial"] == 0, "diverged"),
    )
    assert only(failed) == pytest.approx(only(worst), nan_ok=True)


def test_golden_correlations_of_rungs_alone() -> None:
    row = only(cell(FULL))
    losses = ([2, 1, 3, 5, 4], [0, 1, 2, 3, 4])
    assert row["spearman"] == pytest.approx(spearmanr(*losses).statistic)
    assert row["kendall"] == pytest.approx(kendalltau(*losses).statistic)
    assert (row["lower"], row["upper"], row["reached"], row["both"]) == (1, 3, 5, 5)
    assert not row["selected"]
    assert not row["off_ledger"]


def test_each_pair_of_rungs_that_any_configuration_reached() -> None:
    found = rung_correlations(cell(FULL), {"toy": (1, 2, 3, 9)})
    assert tuple(found.columns) == COLUMNS
    assert list(zip(found["lower"], found["upper"], strict=True)) == [(1, 2), (1, 3), (2, 3)]
    assert found["spearman"].isna().tolist() == [True, False, True]  # level 2 is constant


@pytest.mark.parametrize("decision", ["stop", "pause"])
def test_a_trial_that_was_dropped_makes_the_sample_a_selected_one(decision: str) -> None:
    row = only(cell([*FULL, ("c9", [(1, 9.0)], decision)]))
    assert (row["reached"], row["both"], row["selected"]) == (6, 5, True)


def test_the_last_decision_says_whether_a_trial_was_dropped() -> None:
    frame = cell([*FULL, ("c9", [(1, 9.0), (2, 9.0)], "stop")])
    assert only(frame)["selected"]
    paused = cell(FULL)
    paused.loc[paused["level"] == 1, "decision"] = "pause"  # and went on later
    assert not only(paused)["selected"]


def test_one_that_the_budget_cut_off_does_not() -> None:
    row = only(cell([*FULL, ("c9", [(1, 9.0)], "end")]))
    assert (row["reached"], row["both"], row["selected"]) == (6, 5, False)


def test_what_a_model_picks_is_selected() -> None:
    assert only(cell(FULL, model=True))["selected"]
    assert not only(cell(FULL, model=False))["selected"]


def test_a_configuration_counts_once() -> None:
    again: list[Trial] = [FULL[0]] * 7
    ladder = {"toy": (1, 3)}
    pd.testing.assert_frame_equal(
        rung_correlations(cell([*FULL, *again]), ladder), rung_correlations(cell(FULL), ladder)
    )
    # dropped in one trial and finished in another: it did reach both rungs
    assert not only(cell([("c0", [(1, 2.0)], "stop"), *FULL]))["selected"]


def test_too_few_configurations_have_no_correlation() -> None:
    assert np.isnan(only(cell(FULL[:3]))["spearman"])
    assert np.isfinite(only(cell(FULL[:4]))["spearman"])


def test_the_order_of_rows_changes_nothing() -> None:
    frame = pd.concat([cell(FULL), cell(FULL[:4], method="asha")])
    shuffled = frame.sample(frac=1, random_state=1)
    ladder = {"toy": (1, 3)}
    pd.testing.assert_frame_equal(
        rung_correlations(frame, ladder), rung_correlations(shuffled, ladder)
    )


def test_a_task_without_rungs_is_named() -> None:
    with pytest.raises(StudyError, match="task toy"):
        rung_correlations(cell(FULL), {})
    assert rung_correlations(cell(FULL), {"toy": (3,)}).empty


losses = arrays(np.float64, 8, elements=st.integers(-3, 3).map(float))


@given(losses, losses)
def test_as_scipy_with_ties(x: np.ndarray, y: np.ndarray) -> None:
    got = correlate(x, y)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(got).all()
        assert np.isnan(spearman(x, y))
        return
    assert got.spearman == pytest.approx(spearmanr(x, y).statistic)
    assert got.kendall == pytest.approx(kendalltau(x, y).statistic)
    assert correlate(y, x) == pytest.approx(got)
    assert correlate(2 * x, y) == pytest.approx(got)
    assert correlate(-x, y) == pytest.approx((-got.spearman, -got.kendall))


def test_the_interval_is_seeded_holds_the_value_and_narrows() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    y = x + rng.normal(size=400)
    low, high = spearman_interval(x, y, 1)
    assert (low, high) == spearman_interval(x, y, 1)
    assert low < correlate(x, y).spearman < high
    few_low, few_high = spearman_interval(x[:40], y[:40], 1)
    assert few_high - few_low > 2 * (high - low)
    assert np.isnan(spearman_interval(x[:3], y[:3], 1)).all()
