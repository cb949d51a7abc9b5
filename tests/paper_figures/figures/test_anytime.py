from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from bohb_study.analysis import anytime
from bohb_study.errors import StudyError, UsageError
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.anytime import figure
from paper_figures.figures.anytime_data import panels
from paper_figures.toolkit import style

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]
METHODS = ["grid", "random", "asha", "bohb"]
TOP = 27


def lines(axes: Axes, start: str) -> dict[str, np.ndarray]:
    """x and y of the lines whose name begins so."""
    found = {str(line.get_label()): line for line in axes.get_lines()}
    found = {name: line for name, line in found.items() if name.startswith(start)}
    assert all(line.get_drawstyle() == "steps-post" for line in found.values())
    return {name: np.array(line.get_data()) for name, line in found.items()}


def named(axes: Axes) -> dict[str, str]:
    """The names at the ends of the lines, from top to bottom, by method."""
    found = [text for text in axes.texts if str(text.get_label()).startswith("_end/")]
    found.sort(key=lambda text: -text.get_position()[1])
    return {str(text.get_label())[5:]: text.get_text() for text in found}


def said(drawn: Figure) -> str:
    """What stands above all panels."""
    if drawn.legends:
        return str(drawn.legends[0].get_title().get_text())
    return str(drawn.get_suptitle())


def spread(axes: Axes, method: str) -> PolyCollection:
    return next(c for c in axes.collections if c.get_label() == f"_spread/{method}")


@pytest.fixture(scope="module")
def frame(make_frame: Frames) -> pd.DataFrame:
    return make_frame(METHODS, 3, budget=20)


@pytest.fixture(scope="module")
def drawn(frame: pd.DataFrame, make_study: Studies) -> tuple[Figure, str]:
    return figure(make_study(frame))


def test_real_training_is_shown_under_full_and_highest(drawn: tuple[Figure, str]) -> None:
    full, highest = drawn[0].axes
    assert full.get_title() == "rule full:\nbest report at full fidelity"
    assert highest.get_title().startswith("rule highest:\n")
    assert full.get_xlabel() == highest.get_xlabel() == "full evaluations"
    assert "validation cross-entropy" in full.get_ylabel()
    assert (full.get_xscale(), full.get_yscale()) == ("log", "log")
    assert full.get_xlim() == highest.get_xlim() == (1, 20)
    assert full.get_ylim() == highest.get_ylim()


def test_lines_are_the_steps_of_the_analysis(
    drawn: tuple[Figure, str], frame: pd.DataFrame
) -> None:
    for axes, rule in zip(drawn[0].axes, ("full", "highest"), strict=True):
        centres = lines(axes, "_centre/")
        assert set(centres) == {f"_centre/{method}" for method in METHODS}
        for curves in anytime(frame, rule, {"digits": TOP}).curves:
            x, y = centres[f"_centre/{curves.method}"]
            over = curves.over_seeds
            at = np.searchsorted(x, over.x, side="right") - 1
            np.testing.assert_array_equal(y[at], over.centre)
            assert (x[0], x[-1]) == (over.x[0], over.x[-1])


def test_few_seeds_show_every_run_and_the_range_as_steps(
    drawn: tuple[Figure, str], frame: pd.DataFrame
) -> None:
    axes = drawn[0].axes[0]
    assert len(lines(axes, "_run/")) == 3 * len(METHODS)
    over = next(c for c in anytime(frame, "full", {"digits": TOP}).curves if c.method == "bohb")
    corners = spread(axes, "bohb").get_paths()[0].vertices
    assert corners[:, 1].max() == over.over_seeds.high.max()
    assert corners[:, 1].min() == over.over_seeds.low.min()
    edges = np.diff(corners, axis=0)
    assert np.all((edges == 0).any(axis=1))  # only horizontal and vertical edges: no straight lines


def test_the_figure_says_what_its_lines_and_bands_are(drawn: tuple[Figure, str]) -> None:
    assert said(drawn[0]) == "mean of 3 seeds; band: range, not an interval; thin: every run"
    assert not drawn[0].legends
    full, highest = drawn[0].axes
    assert named(full) == {}
    assert set(named(highest).values()) == {"BOHB", "ASHA", "Random", "Grid"}
    ends = {n: y[-1] for n, (_, y) in lines(highest, "_centre/").items()}
    from_top = [f"_centre/{method}" for method in named(highest)]
    assert from_top == sorted(ends, key=lambda name: -ends[name])
    for word in ("digits", "27 epochs", "Rule full", "Rule highest", "compare-1a2b3c4d", "abc1234"):
        assert word in drawn[1]


