from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bohb_study.analysis.incumbents.step_functions import StepFunction
from bohb_study.analysis.statistics.bootstrap import resampled_counts
from bohb_study.errors import StudyError, UsageError
from paper_figures.figure_study import FigureStudy
from paper_figures.figures import scaling_data
from paper_figures.figures.scaling import figure, ideal, shades
from paper_figures.figures.scaling_data import _reached, _time, scaling

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]


@pytest.fixture(scope="module")
def studies(make_frame: Frames, make_study: Studies) -> list[FigureStudy]:
    """Four workers are exactly four times as fast; but random has none that ends early."""
    frame = make_frame(["random", "bohb", "asha"], 3, budget=10)
    fast = frame.assign(virtual_seconds=frame["virtual_seconds"] / 4)
    never = fast.assign(
        val_loss=fast["val_loss"].where((fast["method"] != "asha") | (fast["seed"] == 0), 9.0)
    )
    return [make_study(never, workers=4), make_study(frame)]


def test_the_target_is_what_random_ends_with_on_the_fewest_workers(
    studies: list[FigureStudy],
) -> None:
    shown = scaling(studies)
    assert list(shown.panels) == [1, 4]
    own = studies[1].frame
    full = own[(own["method"] == "random") & (own["level"] == 27)]
    assert shown.target == pytest.approx(full.groupby("seed")["val_loss"].min().mean())


def test_times_are_of_the_first_value_at_or_below_the_target(studies: list[FigureStudy]) -> None:
    shown = scaling(studies)
    one, four = shown.reached["bohb"]
    assert (one.workers, four.workers, one.n) == (1, 4, 3)
    assert four.seconds == pytest.approx(one.seconds / 4)
    rows = studies[1].frame
    below = rows[
        (rows["method"] == "bohb") & (rows["level"] == 27) & (rows["val_loss"] <= shown.target)
    ]
    first = below.groupby("seed")["virtual_seconds"].min().reindex(range(3), fill_value=np.inf)
    assert one.seconds == sorted(first)[1]
    assert (one.low, one.high) == (first.min(), first.max())
    assert shown.reached["asha"][1].never == 2
    assert shown.reached["asha"][1].seconds == np.inf


def test_many_seeds_have_an_interval_that_never_reached_seeds_widen() -> None:
    times, all_of_them = np.arange(1.0, 21.0), np.ones(20, dtype=bool)
    some = _reached(4, times, all_of_them, 0)
    assert some.seconds == 10.0
    assert 1 < some.low < 10 < some.high < 20
    less = _reached(4, np.minimum(times, 9.5), times < 10, 0)
    assert (less.seconds, less.high, less.never) == (np.inf, np.inf, 11)
    assert less.low < 10
    assert _reached(4, times[::-1].copy(), all_of_them, 0) == some
    # who left early says nothing of later: of the other ten the middle one decides
    early = _reached(4, np.where(times % 2 == 0, 0.5, times), times % 2 == 1, 0)
    assert (early.seconds, early.never) == (9.0, 10)


def test_the_order_of_the_seeds_changes_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    few = resampled_counts(20, 0)[:5]  # of many resamples the ends would move too little to tell
    monkeypatch.setattr(scaling_data, "resampled_counts", lambda *_: few)
    times = np.arange(1.0, 21.0)
    expected = _reached(4, times, times < 15, 0)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(20)
        assert _reached(4, times[order], times[order] < 15, 0) == expected


def test_a_run_is_censored_where_it_ends() -> None:
    x, y = np.array([1.0, 2.0, 5.0, 9.0]), np.array([np.nan, 3.0, 2.0, 2.5])
    cell = StepFunction(x, y)
    # 2.0 is reached at 5 and lost again
    assert _time(cell, 2.0) == (9.0, False)
    assert _time(cell, 2.5) == (5.0, True)
    assert _time(cell, 1.0) == (9.0, False)
    assert _time(replace(cell, y=y * np.nan), 1.0) == (9.0, False)
    never = _reached(4, np.arange(10.0), np.zeros(10, dtype=bool), 0)
    assert (never.seconds, never.low, never.high, never.never) == (np.inf, np.inf, np.inf, 10)


def test_one_panel_a_method_and_one_with_the_times(studies: list[FigureStudy]) -> None:
    shown = scaling(studies)
    drawn, caption = figure(studies)
    *panels, last = drawn.axes
    assert [axes.get_title() for axes in panels] == ["BOHB", "ASHA", "Random"]
    lines = {str(line.get_label()): line for line in panels[0].get_lines()}
    assert {"_workers/1", "_workers/4", "_target"} <= set(lines)
    assert lines["_workers/4"].get_drawstyle() == "steps-post"
    curves = next(c for c in shown.panels[4].data.curves if c.method == "bohb")
    assert np.asarray(lines["_workers/4"].get_ydata())[-1] == curves.over_seeds.centre[-1]
    assert lines["_workers/4"].get_linewidth() > lines["_workers/1"].get_linewidth()
    times = {str(line.get_label()): line for line in last.get_lines()}
    assert np.asarray(times["_time/bohb"].get_ydata()).tolist() == [
        one.seconds for one in shown.reached["bohb"]
    ]
    assert len(np.asarray(times["_time/asha"].get_xdata())) == 1  # with four it never arrives
    start = ideal(shown)
    assert start is not None
    assert np.asarray(times["_ideal"].get_ydata()).tolist() == [start.seconds, start.seconds / 4]
    assert "ASHA with 4: 2 of 3 seeds" in caption
    assert caption.count("compare-1a2b3c4d") == 2


def test_more_workers_are_darker() -> None:
    shade = shades("bohb", 4)
    brightness = [sum(int(color[i : i + 2], 16) for i in (1, 3, 5)) for color in shade]
    assert brightness == sorted(brightness, reverse=True)


def test_what_does_not_fit_is_an_error(studies: list[FigureStudy]) -> None:
    four, one = studies
    with pytest.raises(StudyError, match="studies with 1 workers"):
        scaling([one])
    with pytest.raises(StudyError, match="each with another number"):
        scaling([one, one])
    other = replace(
        four, frame=four.frame.assign(task="x"), tasks=(replace(four.tasks[0], name="x"),)
    )
    with pytest.raises(StudyError, match="no task is in all"):
        scaling([one, other])
    with pytest.raises(StudyError, match="no result of random"):
        scaling([study.of(methods=["bohb"]) for study in studies])
    unknown = replace(four, frame=four.frame.assign(virtual_seconds=np.nan))
    with pytest.raises(UsageError, match="no virtual seconds"):
        scaling([one, unknown])
