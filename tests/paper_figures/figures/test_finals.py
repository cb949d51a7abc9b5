from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bohb_study.analysis import estimate, final_incumbents
from bohb_study.errors import StudyError
from bohb_study.seeding import config_id
from bohb_study.store.sidecars.finals_json import Final, Training, write_finals
from paper_figures import draw_study
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.finals import figure
from paper_figures.figures.finals_data import panels

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]
METHODS = ["grid", "random", "bohb"]
SEEDS = 4
TOP = 27


def trainings(frame: pd.DataFrame, all_data: bool = True) -> pd.DataFrame:
    """Three trainings a cell, and one refit a method; losses that tell them apart."""
    rows = []
    for row in final_incumbents(frame, {"digits": TOP}).to_dict("records"):
        own = {name: row[name] for name in ("task", "method", "seed", "config_id")}
        for repeat in range(3):
            again = {"kind": "retrained", "repeat": repeat, "status": "ok"}
            rows.append({**own, **again, "test_loss": row["test_loss"] + 0.01 * (repeat + 1)})
        if all_data and row["seed"] == 2:
            rows.append({**own, **again, "kind": "all data", "repeat": 0, "test_loss": 0.05})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def frame(make_frame: Frames) -> pd.DataFrame:
    return make_frame(METHODS, SEEDS, budget=8)


@pytest.fixture(scope="module")
def study(frame: pd.DataFrame, make_study: Studies) -> FigureStudy:
    return make_study(frame, finals=trainings(frame))


@pytest.fixture(scope="module")
def drawn(study: FigureStudy) -> tuple[Figure, str]:
    return figure(study)


def line(axes: Axes, name: str) -> tuple[np.ndarray, np.ndarray]:
    (found,) = [line for line in axes.get_lines() if line.get_label() == name]
    x, y = found.get_data()
    return np.asarray(x), np.asarray(y)


def test_each_cell_is_its_incumbent_beside_its_trainings(study: FigureStudy) -> None:
    (panel,) = panels(study)
    assert [own.method for own in panel.methods] == ["bohb", "random", "grid"]
    found = final_incumbents(study.frame, {"digits": TOP}).set_index(["method", "seed"])
    for own in panel.methods:
        assert [cell.seed for cell in own.cells] == list(range(SEEDS))
        for cell in own.cells:
            assert cell.reported == found.loc[(own.method, cell.seed), "test_loss"]
            assert cell.retrained == tuple(cell.reported + 0.01 * (i + 1) for i in range(3))
        reported = estimate(np.array([cell.reported for cell in own.cells]), 0)
        assert own.reported == reported
        assert own.retrained == pytest.approx(reported.centre + 0.02)
        assert own.all_data == 0.05


def test_what_is_drawn_is_that_data(study: FigureStudy, drawn: tuple[Figure, str]) -> None:
    (axes,) = drawn[0].axes
    (panel,) = panels(study)
    heights: list[float] = []
    for own in panel.methods:
        x, y = line(axes, f"_reported/{own.method}")
        assert x.tolist() == [cell.reported for cell in own.cells]
        for cell, height in zip(own.cells, y, strict=True):
            dots = line(axes, f"_retrained/{own.method}/{cell.seed}")
            assert dots[0].tolist() == list(cell.retrained)
            assert set(dots[1]) == {height}
        assert set(line(axes, f"_centre/{own.method}/reported")[0]) == {own.reported.centre}
        assert set(line(axes, f"_centre/{own.method}/retrained")[0]) == {own.retrained}
        assert line(axes, f"_all/{own.method}")[0].tolist() == [0.05]
        heights += y.tolist()
    assert len(set(heights)) == len(METHODS) * SEEDS
    assert axes.yaxis_inverted()  # the first method of the legend is on top
    assert [text.get_text() for text in axes.get_yticklabels()] == ["BOHB", "Random", "Grid"]


def test_the_figure_says_what_its_marks_are(drawn: tuple[Figure, str]) -> None:
    names = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert names == [
        "reported for the incumbent",
        "retrained",
        "best one, refit on all training data",
        "interquartile mean, reported",
        "interquartile mean, retrained",
    ]
    for words in (
        "rule full",
        "3 retrainings with fresh",
        "outside the budget",
        "Star",
        "abc1234",
    ):
        assert words in drawn[1]


