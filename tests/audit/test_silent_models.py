"""Why a model suggested nothing: too few observations, too late, or chance; never two at odds."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from bohb_study.audit import silent_models as module
from bohb_study.audit.silent_models import silent_models


def study(rows: pd.DataFrame, needed: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "observations_needed", lambda *_: needed)
    return SimpleNamespace(
        pairs=lambda: [("t", "bohb")], rows=lambda *_: rows, tasks={"t": SimpleNamespace(top=9)}
    )


def trials(count: int, by_model: tuple[int, ...] = (), seed: int = 0) -> pd.DataFrame:
    """One full evaluation a trial."""
    return pd.DataFrame(
        {
            "task": "t",
            "method": "bohb",
            "seed": seed,
            "seq": range(count),
            "trial": range(count),
            "level": 9,
            "rung": pd.array([pd.NA] * count, dtype="Int64"),
            "model_based": pd.array([i in by_model for i in range(count)], dtype="boolean"),
        }
    )


@pytest.mark.parametrize(
    ("count", "why"),
    [
        (1, "a model needs 4 observations at one fidelity, there was 1"),
        (3, "a model needs 4 observations at one fidelity, there were 3"),
        (4, "no trial was suggested after the 4 observations that a model needs"),
        (5, "the only suggestion after it could exist was drawn at random, as a share of them is"),
        (7, "the 3 suggestions after it could exist were drawn at random, as a share of them is"),
    ],
)
def test_the_reason_is_the_one_that_holds(
    count: int, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (said,) = silent_models(study(trials(count), 4, monkeypatch))
    assert said == f"t: bohb made no suggestion from its model in 1 of 1 cell: {why}"


def test_cells_that_differ_have_a_reason_each(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pd.concat([trials(2), trials(3, seed=1), trials(5, seed=2), trials(6, (5,), seed=3)])
    (said,) = silent_models(study(rows, 4, monkeypatch))
    assert said == (
        "t: bohb made no suggestion from its model in 3 of 4 cells: a model needs 4 observations "
        "at one fidelity, there were at most 3; the only suggestion after it could exist was drawn "
        "at random, as a share of them is"
    )


def test_a_model_that_suggests_is_not_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(silent_models(study(trials(6, (5,)), 4, monkeypatch))) == []
