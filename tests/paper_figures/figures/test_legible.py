"""Text on every page: large enough, within the figure, and numbers of an axis that do not touch."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from paper_figures.figure_study import FigureStudy, Provenance
from paper_figures.figures import anytime, overview, speedup
from paper_figures.toolkit import scales

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]
Illegible = Callable[[Figure], list[str]]
METHODS = ["random", "bohb", "hpbandster-bohb", "gp"]
NAMES = ["hpobench-mlp-phoneme", "nasbench201-cifar100", *(f"counting-ones-{i}" for i in range(11))]
NAMES.insert(5, "hpobench-mlp-segment")  # at the right edge of six columns


@pytest.fixture(scope="module")
def study(make_frame: Frames, make_study: Studies) -> FigureStudy:
    """Fourteen tasks with four methods and one seed, and noise-free losses over many decades."""
    one = make_frame(METHODS, 1, budget=2)
    frames = [
        one.assign(task=name, true_loss=10.0 ** (-2 * i % 5) * one["val_loss"])
        for i, name in enumerate(NAMES)
    ]
    made = make_study(*frames, optimum=0.0)
    return replace(made, tasks=tuple(replace(task, budget=2.0) for task in made.tasks))


def test_all_tasks_at_a_glance_can_be_read(study: FigureStudy, illegible: Illegible) -> None:
    drawn, _ = overview.figure(replace(study, venue="slides"))
    assert illegible(drawn) == []
    assert touching(drawn) == []
    titles = [axes.title.get_window_extent() for axes in drawn.axes]
    assert not any(one.overlaps(other) for one, other in pairwise(titles))
    legend = drawn.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.bbox) for axes in drawn.axes)
    assert legend.y1 < drawn.axes[0].bbox.y0  # in the free end of the last row


def test_speedups_of_many_tasks_can_be_read(study: FigureStudy, illegible: Illegible) -> None:
    drawn, caption = speedup.figure(study)
    assert drawn.axes[5].get_subplotspec().rowspan.start == 1  # five in a row, more than twelve
    assert illegible(drawn) == []
    assert "Rule validated: " in caption


@pytest.mark.parametrize("venue", ["neurips", "slides"])
def test_tasks_side_by_side_can_be_read(
    study: FigureStudy, illegible: Illegible, venue: str
) -> None:
    some = study.of(NAMES[:3], ["bohb", "random"])
    drawn, caption = anytime.figure(replace(some, venue=venue))
    assert illegible(drawn) == []
    assert touching(drawn) == []
    assert {axes.get_subplotspec().rowspan.start for axes in drawn.axes} == {0}
    assert min(axes.bbox.height for axes in drawn.axes) / drawn.dpi > 0.7
    assert [axes.get_ylabel() for axes in drawn.axes] == ["regret", "", ""]
    assert "nasbench201-cifar100, counting-ones-0 (one full evaluation: 27 epochs)." in caption


def test_a_text_that_is_too_small_or_leaves_the_page_is_found(illegible: Illegible) -> None:
    drawn = Figure(figsize=(2, 2))
    drawn.text(0.5, 0.5, "small", fontsize=4.9)
    drawn.text(0.9, 0.2, "outside of it", fontsize=8)
    drawn.text(5, 5, " ")
    assert illegible(drawn) == ["'small': 4.9 pt", "'outside of it': leaves the page"]


def test_ticks_whose_numbers_touch_are_left_out() -> None:
    drawn = Figure(figsize=(2, 1), layout="constrained")
    axes = drawn.add_subplot()
    axes.set_ylabel("regret")
    scales.fit(axes, np.array([0.1, 90.0]), log=True)
    drawn.draw_without_rendering()
    assert touching(drawn)
    scales.thin_ticks(drawn)
    assert touching(drawn) == []
    assert [tick for tick in axes.get_yticks() if tick < 90] == [0.1, 1.0, 10.0]


@given(st.integers(1, 40), st.floats(0.1, 9))
def test_ticks_stand_apart(count: int, width: float) -> None:
    values = 10.0 ** np.arange(count) / 1e6
    places = np.arange(count, dtype=float)
    kept = scales.apart_enough(values, np.stack([places, places + width], axis=1))
    assert set(kept) <= set(values)
    at = np.searchsorted(values, kept)
    assert np.all(np.diff(at) >= width)
    assert kept[:1] == [values[0]]
    assert len(kept) == count if width <= 1 else len(kept) >= count // np.ceil(width)


def test_commits_are_short_in_a_caption() -> None:
    long = Provenance("a-1", f"{'a1' * 20} {'b2' * 20}-dirty", 7)
    assert str(long) == "study a-1, commit a1a1a1a1a1a1 b2b2b2b2b2b2-dirty, 7 rows"


def touching(drawn: Figure) -> list[tuple[str, str]]:
    """Numbers of an axis that overlap by more than the room above their digits."""
    found = []
    for axes in drawn.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            labels = [
                tick.label1
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label1.get_visible()
            ]
            for one, other in pairwise(labels):
                a, b = one.get_window_extent(), other.get_window_extent()
                overlap = min(a.y1, b.y1) - max(a.y0, b.y0)
                if a.x0 < b.x1 and b.x0 < a.x1 and overlap > 0.2 * a.height:
                    found.append((one.get_text(), other.get_text()))
    return found