def test_ten_seeds_show_an_interval_and_no_runs(make_frame: Frames, make_study: Studies) -> None:
    drawn, _ = figure(make_study(make_frame(["random", "bohb"], 10, budget=4)))
    assert lines(drawn.axes[1], "_run/") == {}
    assert said(drawn) == "interquartile mean of 10 seeds; band: 95 % interval"


def test_where_the_optimum_is_known_one_panel_shows_regret(
    make_frame: Frames, make_study: Studies
) -> None:
    frame = make_frame(["random"], 1, budget=4).assign(true_loss=lambda f: f["val_loss"] - 1)
    drawn, _ = figure(make_study(frame, optimum=-2.0))
    (axes,) = drawn.axes
    assert axes.get_title().startswith("rule validated:")
    assert "regret" in axes.get_ylabel()
    assert axes.get_yscale() == "log"
    over = anytime(frame, "validated", {"digits": TOP}).curves[0].over_seeds
    last = lines(axes, "_centre/")["_centre/random"][1][-1]
    assert last == pytest.approx(over.centre[-1] + 2, rel=1e-11)


def test_a_rule_that_was_asked_for_stands_alone(frame: pd.DataFrame, make_study: Studies) -> None:
    drawn, caption = figure(make_study(frame, rule="any"))
    (axes,) = drawn.axes
    assert axes.get_title() == "rule any: lowest loss at any fidelity"
    over = next(c for c in anytime(frame, "any", {"digits": TOP}).curves if c.method == "bohb")
    assert lines(axes, "_centre/")["_centre/bohb"][1][-1] == over.over_seeds.centre[-1]
    assert "Rule any" in caption
    with pytest.raises(UsageError, match=r"^rule validated: needs true_loss"):
        figure(make_study(frame, rule="validated"))


def test_an_axis_that_was_asked_for_is_taken(frame: pd.DataFrame, make_study: Studies) -> None:
    (seconds, _), (units, _) = (
        panels(make_study(frame, axis="virtual_seconds"))[0],
        panels(make_study(frame, workers=4, axis="full_evals"))[0],
    )
    assert (seconds.axis, seconds.x_label) == ("virtual_seconds", "virtual seconds")
    label = "full evaluations, 4 workers (order of arrival)"
    assert (units.axis, units.x_label) == ("full_evals", label)
    real = frame.assign(virtual_seconds=np.nan)
    with pytest.raises(UsageError, match=r"^x seconds: digits has no virtual seconds.*$"):
        figure(make_study(real, workers=4, axis="virtual_seconds"))


def test_the_page_is_the_venues(frame: pd.DataFrame, make_study: Studies) -> None:
    one = frame[frame["method"].isin(["bohb", "random"])]
    drawn, _ = figure(make_study(one, venue="icml", rule="full"))
    assert drawn.get_figwidth() == 3.25


def test_many_tasks_of_one_panel_stand_side_by_side(
    make_frame: Frames, make_study: Studies
) -> None:
    frames = [
        make_frame(["random", "bohb"], 1, task=f"t{i:02}", budget=2).assign(
            true_loss=lambda f: f["val_loss"]
        )
        for i in range(9)
    ]
    drawn, _ = figure(make_study(*frames))
    assert len(drawn.axes) == 9
    assert drawn.axes[3].get_subplotspec().rowspan.start == 1  # three in a row
    assert drawn.axes[3].get_title() == "t03"
    assert drawn.get_figheight() <= 8.5
    texts = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert texts == ["BOHB", "Random"]
    assert said(drawn).startswith("rule validated; mean of 1 seed")


def test_each_task_has_its_row(make_frame: Frames, make_study: Studies) -> None:
    frames = [
        make_frame(["random"], 2, task=task, budget=n) for task, n in (("one", 3), ("two", 6))
    ]
    drawn, caption = figure(make_study(*frames))
    assert [axes.get_xlim() for axes in drawn.axes] == [(1, 6)] * 4
    assert [axes.get_ylabel().split("\n")[0] for axes in drawn.axes[::2]] == ["one", "two"]
    assert "on one, two (one full evaluation: 27 epochs). " in caption


