from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bohb_study.errors import StudyError
from bohb_study.schema import build_frame
from paper_figures.figure_study import FigureStudy
from paper_figures.figures.grid_random import figure
from paper_figures.figures.grid_random_data import projection

Studies = Callable[..., FigureStudy]
TOP = 27


def _rows(method: str, seed: int, configs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for trial, config in enumerate(configs):
        loss = 1.0 + abs(np.log10(config["hp.lr"]) + 2) + 0.1 * config["hp.depth"]
        for level in (9, TOP):
            rows.append(
                {
                    "task": "digits", "method": method, "seed": seed, "seq": len(rows),
                    "trial": trial, "config_id": f"{method}{trial}", "level": level, "units": 9,
                    "units_restart": 9, "units_total": 9 * (len(rows) + 1),
                    "full_evals": 9 * (len(rows) + 1) / TOP, "decision": "end",
                    "val_loss": loss + (9 if level < TOP else 0), "test_loss": 0.0, "status": "ok",
                    "train_seconds": 0.0, "search_seconds": 0.0, **config,
                }
            )  # fmt: skip
    return rows


@pytest.fixture
def study(make_study: Studies) -> FigureStudy:
    rng = np.random.default_rng(0)
    grid = [
        {"hp.noise": 0.5, "hp.kind": "a", "hp.few": 1, "hp.depth": d, "hp.lr": lr}
        for lr in (1e-4, 1e-3, 1e-2)
        for d in (1.0, 2.0)
    ]
    random = [
        {
            "hp.noise": rng.random(), "hp.kind": "b", "hp.few": i % 3,
            "hp.depth": 10 * rng.random(), "hp.lr": 10 ** -rng.uniform(2, 5),
        }
        for i in range(30)
    ]  # fmt: skip
    rows = _rows("grid", 1, grid) + _rows("random", 0, random) + _rows("random", 1, random)
    kinds: Any = {"noise": "float", "kind": "str", "few": "int", "depth": "float", "lr": "float"}
    frame = build_frame(rows, kinds)
    return make_study(frame).with_derived(whole=frame)


def test_the_axes_are_what_the_loss_depends_on_most(study: FigureStudy) -> None:
    shown = projection(study)
    assert shown.names == ("lr", "depth")
    assert shown.seed == 1  # the first that both have
    assert abs(shown.correlations[0]) > abs(shown.correlations[1]) > 0.3
    assert shown.logs == (True, False)
    grid, random = shown.methods
    assert (len(grid.x), len(np.unique(grid.x)), len(np.unique(grid.y))) == (6, 3, 2)
    assert len(np.unique(random.x)) == len(random.x) == 30
    assert random.loss.max() < 9  # at full fidelity only


def test_failed_trials_decide_nothing_and_are_told_apart(study: FigureStudy) -> None:
    frame = study.derived_frame("whole").copy()
    worst = (frame["method"] == "random") & (frame["trial"] < 5)
    frame.loc[worst, ["status", "val_loss"]] = ["diverged", 100.0]
    shown = projection(study.with_derived(whole=frame))
    assert shown.methods[1].ok.sum() == 25
    fine = frame[(frame["method"] == "random") & (frame["seed"] == 1) & (frame["level"] == TOP)]
    fine = fine[fine["status"] == "ok"]
    expected = fine["hp.lr"].corr(fine["val_loss"], method="spearman")
    assert shown.correlations[0] == pytest.approx(expected)
    drawn, caption = figure(study.with_derived(whole=frame))
    assert "Crosses: 5 trials" in caption
    dots = next(c for c in drawn.axes[3].collections if c.get_label() == "_tried/random")
    assert len(dots.get_offsets()) == 25
    assert np.asarray(dots.get_array()).max() < 100


def test_the_figure_counts_values_and_rings_the_best(study: FigureStudy) -> None:
    drawn, caption = figure(study)
    scatter, above, beside = drawn.axes[:3]
    assert above.get_title() == "Grid: 6 trials on 6 points"
    assert [text.get_text() for text in above.texts + beside.texts] == ["3 values", "2 values"]
    assert sum(line.get_label() == "_value" for line in above.get_lines()) == 3
    best = next(c for c in scatter.collections if c.get_label() == "_best/grid")
    assert best.get_offsets().tolist() == [[0.01, 1.0]]
    assert (scatter.get_xscale(), scatter.get_yscale()) == ("log", "linear")
    assert "Grid tried 3 values of lr and 2 of depth in 6 trials" in caption
    assert caption.endswith(f"Source: {study.provenance}.")


def test_what_is_lacking_is_said(study: FigureStudy) -> None:
    with pytest.raises(StudyError, match="no cell of both grid and random"):
        projection(study.with_derived(whole=pd.DataFrame()))
    alone = study.derived_frame("whole")[study.derived_frame("whole")["method"] == "random"]
    with pytest.raises(StudyError, match="no cell of both grid and random"):
        projection(study.with_derived(whole=alone))
    few = study.derived_frame("whole").drop(columns=["hp.depth", "hp.noise"])
    with pytest.raises(StudyError, match="has 1 numerical hyperparameters"):
        projection(study.with_derived(whole=few))
