import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.analysis.incumbents.rules import RULES
from bohb_study.analysis.incumbents.step_functions import StepFunction
from bohb_study.analysis.incumbents.traces import incumbent, traces
from bohb_study.errors import StudyError, UsageError

Cell = Callable[..., pd.DataFrame]
TOPS = {"toy": 9}
REPORTS = st.lists(
    st.tuples(st.sampled_from([1, 3, 9]), st.integers(0, 5).map(float)), min_size=1, max_size=10
)


@settings(max_examples=40)
@given(REPORTS, st.sampled_from(sorted(RULES)))
def test_they_are_the_incumbents(cell: Cell, reports: list[tuple[int, float]], rule: str) -> None:
    frame = cell(reports, true=[loss + 10 for _, loss in reports])
    ((_, own),) = traces(frame.sample(frac=1, random_state=0), TOPS, rule)  # type: ignore[arg-type]
    expected = incumbent(frame, rule, 9)  # type: ignore[arg-type]
    np.testing.assert_array_equal(own.steps().y, expected["value"])
    np.testing.assert_array_equal(own.steps().x, expected["full_evals"])


def test_the_main_rule_is_each_tasks_own(cell: Cell) -> None:
    known = cell([(1, 0.5)], task="known", true=[0.7])
    unknown = cell([(1, 0.5), (9, 0.6)], task="unknown")
    first, second = traces(pd.concat([known, unknown]), {"known": 9, "unknown": 9})
    assert first[1].value.tolist() == [0.7]
    np.testing.assert_array_equal(second[1].value, [np.nan, 0.6])


def test_a_failed_report_is_no_result(cell: Cell) -> None:
    ((_, own),) = traces(cell([(9, 1e6), (9, 0.3)], status=["failed", "ok"]), TOPS)
    np.testing.assert_array_equal(own.value, [np.nan, 0.3])


def test_seconds_and_larger_budgets_have_their_own_axes(cell: Cell) -> None:
    frame = cell([(9, 1.0), (9, 0.5)], seconds=[7.0, 8.0], method="random-2x")
    ((_, own),) = traces(frame, TOPS)
    assert own.steps("virtual_seconds", 2).x.tolist() == [3.5, 4.0]
    assert own.steps(factor=2).x.tolist() == [0.5, 1.0]


def test_the_first_time_is_that_of_the_running_minimum() -> None:
    steps = StepFunction(*np.array([[1, 2, 3, 4], [np.nan, 5, 7, 4.0]]))
    found = steps.first_at_or_below(np.array([7.0, 5.0, 4.5, 3.9, np.nan]))
    assert found.tolist() == [2, 2, 4, np.inf, np.inf]


def test_what_is_held_for_no_time_is_not_reached() -> None:
    """Of two workers that report at second 2, the second takes the first's place."""
    steps = StepFunction(*np.array([[1, 2, 2, 3], [9, 4, 7, 5.0]]))
    assert steps.first_at_or_below(np.array([9.0, 7.0, 5.0, 4.0])).tolist() == [1, 2, 3, np.inf]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"tops": {}}, StudyError, "full evaluation is not known"),
        ({"tops": {"toy": 3}}, StudyError, "above the 3 units"),
        ({"rule": "validated"}, UsageError, "needs true_loss"),
        ({}, UsageError, "virtual seconds are not known"),
    ],
)
def test_what_does_not_fit_is_an_error(
    cell: Cell, change: dict[str, object], error: type[Exception], words: str
) -> None:
    found = traces(cell([(9, 1.0)]), **({"tops": TOPS} | change))  # type: ignore[arg-type]
    with pytest.raises(error, match=words):
        next(found)[1].steps("virtual_seconds")


def test_the_last_bit_of_a_target_does_not_decide_whether_it_is_reached() -> None:
    x = np.array([1.0, 2.0, 3.0])
    cell = StepFunction(x, np.array([np.nan, 0.3, 0.2]))
    levels = [math.nextafter(0.3, 0), 0.3, math.nextafter(0.3, 1), 0.299999, 0.1, np.nan]
    assert cell.first_at_or_below(np.array(levels)).tolist() == [2.0, 2.0, 2.0, 3.0, np.inf, np.inf]


def test_a_target_is_held_from_where_it_is_never_lost_again() -> None:
    steps = StepFunction(*np.array([[1, 2, 3, 4, 5], [np.nan, 5, 7, 4.0, 6.0]]))
    levels = np.array([9.0, 7.0, 6.0, 5.0, np.nan])
    assert steps.held_at_or_below(levels).tolist() == [2, 2, 4, np.inf, np.inf]
    assert steps.first_at_or_below(levels).tolist() == [2, 2, 2, 2, np.inf]


def test_where_values_never_rise_first_reached_is_held() -> None:
    steps = StepFunction(np.arange(6.0), np.array([np.nan, 5, 5, 3, 3, 1]))
    levels = np.array([6.0, 5, 4, 3, 2, 1, 0.5])
    np.testing.assert_array_equal(steps.held_at_or_below(levels), steps.first_at_or_below(levels))


def test_what_another_worker_undoes_at_once_is_not_held() -> None:
    steps = StepFunction(*np.array([[1, 2, 2], [9, 4, 7.0]]))
    assert steps.held_at_or_below(np.array([8.0, 5.0])).tolist() == [2, np.inf]
