from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from bohb_study.analysis import anytime
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.overview import figure

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]
TOP = 27


@pytest.fixture(scope="module")
def frames(make_frame: Frames) -> list[pd.DataFrame]:
    one = make_frame(["random", "bohb"], 1, budget=3)
    known = [
        one.assign(task=f"known-{i:02}", true_loss=one["val_loss"] + 0.01 * i) for i in range(12)
    ]
    return [*known, one.assign(task="trained")]


def test_every_task_has_a_small_panel_under_its_main_rule(
    frames: list[pd.DataFrame], make_study: Studies
) -> None:
    drawn, caption = figure(make_study(*frames, optimum=0.0))
    assert [axes.get_title() for axes in drawn.axes] == [f["task"].iloc[0] for f in frames]
    assert drawn.axes[4].get_subplotspec().rowspan.start == 1  # four in a row, more than twelve
    assert drawn.get_figwidth() == 5.5
    assert drawn.get_figheight() <= 8.5
    for axes, frame in ((drawn.axes[1], frames[1]), (drawn.axes[12], frames[12])):
        rule = "full" if axes is drawn.axes[12] else "validated"
        over = anytime(frame, rule, {frame["task"].iloc[0]: TOP}).curves[0].over_seeds
        (line,) = [x for x in axes.get_lines() if x.get_label() == "_centre/bohb"]
        assert line.get_drawstyle() == "steps-post"
        assert np.asarray(line.get_ydata())[-1] == over.centre[-1]
    assert not list(drawn.axes[1].texts)
    (corner,) = drawn.axes[12].texts
    assert corner.get_text() == "validation\ncross-entropy\nrule full"
    assert drawn.axes[0].get_yscale() == "log"
    assert drawn.get_supylabel() == "regret, rule validated (or what a panel says)"
    assert drawn.get_supxlabel() == "full evaluations"
    words = "Rule full: best report at full fidelity; validation cross-entropy: trained."
    assert words in caption
    assert caption.endswith(f"{13 * len(frames[0])} rows.")
    shown = [axes.xaxis.get_tick_params()["labelbottom"] for axes in drawn.axes]
    assert shown == [False] * 9 + [True] * 4  # the lowest of each column
    drawn.draw_without_rendering()
    legend = drawn.legends[0].get_window_extent()
    boxes = [legend, *(axes.title.get_window_extent() for axes in drawn.axes)]
    for i, box in enumerate(boxes):
        assert drawn.bbox.x0 <= box.x0 < box.x1 <= drawn.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
