"""Rows of panels, a block for each task."""

import pytest
from matplotlib.figure import Figure

from paper_figures.toolkit.panel_grid import Blocks


@pytest.mark.parametrize(
    ("sizes", "most", "columns", "lines"),
    [([4], 4, 4, (1,)), ([5], 4, 3, (2,)), ([5, 2], 4, 3, (2, 1)), ([1, 1], 3, 1, (1, 1))],
)
def test_rows_are_few_and_of_equal_length(
    sizes: list[int], most: int, columns: int, lines: tuple[int, ...]
) -> None:
    found = Blocks.of(sizes, most)
    assert (found.columns, found.lines) == (columns, lines)


def test_a_block_shares_its_axes_and_is_labelled_at_its_edges() -> None:
    drawn = Figure()
    above, below = Blocks.of([5, 2], 3).places(drawn)
    drawn.draw_without_rendering()
    assert len(drawn.axes) == 7
    assert [place.left for place in above] == [True, False, False, True, False]
    assert [place.lowest for place in above] == [False, False, False, True, True]
    for block in (above, below):
        block[0].axes.set_xlim(0, 7)
        block[0].axes.set_ylim(1, 3)
    below[0].axes.set_xlim(0, 4)
    assert {place.axes.get_xlim() for place in above} == {(0, 7)}
    assert {place.axes.get_xlim() for place in below} == {(0, 4)}
    assert {place.axes.get_ylim() for place in above} == {(1, 3)}
    x = [bool(place.axes.xaxis.get_ticklabels()) for place in above]
    y = [bool(place.axes.yaxis.get_ticklabels()) for place in above]
    assert x == [False, False, True, True, True]  # the third has no panel below it
    assert y == [True, False, False, True, False]
    top, bottom = (block[0].axes.get_position() for block in (above, below))
    assert bottom.y1 < top.y0
