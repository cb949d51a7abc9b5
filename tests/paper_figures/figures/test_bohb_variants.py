from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.bohb_variants import figure
from paper_figures.figures.bohb_variants_data import gains

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]


@pytest.fixture(scope="module")
def study(make_frame: Frames, make_study: Studies) -> FigureStudy:
    methods = ["bohb", "hyperband", "random"]
    one = make_frame(methods, 3, task="one", budget=10)
    two = make_frame([*methods, "bohb-stock"], 3, task="two", budget=10)
    alone = make_frame(["bohb", "random"], 3, task="alone", budget=10)
    made = make_study(one, two, alone)
    for task in made.tasks:
        object.__setattr__(task, "budget", 10.0)
    return made


def test_gains_are_paired_by_seed_at_the_end(study: FigureStudy) -> None:
    shown = gains(study)
    assert [one.panel.task.name for one in shown] == ["one", "two"]
    assert list(shown[0].gains) == ["hyperband"]
    assert list(shown[1].gains) == ["hyperband", "bohb-stock"]
    assert {c.method for c in shown[0].panel.data.curves} == {"bohb", "hyperband"}
    frame = study.frame
    best = {}
    for (method, seed), rows in frame[frame["task"] == "one"].groupby(["method", "seed"]):
        best[method, seed] = rows.loc[rows["level"] == 27, "val_loss"].min()
    differences = [best["hyperband", seed] - best["bohb", seed] for seed in range(3)]
    gain, wins = shown[0].gains["hyperband"]
    assert gain.centre == pytest.approx(np.mean(differences))
    assert (gain.low, gain.high) == pytest.approx((min(differences), max(differences)))
    assert wins == np.mean(np.array(differences) > 0)


def test_each_task_has_curves_with_names_and_dots(study: FigureStudy) -> None:
    drawn, caption = figure(study)
    curves, dots = drawn.axes[2], drawn.axes[3]  # the second task
    assert curves.get_title(loc="left") == "two, rule full"
    names = {text.get_text() for text in curves.texts}
    assert names == {"BOHB", "Hyperband", "BOHB-stock"}
    shown = gains(study)[1].gains
    found = {str(line.get_label()): np.asarray(line.get_xdata()) for line in dots.get_lines()}
    for other, (gain, _) in shown.items():
        assert found[f"_gain/{other}"].tolist() == [gain.centre]
        assert found[f"_interval/{other}"].tolist() == [gain.low, gain.high]
        assert dots.get_xlim()[0] < gain.low <= gain.high < dots.get_xlim()[1]
    assert "range, not an interval" in caption
    assert f"{shown['bohb-stock'][0].centre:+.3g}" in caption
    drawn.draw_without_rendering()
    for axes in drawn.axes:
        box = axes.get_tightbbox()
        assert box is not None
        assert drawn.bbox.x0 <= box.x0 < box.x1 <= drawn.bbox.x1 + 1


def test_without_the_others_there_is_nothing_to_compare(study: FigureStudy) -> None:
    with pytest.raises(StudyError, match="no task with bohb and one of hyperband"):
        figure(study.of(methods=["bohb", "random"]))
