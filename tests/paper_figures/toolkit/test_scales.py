import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from paper_figures.toolkit import scales


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1))
def test_corners_draw_the_same_step_function(values: list[tuple[int, int]]) -> None:
    x = np.arange(len(values), dtype=float)
    low, high = np.array(values, dtype=float).T
    few, parts = scales.corners(x, low, high)
    assert (few[0], few[-1]) == (x[0], x[-1])
    at = np.searchsorted(few, x, side="right") - 1
    for whole, part in zip((low, high), parts, strict=True):
        np.testing.assert_array_equal(part[at], whole)


def test_from_x_takes_in_the_value_that_holds_at_the_start() -> None:
    x, y = np.array([0.2, 0.8, 1.5]), np.array([9.0, 5.0, 1.0])
    assert scales.from_x(x, y, 1.0).tolist() == [5.0, 1.0]
    assert scales.from_x(x[2:], y[2:], 1.0).tolist() == [1.0]
    assert scales.from_x(x[:0], y[:0], 1.0).tolist() == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.05, 2.3], True),
        ([0.05, 0.09], False),
        ([-1.0, 8.0], False),
        ([0.0, 1.0], False),
        ([], False),
    ],
)
def test_logarithmic_only_where_it_helps(values: list[float], expected: bool) -> None:
    assert scales.wants_log(np.array(values)) is expected


def shown_ticks(low: float, high: float) -> list[str]:
    axes = Figure().add_subplot()
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    scales.plain_log_ticks(axes.xaxis, low, high)
    axes.figure.draw_without_rendering()
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    return [label.get_text() for value, label in ticks if low <= value <= high]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1, 50, ["1", "2", "5", "10", "20", "50"]),
        (81, 324, ["100", "150", "200", "300"]),
        (243, 486, ["250", "300", "400"]),  # no 1, 2 or 5 of a power of ten between
        (900, 2_600_000, ["1 k", "10 k", "100 k", "1 M"]),
        (1e-6, 0.1, ["$10^{-6}$", "$10^{-5}$", "0.0001", "0.001", "0.01", "0.1"]),
    ],
)
def test_ticks_are_plain_numbers(low: float, high: float, expected: list[str]) -> None:
    assert shown_ticks(low, high) == expected


def test_fit_shows_every_value_and_survives_a_regret_of_zero() -> None:
    axes = Figure().add_subplot()
    scales.fit(axes, np.array([0.0, 0.01, 1.0]), log=True)
    low, high = axes.get_ylim()
    assert 0 < low < 0.01 < 1.0 < high
    axes = Figure().add_subplot()
    scales.fit(axes, np.array([0.5, 0.5]), log=False)
    assert axes.get_ylim()[0] < 0.5 < axes.get_ylim()[1]
    scales.fit(axes, np.empty(0), log=True)  # nothing to show is no error
