"""The figure of ranks, checked by what it draws."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bohb_study.analysis.comparisons.mean_ranks import rank_curves
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.anytime import figure as anytime_figure
from paper_figures.figures.ranks import figure
from paper_figures.figures.ranks_data import ranks
from paper_figures.toolkit import style

Make = Callable[..., pd.DataFrame]
MakeStudy = Callable[..., FigureStudy]
BUDGET = 4.0


@pytest.fixture(scope="module")
def study(make_frame: Make, make_study: MakeStudy) -> FigureStudy:
    """Three methods and a larger budget on digits; a fourth on another task in place of grid."""
    one = make_frame(["bohb", "random", "grid"], 3, budget=4)
    twice = make_frame(["random"], 3, budget=8).assign(method="random-2x")
    other = make_frame(["bohb", "random", "asha"], 3, task="mfh3-good", budget=4)
    made = make_study(
        one, twice, other, twice.assign(task="mfh3-good"), larger_budgets={"random-2x": 2}
    )
    return replace(made, tasks=tuple(replace(task, budget=BUDGET) for task in made.tasks))


def line(drawn: Figure, label: str) -> np.ndarray:
    (found,) = (own for own in drawn.axes[0].lines if own.get_label() == label)
    assert found.get_drawstyle() == "steps-post"
    return np.asarray(found.get_xydata())


def test_the_lines_are_the_mean_ranks_of_methods_that_all_tasks_have(study: FigureStudy) -> None:
    drawn, caption = figure(study)
    shown = ranks(study)
    assert shown.curves.methods == ("bohb", "random")
    own = study.frame[study.frame["method"].isin(["bohb", "random"])]
    tasks = [task.name for task in study.tasks]
    curves = rank_curves(own, dict.fromkeys(tasks, 27), dict.fromkeys(tasks, BUDGET), 0)
    for i, method in enumerate(curves.methods):
        x, y = line(drawn, f"_centre/{method}").T
        at = np.searchsorted(x, curves.shares * BUDGET * (1 + 1e-12), side="right") - 1
        np.testing.assert_array_equal(y[at], curves.centre[i])
        assert (x[0], x[-1]) == (1.0, BUDGET)
    assert {text.get_text() for text in drawn.axes[0].texts} == {"BOHB", "Random"}
    assert drawn.axes[0].get_xlabel() == "full evaluations"
    assert "Not ranked, as some task lacks them: asha, grid." in caption
    assert "over 3 seeds, then over the tasks of a family, then over 2 families" in caption
    assert "needs 10 families of tasks; there are 2 (digits, mfh)." in caption
    assert "range of the seeds, not an interval" in caption
    assert "random-2x" not in caption
    assert caption.endswith(f"Source: {study.provenance}.")
    assert len(drawn.axes) == 1


def test_unlike_budgets_are_laid_out_as_shares(study: FigureStudy) -> None:
    digits, other = study.tasks
    half = replace(study, tasks=(digits, replace(other, budget=2.0)))
    shown = ranks(half)
    assert shown.x_label == "share of the budget in %"
    assert (shown.x[0], shown.x[-1]) == (pytest.approx(50.0), 100.0)


def test_rule_and_workers_are_respected_and_stated(study: FigureStudy) -> None:
    shown = ranks(replace(study, rule="any", workers=4))
    assert shown.rules == ("any",)
    assert shown.x_label == "full evaluations, 4 workers (order of arrival)"
    assert not np.array_equal(shown.curves.centre, ranks(study).curves.centre)


def test_what_cannot_be_ranked_is_one_clear_line(study: FigureStudy) -> None:
    with pytest.raises(StudyError, match="two methods that every task has"):
        ranks(study.of(methods=["asha", "grid"]))
    with pytest.raises(StudyError, match="no rows"):
        ranks(replace(study, frame=study.frame.iloc[:0]))
    with pytest.raises(StudyError, match="ranks are taken along full evaluations"):
        ranks(replace(study, axis="virtual_seconds"))


def test_a_diagram_only_where_ten_families_stand_behind_it(
    make_frame: Make, make_study: MakeStudy
) -> None:
    methods = ["bohb", "hyperband", "random"]
    frame = make_frame(methods, 1, budget=2)
    frames = [frame.assign(task=f"family{i}") for i in range(10)]
    # whoever is called bohb in one family is so in all: ranks that differ as clearly as may be
    for i, own in enumerate(frames):
        own["val_loss"] = own["method"].map({"bohb": 0.0, "hyperband": 1.0, "random": 2.0})
        if i == 0:
            own["val_loss"] = -own["val_loss"]
    made = make_study(*frames)
    made = replace(made, tasks=tuple(replace(task, budget=2.0) for task in made.tasks))
    drawn, caption = figure(made)
    assert len(drawn.axes) == 2
    below = drawn.axes[1]
    assert {text.get_text().strip() for text in below.texts} == {
        "BOHB (1.2)",
        "Hyperband (2.0)",
        "Random (2.8)",
    }
    assert "mean ranks over 10 families" in caption
    assert "Friedman's test: chi-square" in caption
    assert "No critical-difference" not in caption


def test_tasks_at_unequal_spend_are_left_out(study: FigureStudy) -> None:
    first, *rest = study.tasks
    uneven = replace(study, tasks=(replace(first, spent={"random": 0.5, "bohb": 1.0}), *rest))
    shown = ranks(uneven)
    assert first.name not in shown.curves.by_task
    assert len(shown.curves.by_task) == len(study.tasks) - 1
    _, caption = figure(uneven)
    words = f"Left out, for unequal spend of the budget: {first.name} (random 50 %)."
    assert words in caption


def test_at_the_end_what_was_retrained_is_ranked_and_said(study: FigureStudy) -> None:
    first = study.tasks[0].name
    chosen = ranks(study).curves
    leader = chosen.methods[int(np.argmin(chosen.by_task[first][:, -1]))]
    full = study.frame[(study.frame["task"] == first) & (study.frame["level"] == 27)]
    best = full.loc[full.groupby(["method", "seed"])["val_loss"].idxmin()]
    again = [
        {
            **{name: row[name] for name in ("task", "method", "seed", "config_id")},
            "kind": "retrained",
            "status": "ok",
            "test_loss": 0.5,
            "val_loss": 0.9 if row["method"] == leader else 0.1,
        }
        for row in best.to_dict("records")
    ]
    retrained = replace(study, finals=pd.DataFrame(again))
    shown = ranks(retrained)
    by_method = dict(zip(shown.curves.methods, shown.curves.by_task[first][:, -1], strict=True))
    assert max(by_method, key=lambda name: by_method[name]) == leader
    before = chosen.by_task[first][:, :-1]
    np.testing.assert_array_equal(shown.curves.by_task[first][:, :-1], before)
    assert (
        f"incumbents of {first} are ranked by their retrained validation loss"
        in figure(retrained)[1]
    )
    words = f"Values on {first} are those of the trainings that were chosen, and flatter themselves"
    caption = anytime_figure(retrained.of([first]))[1]
    assert f"{words}; retrained with fresh seeds the final configurations have: " in caption
    assert f"{style.line(leader).label} 0.9000" in caption
    assert words not in anytime_figure(study.of([first]))[1]