def test_nothing_is_clipped_and_no_text_overlaps(drawn: tuple[Figure, str]) -> None:
    figure_, _ = drawn
    figure_.draw_without_rendering()
    (axes,) = figure_.axes
    texts: list[Any] = [axes.xaxis.label, figure_.legends[0], *axes.get_yticklabels()]
    boxes = [text.get_window_extent() for text in texts]
    page = figure_.bbox
    for i, box in enumerate(boxes):
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_trainings_without_a_result_have_no_dot_and_are_named(
    frame: pd.DataFrame, make_study: Studies
) -> None:
    finals = trainings(frame, all_data=False)
    bad = (finals["method"] == "grid") & (finals["seed"] == 1) & (finals["repeat"] == 0)
    finals.loc[bad, ["status", "test_loss"]] = ["diverged", 1e6]
    drawn, caption = figure(make_study(frame, finals=finals))
    (axes,) = drawn.axes
    assert len(line(axes, "_retrained/grid/1")[0]) == 2
    assert axes.get_xlim()[1] < 10
    assert "Without a result and not drawn: digits/grid/1 diverged." in caption
    assert "for 2 to 3 retrainings" in caption
    assert "Star" not in caption
    assert not [one for one in axes.get_lines() if str(one.get_label()).startswith("_all/")]


def test_far_apart_losses_are_on_a_log_axis(frame: pd.DataFrame, make_study: Studies) -> None:
    finals = trainings(frame)
    near = make_study(frame.assign(test_loss=0.1), finals=finals.assign(test_loss=0.12))
    assert figure(near)[0].axes[0].get_xscale() == "linear"
    far = make_study(frame.assign(test_loss=0.1), finals=finals.assign(test_loss=0.5))
    assert figure(far)[0].axes[0].get_xscale() == "log"


def test_a_task_each_has_its_panel(make_frame: Frames, make_study: Studies) -> None:
    frames = [make_frame(["random"], 2, task=task, budget=3) for task in ("digits", "two")]
    one = trainings(frames[0])
    both = pd.concat([one, one.assign(task="two")], ignore_index=True)
    drawn, _ = figure(make_study(*frames, finals=both))
    labels = [axes.get_xlabel() for axes in drawn.axes]
    assert labels == ["digits: test loss", "two: test loss"]
    assert len(figure(make_study(*frames, finals=one))[0].axes) == 1


def test_without_trainings_there_is_nothing_to_draw(
    frame: pd.DataFrame, make_study: Studies
) -> None:
    with pytest.raises(StudyError, match="nothing to draw"):
        figure(make_study(frame))


def test_it_is_drawn_only_where_trainings_are_stored(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paper_figures.toolkit.save.DPI", 40)
    assert [file.stem for file in draw_study(stored)] == ["anytime"] * 3
    frame = pd.concat(
        [pd.read_parquet(file) for file in sorted(stored.glob("cells/*/*/*.parquet"))]
    )
    finals = []
    for row in final_incumbents(frame, {"digits": TOP}).to_dict("records"):
        training = Training("digits", row["method"], row["seed"], "retrained", 0)
        finals.append(Final(training, {"x": 1}, 0.1, 0.1, "ok", 0.0))
    write_finals(stored, "1a2b3c4d", finals)
    with pytest.raises(StudyError, match="not of its incumbent"):
        draw_study(stored)
    own = frame.assign(config_id=config_id({"x": 1}))
    for (method, seed), rows in own.groupby(["method", "seed"]):
        _rewrite(stored, str(method), int(rows["seed"].iloc[0]), rows)
        assert seed == rows["seed"].iloc[0]
    files = draw_study(stored)
    assert [file.stem for file in files] == ["anytime"] * 3 + ["finals"] * 3
    before = [file.read_bytes() for file in files]
    assert [file.read_bytes() for file in draw_study(stored)] == before


def _rewrite(folder: Path, method: str, seed: int, rows: pd.DataFrame) -> None:
    from bohb_study.store import write_cell
    from bohb_study.study import Cell

    write_cell(
        folder,
        Cell("digits", method, seed),
        rows.reset_index(drop=True),
        {"git": {}, "study": "1a2b3c4d"},
    )


def test_a_column_of_text_holds_it(
    study: FigureStudy, illegible: Callable[[Figure], list[str]]
) -> None:
    narrow, caption = figure(replace(study, venue="icml"))
    assert narrow.get_figwidth() == 3.25
    assert illegible(narrow) == []
    assert (
        f"{SEEDS} seeds per method. Incumbents under rule full: best report at full fidelity."
        in caption
    )