def test_several_workers_are_shown_on_virtual_seconds(
    frame: pd.DataFrame, make_study: Studies
) -> None:
    drawn, caption = figure(make_study(frame, workers=16))
    full, highest = drawn.axes
    assert full.get_xlabel() == highest.get_xlabel() == "virtual seconds, 16 workers"
    assert "against virtual seconds, 16 workers, on digits" in caption
    assert "modelled" in caption
    assert full.get_xlim() == highest.get_xlim()
    first, last = full.get_xlim()
    # an epoch takes 0.01 s here: 0.27 s a full evaluation, and 20 of them
    assert first == pytest.approx(0.27)
    assert last == pytest.approx(5.4 * 20**0.04)
    data = anytime(frame, "full", {"digits": TOP}, axis="virtual_seconds")
    over = next(c.over_seeds for c in data.curves if c.method == "bohb")
    x, y = lines(full, "_centre/")["_centre/bohb"]
    assert (x[0], x[-1], y[-1]) == (over.x[0], over.x[-1], over.centre[-1])


def test_units_of_several_workers_in_real_time_are_called_order_of_arrival(
    frame: pd.DataFrame, make_study: Studies
) -> None:
    known = frame["virtual_seconds"].where(frame["method"] != "grid")  # a part is not enough
    drawn, caption = figure(make_study(frame.assign(virtual_seconds=known), workers=16))
    label = "full evaluations, 16 workers (order of arrival)"
    for axes in drawn.axes:
        assert axes.get_xlabel().replace("\n", " ") == label
        assert axes.get_xlim() == (1, 20)
    assert f"against {label}, on digits" in caption
    test_nothing_is_clipped_and_no_text_overlaps((drawn, caption))


def test_tasks_on_different_time_scales_have_their_own_axes(
    make_frame: Frames, make_study: Studies
) -> None:
    short, long = (make_frame(["random"], 2, task=task, budget=3) for task in ("one", "two"))
    long["virtual_seconds"] *= 10_000
    real = make_frame(["random"], 2, task="three", budget=3).assign(virtual_seconds=np.nan)
    frames = [f.assign(true_loss=f["val_loss"]) for f in (short, long, real)]
    drawn, caption = figure(make_study(*frames, workers=4))
    drawn.draw_without_rendering()
    seconds, more, units = drawn.axes
    assert seconds.get_xlim()[1] < 1 < 100 == more.get_xlim()[0] < 9_000 < more.get_xlim()[1]
    assert units.get_xlim() == (1, 3)  # the longest of its own kind, not of 8,100 s
    for axes in drawn.axes:
        assert any(text.get_visible() and text.get_text() for text in axes.get_xticklabels())
        assert axes.xaxis.get_tick_params()["labelbottom"]
    assert "on one, two (one full evaluation: 27 epochs); against" in caption
    assert "; against full evaluations, 4 workers (order of arrival), on three (" in caption


def test_one_wave_of_workers_and_reports_at_zero_seconds_can_be_drawn(
    make_frame: Frames, make_study: Studies
) -> None:
    frame = make_frame(["random"], 2, budget=1)
    at_once = frame.assign(true_loss=frame["val_loss"], virtual_seconds=3.0)
    low, high = figure(make_study(at_once, workers=4))[0].axes[0].get_xlim()
    assert low == 3 < 6 < high
    free = at_once.assign(virtual_seconds=np.where(frame["level"] == 1, 0.0, 3.0))
    assert figure(make_study(free, workers=4))[0].axes[0].get_xlim() == (low, high)


def test_missing_seeds_stop_or_are_named(frame: pd.DataFrame, make_study: Studies) -> None:
    less = frame[(frame["method"] != "bohb") | (frame["seed"] != 2)]
    with pytest.raises(StudyError, match="digits/bohb/2"):
        figure(make_study(less))
    drawn, caption = figure(make_study(less, allow_missing=True, problems=("a file is damaged",)))
    assert "Missing cells: digits/bohb/2." in caption
    assert "a file is damaged" in caption
    assert named(drawn.axes[1])["bohb"] == "BOHB (n = 2)"
    assert "2 or 3 seeds" in said(drawn)


def test_a_method_without_a_full_evaluation_is_named(
    frame: pd.DataFrame, make_study: Studies
) -> None:
    never = frame[(frame["method"] != "asha") | (frame["level"] < TOP)]
    drawn, caption = figure(make_study(never))
    assert "Without such a stretch: full: digits/asha." in caption
    assert lines(drawn.axes[0], "_centre/")["_centre/asha"].size == 0


def test_an_empty_study_is_an_error(frame: pd.DataFrame, make_study: Studies) -> None:
    with pytest.raises(StudyError, match="nothing to draw"):
        figure(make_study(frame.iloc[:0]))


