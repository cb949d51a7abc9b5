"""BOHB's gains against the characters of tasks: the right numbers at the right places."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.stats import rankdata

from bohb_study.analysis.statistics.improvement import improvement
from bohb_study.errors import StudyError
from paper_figures.figure_study import FigureStudy
from paper_figures.figures import characters_data
from paper_figures.figures.characters import MARKERS, family_looks, figure
from paper_figures.figures.characters_data import character_gains

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]
TASKS = ("mfh3-good", "mfh6-bad", "digits", "unknown")
SPEARMAN = {"mfh3-good": 0.1, "mfh6-bad": -0.3, "digits": 0.8}


@pytest.fixture(scope="module")
def study(make_frame: Frames, make_study: Studies) -> FigureStudy:
    """Four tasks, three with a character, ten seeds of BOHB, random search and Hyperband."""
    methods = ["bohb", "hyperband", "random"]
    frames = [make_frame(methods, 10, task=task, budget=4) for task in TASKS]
    for place, frame in enumerate(frames[:3]):  # who is good differs from task to task
        others = methods[place:] + methods[:place]
        frame["method"] = frame["method"].map(dict(zip(methods, others, strict=True)))
    made = make_study(*frames)
    known = pd.DataFrame(
        [(task, 200, x, x - 0.1, x + 0.1, abs(x) / 2) for task, x in SPEARMAN.items()],
        columns=["task", "configs", "spearman", "low", "high", "single"],
    )
    tasks = tuple(replace(task, budget=4.0) for task in made.tasks)
    return replace(made, tasks=tasks).with_derived(characters=known)


def best(study: FigureStudy, task: str, method: str) -> np.ndarray:
    frame = study.frame
    own = frame[(frame["task"] == task) & (frame["method"] == method) & (frame["level"] == 27)]
    return own.groupby("seed")["val_loss"].min().to_numpy(dtype=np.float64)


def marks(drawn: Figure) -> list[dict[str, tuple[list[float], list[float]]]]:
    return [
        {
            str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata()))
            for line in axes.get_lines()
        }
        for axes in drawn.axes
    ]


def test_each_mark_is_a_task_at_its_character_and_gain(study: FigureStudy) -> None:
    drawn, caption = figure(study)
    panels = marks(drawn)
    assert len(panels) == 4  # two methods, two traits
    for place, other in enumerate(("random", "hyperband")):
        for task, x in SPEARMAN.items():
            pair = [[best(study, task, method)] for method in ("bohb", other)]
            wanted = improvement(*pair, study.bootstrap_seed)
            above, below = panels[place], panels[2 + place]
            assert above[f"_task/{task}"] == ([x], [wanted.probability])
            assert above[f"_x/{task}"][0] == pytest.approx([x - 0.1, x + 0.1])
            assert above[f"_gain/{task}"] == ([x] * 2, [wanted.low, wanted.high])
            assert below[f"_task/{task}"] == ([abs(x) / 2], [wanted.probability])
    assert "one of 3 tasks of 2 families" in caption
    assert "10 seeds" in caption
    assert "over 200 random configurations" in caption
    assert "not shown: unknown." in caption
    assert "no correlation over tasks: fewer than 10" in caption


def test_families_are_told_apart_and_text_can_be_read(
    study: FigureStudy, illegible: Callable[[Figure], list[str]]
) -> None:
    drawn, _ = figure(study)
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["digits", "mfh"]
    assert illegible(drawn) == []
    for axes in drawn.axes:
        low, high = axes.get_ylim()
        assert low < 0.5 < high
        assert (0.5 - low) == pytest.approx(high - 0.5)
    looks = family_looks([f"family {i}" for i in range(3 * len(MARKERS))])
    assert len({(look["color"], look["marker"]) for look in looks.values()}) == len(looks)


@pytest.mark.filterwarnings("ignore:The BCa confidence interval")  # of four tasks
def test_a_correlation_over_tasks_only_of_enough(
    study: FigureStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(panel.correlation is None for row in character_gains(study).rows for panel in row)
    monkeypatch.setattr(characters_data, "ENOUGH", 4)
    known = study.derived_frame("characters")
    another = known.iloc[:1].assign(task="unknown", spearman=0.5)
    all_four = study.with_derived(characters=pd.concat([known, another], ignore_index=True))
    (random, _), _ = character_gains(all_four).rows
    assert random.correlation is not None
    ranks = [rankdata([getattr(point, name) for point in random.points]) for name in ("x", "gain")]
    assert random.correlation[0] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    _, caption = figure(all_four)
    assert "over Random " in caption
    assert "(n = 4)" in caption


def test_tasks_at_unequal_spend_are_left_out_and_named(study: FigureStudy) -> None:
    short = tuple(
        replace(task, spent={"bohb": 1.0, "random": 0.4}) if task.name == "digits" else task
        for task in study.tasks
    )
    drawn, caption = figure(replace(study, tasks=short))
    assert not any("_task/digits" in panel for panel in marks(drawn))
    assert "Not compared, for unequal spend of the budget: digits (random 40 %)." in caption


def test_without_characters_it_says_what_computes_them(study: FigureStudy) -> None:
    bare = study.with_derived(characters=pd.DataFrame())
    with pytest.raises(StudyError, match="bohb-study characters computes them"):
        figure(bare)
