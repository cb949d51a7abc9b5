"""What was found by a moment; seed by seed; and thinned frames that say the same."""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.analysis.incumbents.at_moment import incumbent_at, paired_gain, values_of
from bohb_study.analysis.incumbents.compact import compact
from bohb_study.analysis.incumbents.rules import Rule
from bohb_study.analysis.incumbents.traces import incumbent
from bohb_study.errors import StudyError

TOP = 9
LEVELS = (1, 3, 9)


def cell(
    reports: Sequence[tuple[int, float]], method: str = "bohb", seed: int = 0, task: str = "t"
) -> pd.DataFrame:
    """Rows of a cell from (level, loss); each report is paid whole."""
    rows = [
        {
            "task": task,
            "method": method,
            "seed": seed,
            "seq": i,
            "trial": i,
            "config_id": f"c{i}",
            "level": level,
            "units": level,
            "val_loss": loss,
            "test_loss": loss,
            "true_loss": loss + 0.5,
            "status": "ok",
            "virtual_seconds": float(i),
        }
        for i, (level, loss) in enumerate(reports)
    ]
    frame = pd.DataFrame(rows)
    frame["units_total"] = frame["units"].cumsum()
    frame["full_evals"] = frame["units_total"] / TOP
    return frame


REPORTS = [(1, 0.1), (9, 0.8), (9, 0.5), (3, 0.2), (9, 0.6)]


def read(frame: pd.DataFrame, at: Sequence[float], rule: Rule = "full", **more: Any) -> list[float]:
    return incumbent_at(frame, rule, {"t": TOP}, at, **{"budget": 4, **more})["value"].tolist()


def test_a_value_holds_from_its_report_on_and_no_earlier() -> None:
    """Full evaluations: 1/9, 10/9, 19/9, 22/9, 31/9."""
    assert np.isnan(read(cell(REPORTS), [1]))
    assert read(cell(REPORTS), [10 / 9, 2, 19 / 9, 3]) == [0.8, 0.8, 0.5, 0.5]
    assert read(cell(REPORTS), [1, 2], rule="any") == [0.1, 0.1]


def test_what_was_left_of_the_budget_bought_nothing() -> None:
    assert read(cell(REPORTS), [4]) == [0.5]
    with pytest.raises(StudyError, match=r"^cell t/bohb/0: ended at 4 full_evals, before 4.5$"):
        read(cell(REPORTS), [4.5])


def test_reports_are_counted_from_one_whatever_they_cost() -> None:
    assert read(cell(REPORTS), [1, 2, 3, 5], rule="any", count="reports") == [0.1] * 4
    full = read(cell(REPORTS), [1, 2, 3, 5], count="reports")
    assert np.isnan(full[0])
    assert full[1:] == [0.8, 0.5, 0.5]
    with pytest.raises(StudyError, match=r"ended at 5 reports, before 6"):
        read(cell(REPORTS), [6], count="reports")


def test_the_noise_free_loss_of_whoever_a_rule_chose() -> None:
    frame = cell(REPORTS).assign(true_loss=[0.0, 0.1, 0.9, 0.2, 0.3])
    assert read(frame, [2, 3], rule="paper", noise_free=True) == [0.0, 0.0]
    assert read(frame, [2, 3], noise_free=True) == [0.1, 0.9]


def test_gains_are_differences_seed_by_seed() -> None:
    better, worse = [0.1, 0.2, 0.3, 0.4], [0.2, 0.2, 0.5, 0.3]
    frame = pd.concat(
        cell([(9, loss)], method, seed)
        for method, losses in (("bohb", better), ("random", worse))
        for seed, loss in enumerate(losses)
    )
    readings = incumbent_at(frame, "full", {"t": TOP}, [1], 1)
    assert values_of(readings, "t", "random", 1).tolist() == worse
    gain, wins = paired_gain(readings, "t", "bohb", "random", 1, seed=0)
    # the middle two of -0.1, 0, 0.1, 0.2
    assert gain.centre == pytest.approx(0.05)
    assert gain.kind == "range, not an interval"
    assert wins == (1 + 0.5 + 1 + 0) / 4
    back, losses = paired_gain(readings, "t", "random", "bohb", 1, seed=0)
    assert (back.centre, losses) == (pytest.approx(-gain.centre), 1 - wins)


def test_seeds_are_never_dropped() -> None:
    frame = pd.concat([cell([(9, 0.1)], "bohb", 0), cell([(9, 0.2)], "random", 1)])
    readings = incumbent_at(frame, "full", {"t": TOP}, [1], 1)
    with pytest.raises(StudyError, match=r"^t: bohb and random have different seeds$"):
        paired_gain(readings, "t", "bohb", "random", 1, seed=0)
    with pytest.raises(StudyError, match=r"^t/asha: nothing was read at 1$"):
        values_of(readings, "t", "asha", 1)


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.sampled_from(LEVELS), st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5])), min_size=1
    ),
    st.lists(st.tuples(st.sampled_from(LEVELS), st.floats(0, 1)), min_size=1),
)
def test_a_thinned_frame_has_the_same_incumbents(
    one: list[tuple[int, float]], other: list[tuple[int, float]]
) -> None:
    whole = pd.concat([cell(one), cell(other, seed=1)], ignore_index=True)
    is_compact = compact(whole, {"t": TOP})
    assert len(is_compact) <= len(whole)
    for seed, reports in enumerate((one, other)):
        few, all_rows = is_compact[is_compact["seed"] == seed], whole[whole["seed"] == seed]
        assert {0, len(reports) - 1} <= set(few["seq"])
        for rule in get_args(Rule):
            short, full = incumbent(few, rule, TOP), incumbent(all_rows, rule, TOP)
            at = full.iloc[few["seq"].to_numpy()].reset_index(drop=True)
            pd.testing.assert_frame_equal(short, at)
            # and nothing changed where nothing was kept
            changed = full["seq"].fillna(-1).diff().fillna(0).ne(0)
            assert set(np.flatnonzero(changed)) <= set(few["seq"])


def test_thinning_leaves_out_what_changes_nothing() -> None:
    many = cell([(9, 0.5), *[(9, 0.9)] * 50, (9, 0.1), *[(9, 0.9)] * 50])
    assert compact(many, {"t": TOP})["seq"].tolist() == [0, 51, 101]
