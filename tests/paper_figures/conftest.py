"""Realistic frames: noisy learning curves under full-fidelity and successive-halving methods."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from bohb_study.schema import SCHEMA_VERSION, build_frame
from bohb_study.store import write_cell
from bohb_study.store.sealed import sealed_json
from bohb_study.study import Cell
from paper_figures.figure_study import FigureStudy, FigureTask, Provenance

TOP = 27


def _loss(quality: float, epoch: int, rng: np.random.Generator) -> float:
    floor = 0.055 + 1.4 * quality**2.2
    decayed = floor + (2.3 - floor) * np.exp(-epoch * (0.12 + 0.5 * (1 - quality)))
    return float(decayed * np.exp(rng.normal(0, 0.05)))


def _rows(method: str, seed: int, budget: int) -> list[dict[str, Any]]:
    """Reports of one cell: every epoch is one, as on a task with a curve."""
    rng = np.random.default_rng([seed, sum(map(ord, method))])
    rows: list[dict[str, Any]] = []
    spent = trial = 0
    while spent < budget * TOP:
        halving = method in {"asha", "bohb", "hyperband"}
        skill = {"bohb": 0.25, "grid": 0.8}.get(method, 0.6) if trial > 20 else 0.75
        quality = float(rng.beta(2.5, 1.6 / skill))
        keep = 1 if not halving else rng.random() < (0.12 + 0.5 * (quality < 0.25))
        last = TOP if keep else int(rng.choice([1, 3, 9], p=[0.6, 0.25, 0.15]))
        for level in range(1, last + 1):
            if spent == budget * TOP:
                break
            spent += 1
            loss = _loss(quality, level, rng)
            rows.append(
                {
                    "seq": len(rows),
                    "trial": trial,
                    "config_id": f"{method}{seed}c{trial}",
                    "level": level,
                    "units": 1,
                    "units_restart": 1,
                    "units_total": spent,
                    "full_evals": spent / TOP,
                    "decision": "end" if level == last else "continue",
                    "val_loss": loss,
                    "test_loss": loss * 1.05,
                    "status": "ok",
                    "train_seconds": 0.01,
                    "search_seconds": 0.0,
                    "virtual_seconds": 0.01 * spent,
                }
            )
        trial += 1
    return rows


def _frame(
    methods: Sequence[str], seeds: int, *, task: str = "digits", budget: int = 50
) -> pd.DataFrame:
    rows = [
        {"task": task, "method": method, "seed": seed, **row}
        for method in methods
        for seed in range(seeds)
        for row in _rows(method, seed, budget)
    ]
    return build_frame(rows, {})


def _study(*frames: pd.DataFrame, optimum: float | None = None, **more: Any) -> FigureStudy:
    frame = pd.concat(frames, ignore_index=True)
    tasks = tuple(
        FigureTask(name, "epoch", TOP, "validation cross-entropy", optimum)
        for name in frame["task"].unique()
    )
    return FigureStudy(frame, tasks, Provenance("compare-1a2b3c4d", "abc1234", len(frame)), **more)


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., pd.DataFrame]:
    """Build a frame: methods, number of seeds, task, budget."""
    return _frame


@pytest.fixture(scope="session")
def make_study() -> Callable[..., FigureStudy]:
    """Build what a figure is drawn from out of frames."""
    return _study


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A small study on disk, as runs leave it: two methods, two seeds."""
    return _store(tmp_path / "compare-1a2b3c4d", _frame(["random", "bohb"], 2, budget=6))


def _store(folder: Path, frame: pd.DataFrame) -> Path:
    facts = {"unit": "epoch", "top": TOP, "optimum": None, "costs": [1, 3, 9, TOP], "eta": 3}
    facts |= {"curve": True, "resumable": True}
    facts |= {"val_metric": "validation loss", "test_metric": "test error"}
    study = {
        "schema": SCHEMA_VERSION,
        "name": "compare",
        "id": "1a2b3c4d",
        "config": {"workers": 1, "budget": 6.0, "eta": None},
        "tasks": {"digits": facts},
        "methods": ["random", "bohb"],
        "seeds": 2,
        "asked": {"digits": {"random": 2, "bohb": 2}},
    }
    folder.mkdir(parents=True)
    (folder / "study.json").write_bytes(sealed_json(study))
    for (method, seed), rows in frame.groupby(["method", "seed"]):
        record = {"git": {"commit": "abc1234", "dirty": seed == 1}, "study": "1a2b3c4d"}
        write_cell(folder, Cell("digits", method, seed), rows.reset_index(drop=True), record)
    return folder