def test_nothing_is_clipped_and_no_text_overlaps(drawn: tuple[Figure, str]) -> None:
    figure_, _ = drawn
    figure_.draw_without_rendering()
    page = figure_.bbox
    texts = [text for axes in figure_.axes for text in (axes.title, axes.xaxis.label)]
    texts += [figure_.axes[0].yaxis.label, *figure_.legends]
    texts += [text for axes in figure_.axes for text in axes.texts]
    boxes = [text.get_window_extent() for text in texts]
    for i, box in enumerate(boxes):
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_a_larger_budget_is_drawn_where_it_has_spent_twice_and_stretches_no_axis(
    make_frame: Frames, make_study: Studies
) -> None:
    twice = make_frame(["random"], 3, budget=20).assign(method="random-2x")
    frames = [make_frame(["random", "bohb"], 3, budget=10), twice]
    drawn, caption = figure(make_study(*frames, larger_budgets={"random-2x": 2}))
    axes = drawn.axes[0]
    assert axes.get_xlim() == (1, 10)
    own, same = (lines(axes, "_centre/")[f"_centre/{m}"] for m in ("random-2x", "random"))
    assert own[0][-1] == same[0][-1] == 10
    whole = anytime(twice, "full", {"digits": TOP}).curves[0].over_seeds
    assert (own[0][0], own[1][-1]) == (whole.x[0] / 2, whole.centre[-1])
    assert set(named(drawn.axes[1]).values()) == {"BOHB", "Random", "Random, 2x\nbudget"}
    assert "Random, 2x budget: baseline with twice the budget; its axis is divided by 2." in caption


HYPERBANDS = ["hpbandster-bohb", "hpbandster-hyperband"]


@pytest.mark.parametrize(
    "methods",
    [
        list(style.METHODS),
        ["bohb", "hyperband", "asha", *HYPERBANDS],  # five long names in one line would not fit
        ["bohb", "hyperband", "bohb-stock", "hpbandster-bohb", *style.ABLATIONS],
    ],
    ids=["all", "dehb", "ablations"],
)
def test_the_legend_fits_the_page(
    methods: list[str], make_frame: Frames, make_study: Studies
) -> None:
    drawn, _ = figure(make_study(make_frame(methods, 1, budget=3)))
    drawn.draw_without_rendering()
    page = drawn.bbox
    if len(methods) <= 9:
        assert set(named(drawn.axes[-1])) == set(methods)
        test_nothing_is_clipped_and_no_text_overlaps((drawn, ""))
    else:
        legend = drawn.legends[0].get_window_extent()
        assert page.x0 <= legend.x0 < legend.x1 <= page.x1
        assert drawn.axes[0].bbox.height > legend.height


def test_a_score_is_drawn_with_its_own_sign_and_name(
    make_frame: Callable[..., pd.DataFrame], make_study: Callable[..., FigureStudy]
) -> None:
    frame = make_frame(["random", "bohb"], 3, budget=4)
    own = make_study(frame.assign(val_loss=-frame["val_loss"]))
    own = replace(own, tasks=(replace(own.tasks[0], val_metric="-accuracy"),))
    drawn, caption = figure(own)
    (panel, _), *_ = panels(own)
    for curves, stored in zip(panel.curves, panel.data.curves, strict=True):
        over, losses = curves.over_seeds, stored.over_seeds
        np.testing.assert_array_equal(over.centre, -losses.centre)
        np.testing.assert_array_equal([over.low, over.high], [-losses.high, -losses.low])
        assert lines(drawn.axes[0], "_centre/")[f"_centre/{curves.method}"][1][-1] > 0
    assert "accuracy (higher is better)" in " ".join(drawn.axes[0].get_ylabel().split())
    assert drawn.axes[0].get_yscale() == "linear"
    assert "lower is better" not in caption
    assert caption.startswith("Accuracy of the incumbent (higher is better)")


def test_a_panel_without_any_incumbent_says_so(
    make_frame: Callable[..., pd.DataFrame], make_study: Callable[..., FigureStudy]
) -> None:
    frame = make_frame(["random", "bohb"], 2, budget=2)
    drawn, caption = figure(make_study(frame.assign(status="failed", val_loss=np.nan)))
    assert [axes.texts[0].get_text() for axes in drawn.axes] == ["no incumbent"] * 2
    assert "Without such a stretch: full: digits/bohb, full: digits/random" in caption
