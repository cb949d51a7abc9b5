"""A last bit of a number changes no byte of a figure, and nothing that is seen is rounded away."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import matplotlib.collections
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.numbers import stable
from paper_figures.figure_study import FigureStudy
from paper_figures.figures import anytime, bohb_variants, ecdf, learning_curves, ranks, speedup
from paper_figures.tables import final_results_table
from paper_figures.toolkit import save, scales
from paper_figures.toolkit.rounding import settle

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]
METHODS = ["bohb", "hyperband", "random"]
NOISE = 1e-12
"""Relative, and far more than another processor's sums differ by: so much shows in a file where
nothing is rounded."""


@pytest.fixture(scope="module", autouse=True)
def _coarse() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(save, "DPI", 60)
        yield


@pytest.fixture(scope="module")
def study(make_frame: Frames, make_study: Studies) -> FigureStudy:
    """Ten seeds, so that intervals are those of a bootstrap, and what curves need."""
    frame = make_frame(METHODS, 10, budget=4)
    rungs = frame["level"].where(frame["level"].isin([1, 3, 9, 27])).astype("Int64")
    own = make_study(frame.assign(rung=rungs))
    tasks = tuple(replace(task, budget=4.0) for task in own.tasks)
    references = {"digits": Reference(0.04, 1.0, "by hand", 1)}
    return replace(own, tasks=tasks, references=references).with_derived(whole=own.frame)


def disturbed(study: FigureStudy, seed: int) -> FigureStudy:
    """All losses, and all that is computed of them, off by a little."""
    noise = np.random.default_rng(seed).uniform(-NOISE, NOISE, (2, len(study.frame)))
    losses = {
        name: study.frame[name] * (1 + own)
        for name, own in zip(("val_loss", "test_loss"), noise, strict=True)
    }
    frame = study.frame.assign(**losses)
    return replace(study, frame=frame).with_derived(whole=frame)


@pytest.mark.parametrize("draw", [anytime, ranks, ecdf, speedup, learning_curves, bohb_variants])
def test_last_bits_change_no_byte(study: FigureStudy, draw: object) -> None:
    one, other = (
        save.render(*_drawn(own, draw), own.provenance) for own in (study, disturbed(study, 1))
    )
    assert [form for form in one if one[form] != other[form]] == []


def _drawn(study: FigureStudy, draw: object) -> tuple[Figure, str, str]:
    figure, caption = draw.figure(study)  # type: ignore[attr-defined]
    return figure, "one", caption


def test_last_bits_change_no_letter_of_a_table(study: FigureStudy) -> None:
    assert final_results_table.table(study) == final_results_table.table(disturbed(study, 2))


def test_it_would_show_without(study: FigureStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The noise is enough to change a byte: the test above is no empty one."""
    monkeypatch.setattr(save, "settle", lambda figure: None)
    first, second = (
        save.render(*_drawn(one, anytime), one.provenance, ["pdf"])["pdf"]
        for one in (study, disturbed(study, 1))
    )
    assert first != second


def test_a_linear_axis_keeps_what_it_shows_however_far_from_zero() -> None:
    drawn = Figure()
    axes = drawn.add_subplot()
    y = 1e6 + np.array([0.0001, 0.0002, 0.0004])
    (line,) = axes.plot([1.0, 2.0, 3.0], y)
    scales.fit(axes, y, log=False)
    settle(drawn)
    np.testing.assert_allclose(line.get_ydata(), y, atol=1e-9, rtol=0)
    assert len(set(line.get_ydata())) == 3


def test_lines_areas_dots_bars_texts_and_limits_are_all_rounded() -> None:
    third = 1 / 3
    drawn = Figure()
    linear, log = drawn.subplots(1, 2)
    for axes in (linear, log):
        axes.plot([0.1, 1.0 + third], [third, 2 * third])
        axes.fill_between([0.1, 1.0], [third, third], [0.5, 2 * third])
        axes.scatter([third], [third], c=[third])
        axes.barh([third], [third])
        axes.text(third, third, "word")
        axes.annotate("here", (third, third), xytext=(3, 3), textcoords="offset points")
        axes.set_xlim(0.1, 1.0 + third)
        axes.set_ylim(0.1, 1.0 + third)
    log.set_xscale("log")
    log.set_yscale("log")
    settle(drawn)
    for axes in (linear, log):
        assert axes.get_xlim() == axes.get_ylim() == (0.1, pytest.approx(1.33333, abs=1e-5))
        seen = [
            *axes.lines[0].get_ydata(),
            *axes.collections[0].get_paths()[0].vertices[:, 1],
            *np.ravel(axes.collections[1].get_offsets()),
            *axes.patches[0].get_xy(),
            axes.patches[0].get_width(),
            *axes.texts[0].get_position(),
            *axes.texts[1].xy,
        ]
        for value in map(float, seen):
            assert value == pytest.approx(stable(value, 6), abs=1e-12)
    before = _everything(drawn)
    settle(drawn)
    assert before == _everything(drawn)


def _everything(drawn: Figure) -> list[float]:
    found: list[float] = []
    for artist in drawn.findobj():
        if isinstance(artist, Line2D):
            found += np.ravel(artist.get_xydata()).tolist()
        elif isinstance(artist, matplotlib.collections.Collection):
            found += np.concatenate([np.ravel(p.vertices) for p in artist.get_paths()]).tolist()
    return found


def test_a_step_in_the_last_bit_is_no_corner() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    y = np.array([0.3, 0.1 + 0.2, 0.2, 0.2])
    kept, (values,) = scales.corners(x, y)
    assert kept.tolist() == [1.0, 3.0, 4.0]
    assert values.tolist() == [0.3, 0.2, 0.2]
    unknown, _ = scales.corners(x, np.array([np.nan, np.nan, 1.0, 1.0]))
    assert unknown.tolist() == [1.0, 3.0, 4.0]
