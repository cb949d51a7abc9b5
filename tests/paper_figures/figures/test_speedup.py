from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bohb_study.errors import StudyError
from bohb_study.numbers import number
from bohb_study.summaries.markdown import to_markdown
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.speedup import figure
from paper_figures.figures.speedup_data import speedup_dots
from paper_figures.tables.speedup_table import table

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]


def falling(method: str, at: int, seeds: int = 3, task: str = "digits") -> pd.DataFrame:
    """Full evaluations of loss 2 until that number, then 1; eight in all."""
    rows = [
        {"task": task, "method": method, "seed": seed, "seq": i, "trial": i, "config_id": str(i)}
        | {"level": 27, "units": 27, "units_total": 27 * (i + 1), "status": "ok"}
        | {"val_loss": 2.0 if i + 1 < at else 1.0, "true_loss": np.nan, "virtual_seconds": i + 1.0}
        for seed in range(seeds)
        for i in range(8)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def study(make_study: Studies) -> FigureStudy:
    tries = {"random": 6, "bohb": 3, "asha": 9, "random-2x": 1}
    frames = [falling(method, at) for method, at in tries.items()]
    own = make_study(*frames, falling("bohb", 2, task="alone"), larger_budgets={"random-2x": 2})
    return replace(own, tasks=tuple(replace(task, budget=8.0) for task in own.tasks))


@pytest.fixture(scope="module")
def drawn(study: FigureStudy) -> tuple[Figure, str]:
    return figure(study)


def mark(axes: Axes, name: str) -> Any:
    (found,) = [line for line in axes.get_lines() if line.get_label() == name]
    return found


def test_random_search_and_larger_budgets_are_not_shown(study: FigureStudy) -> None:
    shown = speedup_dots(study)
    (group,) = shown.groups
    assert group.methods == ("bohb", "asha")
    assert [task.name for task in group.tasks] == ["digits"]
    assert set(shown.found.index.get_level_values("method")) == {"bohb", "asha"}


def test_dots_are_speedups_and_arrows_bounds(drawn: tuple[Figure, str]) -> None:
    (axes,) = drawn[0].axes
    dot = mark(axes, "_dot/digits/bohb/1.0")
    assert (dot.get_xdata()[0], dot.get_marker()) == (2, "o")
    arrow = mark(axes, "_dot/digits/asha/1.0")
    assert (arrow.get_xdata()[0], arrow.get_marker()) == (6 / 8, "<")
    bar = mark(axes, "_spread/digits/asha/1.0")
    assert bar.get_xdata().tolist() == [axes.get_xlim()[0], 6 / 8]
    assert mark(axes, "_open/digits/asha/1.0").get_marker() == "<"
    heights = [mark(axes, f"_dot/digits/bohb/{share}").get_ydata()[0] for share in (0.25, 0.5, 1.0)]
    assert heights == sorted(set(heights))
    assert [text.get_text() for text in axes.get_yticklabels()] == ["BOHB", "ASHA"]


def test_the_figure_says_what_its_marks_are(drawn: tuple[Figure, str]) -> None:
    figure_, caption = drawn
    names = {text.get_text() for text in figure_.legends[0].get_texts()}
    assert names - {" "} == {
        *(f"target: random at {share} %" for share in (25, 50, 100)),
        "not reached: less",
    }
    for words in (
        "Kaplan-Meier", "3 seeds", "not an interval", "with another budget: Random, 2x budget",
        "having no random search or no other method: alone", "abc1234",
    ):  # fmt: skip
        assert words in caption


def test_nothing_is_clipped_and_no_text_overlaps(make_study: Studies) -> None:
    names = ("hpobench-mlp-phoneme", "hpobench-mlp-segment", "nasbench201-cifar10", "two", "three")
    tries = {"random": 6, "hpbandster-hyperband": 1, "bohb": 9}
    frames = [falling(method, at, task=name) for name in names for method, at in tries.items()]
    figure_, _ = figure(make_study(*frames))
    figure_.draw_without_rendering()
    texts: list[Any] = [figure_.legends[0], *figure_.texts, *(axes.title for axes in figure_.axes)]
    texts += [axes.xaxis.get_tightbbox() for axes in figure_.axes]
    boxes = [text if hasattr(text, "x0") else text.get_window_extent() for text in texts]
    boxes += [one.get_window_extent() for one in figure_.axes[0].get_yticklabels()]
    for i, box in enumerate(boxes):
        assert figure_.bbox.x0 <= box.x0 < box.x1 <= figure_.bbox.x1
        assert figure_.bbox.y0 <= box.y0 < box.y1 <= figure_.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_the_table_says_the_same(study: FigureStudy) -> None:
    made = table(study)
    shares = ("25 %", "50 %", "100 %")
    assert made.headings == ("task", "method", *shares, *(f"first touch: {s}" for s in shares))
    assert [row[:5] for row in made.texts()] == [
        ("digits", "BOHB", "1.0 [1.0, 1.0]", "1.0 [1.0, 1.0]", "2.0 [2.0, 2.0]"),
        ("", "ASHA", "1.0 [1.0, 1.0]", "1.0 [1.0, 1.0]", "not reached (< 0.75)"),
    ]
    assert [row[5:] for row in made.texts()] == [
        ("1.0", "1.0", "2.0"),
        ("1.0", "1.0", "not reached (< 0.75)"),
    ]
    assert "over 3 seeds [range, not an interval]" in made.notes[0]
    assert "1.0 [1.0, 1.0]" in to_markdown(made)


def test_what_random_search_did_not_reach_is_a_bound_too(make_study: Studies) -> None:
    """The mean of random's seeds lies below what three of the five have."""
    random = falling("random", 9, seeds=5)
    random["val_loss"] = random["seed"].lt(2).map({True: 0.0, False: 1.0})
    frames = [random, falling("asha", 9, seeds=5), falling("bohb", 9, seeds=5).assign(val_loss=0.0)]
    own = make_study(*frames)
    own = replace(own, tasks=tuple(replace(task, budget=8.0) for task in own.tasks))
    assert [row[4] for row in table(own).texts()] == ["> 8.0 [1.0, -]", "not reached"]
    (axes,) = figure(own)[0].axes
    assert mark(axes, "_dot/digits/bohb/1.0").get_marker() == ">"
    assert mark(axes, "_dot/digits/asha/1.0").get_marker() == "x"


def test_numbers_have_two_digits() -> None:
    assert [number(value, 2) for value in (0.0123, 0.5, 1.0, 9.96, 12.3, 342.8)] == [
        "0.012", "0.50", "1.0", "10", "12", "343",
    ]  # fmt: skip


def test_without_random_search_there_is_nothing_to_draw(study: FigureStudy) -> None:
    with pytest.raises(StudyError, match="no task has random"):
        figure(study.of(["alone"]))
    with pytest.raises(StudyError, match="no method to be compared"):
        figure(study.of(["digits"], ["random", "random-2x"]))


def test_a_touch_that_was_lost_again_is_a_stroke_beside_the_dot(make_study: Studies) -> None:
    """Noise-free losses: bohb touches the target with its first evaluation, and holds it at 3."""
    touched = falling("bohb", 3).assign(val_loss=lambda f: 9.0 - f["seq"])
    frames = [
        touched.assign(true_loss=falling("bohb", 3)["val_loss"].where(touched["seq"] > 0, 1.0)),
        falling("random", 6).assign(true_loss=lambda f: f["val_loss"]),
    ]
    own = make_study(*frames)
    own = replace(own, tasks=tuple(replace(task, budget=8.0) for task in own.tasks))
    figure_, caption = figure(own)
    (axes,) = figure_.axes
    assert mark(axes, "_dot/digits/bohb/1.0").get_xdata()[0] == 2
    assert mark(axes, "_first/digits/bohb/1.0").get_xdata()[0] == 6
    assert "first touch" in {text.get_text() for text in figure_.legends[0].get_texts()}
    assert "Small strokes: the same by the first touch" in caption
    (row,) = table(own).texts()
    assert (row[4], row[7]) == ("2.0 [2.0, 2.0]", "6.0")


def test_a_task_at_unequal_spend_is_marked(study: FigureStudy) -> None:
    digits, alone = study.tasks
    marked = replace(study, tasks=(replace(digits, spent={"bohb": 0.5, "asha": 1.0}), alone))
    figure_, caption = figure(marked)
    assert figure_.axes[0].get_title() == "digits \N{DAGGER}"
    words = "\N{DAGGER} Not compared, for unequal spend of the budget: digits (bohb 50 %)."
    assert words in caption
    assert words in table(marked).notes
