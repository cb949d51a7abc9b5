from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bohb_study.analysis.comparisons.targets import reached, runtimes
from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.ecdf import figure
from paper_figures.figures.ecdf_data import panels

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]
METHODS = ["random", "bohb", "asha"]
ONE = Reference(0.05, 1.2, "by hand", 100)


@pytest.fixture(scope="module")
def study(make_frame: Frames, make_study: Studies) -> FigureStudy:
    frames = [make_frame(METHODS, 2, task=task, budget=8) for task in ("digits", "two")]
    frames.append(make_frame(["random", "bohb"], 2, task="single", budget=8))
    frames.append(make_frame(["bohb"], 1, task="unknown", budget=2))
    own = make_study(*frames, references=dict.fromkeys(("digits", "two", "single"), ONE))
    return replace(own, tasks=tuple(replace(task, budget=8.0) for task in own.tasks))


def test_tasks_with_the_same_methods_share_a_panel(study: FigureStudy) -> None:
    three, two = panels(study)
    assert [task.name for task in three.group.tasks] == ["digits", "two"]
    assert three.group.methods == ("bohb", "asha", "random")
    assert three.group.title == "2 tasks of 2 families, 3 methods"
    assert two.group.title == "single"
    assert three.x_label == "full evaluations"


def test_a_curve_is_the_share_that_was_reached(study: FigureStudy) -> None:
    panel = panels(study)[0]
    known = study.frame[study.frame["task"].isin(["digits", "two"])]
    expected = reached(runtimes(known, {"digits": 27, "two": 27}, study.references))
    for curve in panel.curves:
        own = expected[expected["method"] == curve.method]
        assert (curve.x[0], curve.x[-1]) == (1, 8)
        at_first = own.loc[own["x"] <= 1, "share"].max() if (own["x"] <= 1).any() else 0
        assert curve.share[0] == at_first
        assert curve.share[-1] == own["share"].iloc[-1]
        inside = own[(own["x"] > 1)]
        np.testing.assert_array_equal(curve.x[1:-1], inside["x"])
        np.testing.assert_array_equal(curve.share[1:-1], inside["share"])


def test_different_budgets_are_shown_as_shares(study: FigureStudy) -> None:
    digits, two, *rest = study.tasks
    panel = panels(replace(study, tasks=(digits, replace(two, budget=16.0), *rest)))[0]
    assert panel.x_label == "share of the budget"
    assert (panel.curves[0].x[0], panel.curves[0].x[-1]) == (1 / 8, 1)
    for curve, same in zip(panel.curves, panels(study)[0].curves, strict=True):
        assert curve.share[-1] == pytest.approx(same.share[-1])  # a share of 1 is the end of each


def test_several_workers_are_shown_on_seconds(study: FigureStudy) -> None:
    one = replace(study.of(["digits"]), workers=4)
    assert panels(one)[0].x_label == "virtual seconds, 4 workers"
    with pytest.raises(StudyError, match="no common axis"):
        panels(replace(study, workers=4))


def test_a_larger_budget_is_drawn_at_the_multiple_of_its_cost(
    study: FigureStudy, make_frame: Frames
) -> None:
    twice = make_frame(["random"], 2, task="digits", budget=8).assign(method="random-2x")
    digits = study.of(["digits"])
    both = replace(
        digits,
        frame=pd.concat([digits.frame, twice], ignore_index=True),
        larger_budgets={"random-2x": 2},
    )
    curves = {curve.method: curve for curve in panels(both)[0].curves}
    last = curves["random"].x[-2]  # before the end of the axis, where both hold
    assert curves["random-2x"].x[-2] == pytest.approx(last / 2)


def test_what_is_drawn_is_that_data_with_names_at_the_ends(study: FigureStudy) -> None:
    drawn, caption = figure(study)
    for axes, panel in zip(drawn.axes, panels(study), strict=True):
        lines = {str(line.get_label()): line for line in axes.get_lines()}
        for curve in panel.curves:
            line = lines[f"_share/{curve.method}"]
            assert line.get_drawstyle() == "steps-post"
            assert np.asarray(line.get_ydata())[[0, -1]].tolist() == curve.share[[0, -1]].tolist()
            at_band = curve.share[np.searchsorted(curve.x, curve.at, side="right") - 1]
            assert curve.spread is not None
            assert (curve.spread.low <= at_band + 1e-12).all()
            assert (at_band <= curve.spread.high + 1e-12).all()
        bands = {str(band.get_label()) for band in axes.collections}
        assert bands == {f"_spread/{curve.method}" for curve in panel.curves}
        names = {text.get_text() for text in axes.texts}
        assert names == {"BOHB", "ASHA", "Random"} - ({"ASHA"} if axes is drawn.axes[1] else set())
    drawn.draw_without_rendering()
    for text in (t for axes in drawn.axes for t in axes.texts):
        assert text.get_window_extent().x1 <= drawn.bbox.x1
    for words in (
        "51 targets",
        "By hand.",
        "Band: range of the seeds, not an interval.",
        "Not shown, having no reference: unknown",
        "abc1234",
    ):
        assert words in caption


def test_without_references_there_is_nothing_to_draw(study: FigureStudy) -> None:
    with pytest.raises(StudyError, match="no task has a reference"):
        figure(replace(study, references={}))


def test_first_touches_have_a_panel_where_values_may_rise(study: FigureStudy) -> None:
    """Noise-free losses of random search here rise again after every second report."""
    frame = study.frame.assign(true_loss=study.frame["val_loss"] + study.frame["seq"] % 2 / 10)
    held, first, *rest = panels(replace(study, frame=frame))
    assert held.group.title == first.group.title
    assert (held.held, first.held) == (True, False)
    assert [panel.held for panel in rest] == [True, False]
    for own, touched in zip(held.curves, first.curves, strict=True):
        moments = np.array([2.0, 4.0, 8.0])
        shares = [
            curve.share[np.searchsorted(curve.x, moments, side="right") - 1]
            for curve in (own, touched)
        ]
        assert (shares[0] <= shares[1]).all()
    drawn, caption = figure(replace(study, frame=frame))
    titles = [axes.get_title() for axes in drawn.axes]
    assert titles[0].endswith(": reached and held")
    assert titles[1].endswith(": first reached, be it lost again")
    assert "Below: from its first touch on, be it lost again." in caption
    assert all(panel.held for panel in panels(study))


def test_tasks_at_unequal_spend_are_left_out(study: FigureStudy) -> None:
    digits, *rest = study.tasks
    uneven = replace(study, tasks=(replace(digits, spent={"asha": 0.5, "bohb": 1.0}), *rest))
    assert [task.name for panel in panels(uneven) for task in panel.group.tasks] == [
        "two", "single",
    ]  # fmt: skip
    _, caption = figure(uneven)
    assert "Left out, for unequal spend of the budget: digits (asha 50 %)." in caption
    with pytest.raises(StudyError, match="nothing to compare: unequal spend"):
        panels(uneven.of(["digits"]))
