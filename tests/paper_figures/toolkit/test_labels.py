import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from paper_figures.toolkit.labels import End, apart, end_labels, fit

PLACES = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0.5, 20)), min_size=1, max_size=12)


@given(PLACES)
def test_labels_do_not_overlap_and_keep_their_order(labels: list[tuple[float, float]]) -> None:
    wanted, heights = np.array(labels).T
    order = np.argsort(wanted, kind="stable")
    placed, tall = apart(wanted, heights)[order], heights[order]
    assert np.all(np.diff(placed) >= (tall[1:] + tall[:-1]) / 2 - 1e-9)


@given(PLACES)
def test_labels_that_collide_with_none_stay(labels: list[tuple[float, float]]) -> None:
    wanted, heights = np.array(labels).T
    free = wanted[0] + np.arange(len(heights)) * (heights.max() + 0.1)
    np.testing.assert_allclose(apart(free, heights), free)


@given(PLACES)
def test_labels_move_as_little_as_may_be(labels: list[tuple[float, float]]) -> None:
    wanted, heights = np.array(labels).T
    placed = apart(wanted, heights)
    assert placed.mean() == pytest.approx(wanted.mean(), abs=1e-6)  # each group about its middle
    np.testing.assert_allclose(apart(placed, heights), placed, atol=1e-6)


@given(PLACES)
def test_labels_stay_between_the_bounds_where_they_fit(labels: list[tuple[float, float]]) -> None:
    wanted, heights = np.array(labels).T
    room = heights.sum()
    placed = apart(wanted, heights, 0.0, room + 1)
    assert (placed - heights / 2).min() >= -1e-9
    assert (placed + heights / 2).max() <= room + 1 + 1e-9
    tight = apart(wanted, heights, 0.0, room - 0.4)  # sticks out alike at either end
    assert (tight - heights / 2).min() == pytest.approx(-0.2, abs=1e-6)


def test_two_that_want_one_place_are_spread_about_it() -> None:
    assert apart(np.array([5.0, 5.0, 50.0]), np.array([2.0, 4.0, 1.0])).tolist() == [3.5, 6.5, 50.0]
    assert apart(np.empty(0), np.empty(0)).tolist() == []


def test_names_stand_at_the_ends_and_inside_the_page() -> None:
    drawn = Figure(figsize=(5.5, 2.5), layout="constrained")
    axes = drawn.add_subplot()
    axes.set_xlim(1, 10)
    axes.set_ylim(0, 1)
    ends = [End("bohb", 0.2, x=8.0), End("random", 0.9), End("hpbandster-hyperband", 3.0)]
    assert ends[2].name == "HpBandSter-\nHyperband"
    drawn.draw_without_rendering()
    assert fit(axes, ends)
    end_labels(axes, ends)
    drawn.draw_without_rendering()
    boxes = {t.get_label(): t.get_window_extent() for t in axes.texts}
    for box in boxes.values():
        assert axes.bbox.x1 < box.x0 < box.x1 <= drawn.bbox.x1
    middle = (boxes["_end/bohb"].y0 + boxes["_end/bohb"].y1) / 2
    assert middle == pytest.approx(axes.transData.transform((1, 0.2))[1], abs=2)
    assert boxes["_end/random"].y1 <= boxes["_end/hpbandster-hyperband"].y0 + 1  # at the edge
    assert boxes["_end/hpbandster-hyperband"].y1 <= axes.bbox.y1 + 2
    assert any(line.get_xdata()[0] == 8.0 for line in axes.get_lines())  # on from where it ended


def test_too_many_or_too_wide_names_do_not_fit() -> None:
    drawn = Figure(figsize=(5.5, 2.0))
    axes = drawn.add_subplot()
    assert fit(axes, [End("bohb", 1.0)] * 8)
    assert not fit(axes, [End("bohb", 1.0)] * 20)
    narrow = Figure(figsize=(1.5, 2.0)).add_subplot()
    assert not fit(narrow, [End("hpbandster-bohb", 1.0)])
