from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb_study.analysis.comparisons.targets import LEVELS, reached, reached_spread, runtimes
from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.errors import StudyError

Cell = Callable[..., pd.DataFrame]
TOPS = dict.fromkeys(("toy", "mfh3", "mfh3-good"), 9)
ONE = Reference(0.0, 1.0, "by hand", 1)
LOSSES = st.lists(st.integers(0, 9).map(lambda loss: loss / 8), min_size=1, max_size=6)


def times(frame: pd.DataFrame, reference: Reference = ONE, **more: object) -> pd.DataFrame:
    references = dict.fromkeys(frame["task"], reference)
    return runtimes(frame, TOPS, references, **more)  # type: ignore[arg-type]


def test_the_levels_are_51_from_the_median_to_a_hundredth() -> None:
    assert len(LEVELS) == 51
    assert (LEVELS[0], LEVELS[25], LEVELS[-1]) == pytest.approx((1.0, 0.1, 0.01))


def test_runtimes_by_hand(cell: Cell) -> None:
    levels = np.array([1.0, 0.5, 0.1])
    frame = cell([(9, 2.0), (9, 1.0), (9, 0.3)])
    assert times(frame, levels=levels)["runtime"].tolist() == [2, 3, np.inf]
    larger_budget = times(frame, levels=levels, larger_budgets={"random": 2})
    assert larger_budget["runtime"].tolist() == [1, 1.5, np.inf]


def test_families_count_alike_and_tasks_in_them(cell: Cell) -> None:
    frame = pd.concat(
        [
            cell([(9, 0.0)], task="toy"),
            cell([(9, 5.0), (9, 0.0)], task="mfh3"),
            cell([(9, 5.0)], task="mfh3-good", seed=0),
            cell([(9, 5.0), (9, 5.0), (9, 0.0)], task="mfh3-good", seed=1),
        ]
    )
    found = reached(times(frame))
    assert found["x"].tolist() == [1, 2, 3]
    assert found["share"].tolist() == pytest.approx([0.5, 0.75, 0.875])


def test_what_is_never_reached_never_counts(cell: Cell) -> None:
    assert reached(times(cell([(9, 2.0)]))).empty
    half = reached(times(cell([(9, 0.1)])))  # levels 1 to 0.1 are 26 of 51
    assert half["share"].tolist() == pytest.approx([26 / 51])


def test_without_references_or_cells_it_stops(cell: Cell) -> None:
    frame = pd.concat(
        [cell([(9, 1.0)], seed=s, method=m) for s, m in ((0, "a"), (1, "a"), (0, "b"))]
    )
    with pytest.raises(StudyError, match="there are no targets"):
        runtimes(frame, TOPS, {})
    with pytest.raises(StudyError, match="missing cells: toy/b/1"):
        times(frame)


@settings(max_examples=12)
@given(LOSSES, LOSSES, LOSSES)
def test_shares_are_a_methods_own_and_of_no_unit(
    cell: Cell, a: list[float], b: list[float], c: list[float]
) -> None:
    one, two = (cell([(9, x) for x in losses], seed=i) for i, losses in enumerate((a, b)))
    frame = pd.concat([one, two])
    expected = reached(times(frame))
    assert expected["share"].is_monotonic_increasing
    swapped = pd.concat([one.assign(seed=1), two.assign(seed=0)])
    pd.testing.assert_frame_equal(reached(times(swapped)), expected)
    doubled = times(frame.assign(val_loss=2 * frame["val_loss"]), Reference(0.0, 2.0, "", 1))
    pd.testing.assert_frame_equal(reached(doubled), expected)
    more = [cell([(9, x) for x in c], seed=seed, method="asha") for seed in (0, 1)]
    found = reached(times(pd.concat([frame, *more])))
    mine = found[found["method"] == "random"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, expected)


def test_the_spread_is_of_the_seeds_own_shares(cell: Cell) -> None:
    """Ranges by hand, and an interval around the share that lies within it."""
    at = np.array([0.5, 1.0, 2.0, 3.0])
    few = pd.concat([cell([(9, 5.0), (9, 0.0)], seed=0), cell([(9, 0.0)], seed=1)])
    found = reached_spread(times(few), at, 0)
    assert found.kind == "range, not an interval"
    assert (found.low.tolist(), found.high.tolist()) == ([0, 0, 1, 1], [0, 1, 1, 1])
    losses = np.random.default_rng(5).random((10, 3)).tolist()
    many = pd.concat([cell([(9, loss) for loss in own], seed=s) for s, own in enumerate(losses)])
    found = reached_spread(times(many), at, 0)
    steps = reached(times(many)).set_index("x")["share"]
    assert found.kind == "95 % interval"
    assert (found.low[0], found.high[0]) == (0, 0)
    for low, high, share in zip(found.low[1:], found.high[1:], steps.loc[at[1:]], strict=True):
        assert 0 < low < share < high < 1


def test_a_target_counts_from_where_it_is_held_or_from_its_first_touch(cell: Cell) -> None:
    frame = cell([(9, 2.0), (9, 1.0), (9, 0.9)], true=[0.3, 0.6, 0.05])
    levels = np.array([1.0, 0.5, 0.1])
    assert times(frame, levels=levels)["runtime"].tolist() == [1, 3, 3]
    assert times(frame, levels=levels, held=False)["runtime"].tolist() == [1, 1, 3]