AWKWARD = "</script><b>relu"
"""A choice that would end the page's data, were it not escaped."""


def _report_frame(task: str) -> pd.DataFrame:
    """Three methods, three seeds; on ``mfh3`` the noise-free loss is known, and one value is NA."""
    frame = _frame(["random", "asha", "bohb"], 3, task=task, budget=6)
    hyperparameters: dict[str, Any] = {"hp.lr": 10.0 ** -(1 + frame["trial"] % 4) / 3}
    hyperparameters["hp.l1"] = (4 + frame["trial"]).astype("Int64")
    if task == "mfh3":
        hyperparameters["hp.l1"] = hyperparameters["hp.l1"].mask(frame["trial"] == 0)
    else:
        hyperparameters["hp.activation"] = AWKWARD
    return frame.assign(
        **hyperparameters,
        true_loss=frame["val_loss"] - 1 if task == "mfh3" else float("nan"),
    )


@pytest.fixture(scope="session")
def report_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two tasks with its audit, which found something, and its table."""
    folder = tmp_path_factory.mktemp("report") / "compare-1a2b3c4d"
    folder.mkdir()
    facts = {"unit": "epoch", "top": TOP, "val_metric": "validation cross-entropy"}
    facts |= {"test_metric": "test error", "summary": "a network & its l1, lr"}
    study = {
        "schema": SCHEMA_VERSION,
        "name": "compare",
        "id": "1a2b3c4d",
        "config": {"workers": 1, "budget": 6.0},
        "tasks": {"digits": {**facts, "optimum": None}, "mfh3": {**facts, "optimum": -1.5}},
        "methods": ["random", "asha", "bohb"],
        "seeds": 3,
        "asked": {
            task: dict.fromkeys(["random", "asha", "bohb"], 3) for task in ("digits", "mfh3")
        },
    }
    (folder / "study.json").write_bytes(sealed_json(study))
    for task in ("digits", "mfh3"):
        for (method, seed), rows in _report_frame(task).groupby(["method", "seed"]):
            record = {"git": {"commit": "abc1234", "dirty": False}, "engine": "virtual"}
            record["study"] = "1a2b3c4d"
            write_cell(folder, Cell(task, method, seed), rows.reset_index(drop=True), record)
    found = {"where": "mfh3/asha", "what": "81/27 of <81>/27", "known": "it was cut off"}
    checks = {
        "ledger": {"state": "holds", "places": 18, "findings": [], "notes": []},
        "rungs": {"state": "known", "places": 6, "findings": [found], "notes": ["no plan: random"]},
        "range": {"state": "not applicable", "places": 0, "findings": [], "notes": []},
    }
    audit = {"schema": SCHEMA_VERSION, "study": "1a2b3c4d", "holds": True, "cells": 18}
    (folder / "audit.json").write_bytes(sealed_json({**audit, "rows": 2916, "checks": checks}))
    rows = "\n".join(f"| `{t}` | `bohb` | 0.1 [0.0, 0.2] |" for t in ("digits", "mfh3"))
    table = f"| task | method | validation loss |\n| --- | --- | --- |\n{rows}"
    notes = "* mean over 3 seeds\n* audit: passes"
    (folder / "table.md").write_text(f"compare\n\n{table}\n\n{notes}\n")
    return folder


LEAST_POINTS = 5.0
"""Of any text on a page."""


def _illegible(drawn: Figure) -> list[str]:
    """Texts that are too small, or leave the figure: a line each."""
    found: list[Text] = []
    draw = Text.draw
    with pytest.MonkeyPatch.context() as patch:
        # what is drawn, and not all that exist: ticks off the axis have texts, too

        def note(text: Text, *args: Any, **settings: Any) -> None:
            if text.get_visible() and text.get_text().strip():
                found.append(text)
            draw(text, *args, **settings)

        patch.setattr(Text, "draw", note)
        FigureCanvasAgg(drawn).draw()
    assert found
    page, bad = drawn.bbox.padded(1.0), []
    for text in dict.fromkeys(found):
        words, box = repr(text.get_text()), text.get_window_extent()
        if text.get_fontsize() < LEAST_POINTS:
            bad.append(f"{words}: {text.get_fontsize():g} pt")
        if not (
            page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        ):
            bad.append(f"{words}: leaves the page")
    return bad


@pytest.fixture(scope="session")
def illegible() -> Callable[[Figure], list[str]]:
    """What of a figure's text cannot be read."""
    return _illegible
