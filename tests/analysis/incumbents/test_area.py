from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.analysis.incumbents.area import areas, log_mean
from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.errors import StudyError

Cell = Callable[..., pd.DataFrame]
TOPS = {"toy": 9}
REFERENCES = {"toy": Reference(1.0, 3.0, "by hand", 1)}
LOSSES = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=8)


def area(frame: pd.DataFrame, budget: float, **more: object) -> list[float]:
    found = areas(frame, TOPS, {"toy": budget}, REFERENCES, **more)  # type: ignore[arg-type]
    return list(found["area"])


def test_closed_forms(cell: Cell) -> None:
    e = np.e
    assert area(cell([(9, 3.0)] * 4), 4) == [1.0]
    assert area(cell([(9, 1.0)] * 4), 4) == [0.0]
    # loss 5 is 2 until 2, then loss 2 is 0.5 until 4, where the budget ends: halves on a log axis
    assert area(cell([(9, 5.0), (9, 2.0)]), 4) == pytest.approx([1.25])
    assert log_mean(np.array([e]), np.array([0.0]), 1, e**2) == pytest.approx(0.5)
    assert log_mean(np.array([2.0, 2.0]), np.array([9.0, 0.0]), 1, 4) == pytest.approx(0.5)


def test_undefined_counts_as_the_median_random_configuration(cell: Cell) -> None:
    assert area(cell([(1, 0.0), (9, 1.0)], units=[9, 9]), 4) == pytest.approx([0.5])
    failed = cell([(9, 1e6), (9, 1.0)], status=["diverged", "ok"])
    assert area(failed, 4) == pytest.approx([0.5])


def test_nothing_is_clipped_and_nothing_beyond_the_budget_counts(cell: Cell) -> None:
    assert area(cell([(9, 0.0)]), 4) == [-0.5]
    assert area(cell([(9, 3.0), (9, 5.0), (9, 0.0)]), 2) == pytest.approx([1.0])


def test_yardsticks_and_tasks_without_a_reference_are_left_out(cell: Cell) -> None:
    frame = pd.concat([cell([(9, 3.0)]), cell([(9, 1.0)], method="random-2x")])
    assert area(frame, 4, larger_budgets=["random-2x"]) == [1.0]
    with pytest.raises(StudyError, match="no task has a reference"):
        areas(frame, TOPS, {"toy": 4}, {})
    with pytest.raises(StudyError, match="no curve"):
        area(frame, 1)
    with pytest.raises(StudyError, match="missing cells: toy/asha/1"):
        area(pd.concat([cell([(9, 1.0)], seed=1), cell([(9, 1.0)], method="asha"), frame]), 4)


@settings(max_examples=20)
@given(LOSSES, LOSSES)
def test_it_is_a_cells_own_and_of_no_unit(cell: Cell, a: list[float], b: list[float]) -> None:
    frame = cell([(9, loss) for loss in a])
    both = pd.concat([frame, cell([(9, loss) for loss in b], method="asha")])
    assert area(both, 20)[1:] == area(frame, 20)
    doubled = {"toy": Reference(2.0, 6.0, "by hand", 1)}
    twice = areas(both.assign(val_loss=2 * both["val_loss"]), TOPS, {"toy": 20}, doubled)
    assert list(twice["area"]) == area(both, 20)
