"""Where the scale of the losses comes from; no method but random search can move it."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.errors import StudyError
from bohb_study.seeding import plain
from bohb_study.store.sidecars.references_json import write_references
from bohb_study.summaries.normalisation_references import (
    references,
    store_references,
    stored_references,
)
from bohb_study.tasks import make_task

ROWS = [
    # method, level, status, val_loss
    ("random", 27, "ok", 0.5),
    ("random", 27, "ok", 0.3),
    ("random", 27, "ok", 0.9),
    ("random", 27, "diverged", 7.0),
    ("random", 9, "ok", 0.1),
    ("bohb", 27, "ok", 0.2),
]
FRAME = pd.DataFrame(ROWS, columns=["method", "level", "status", "val_loss"]).assign(task="digits")
DIGITS = {"digits": make_task("digits")}


def test_a_computed_task_has_its_own() -> None:
    task = make_task("branin-mf")
    own = references({"branin-mf": task}, FRAME)["branin-mf"]
    drawn = task.space(0).sample_configuration(1000)
    losses = [task.true_loss(plain(dict(config))) for config in drawn]
    assert (own.best, own.median, own.count) == (task.optimum, np.median(losses), 1000)
    assert own.source == (
        "best: the optimum; median: noise-free loss at full fidelity of 1,000 configurations drawn "
        "from the task's space with seed 0"
    )


def test_without_an_optimum_the_best_is_that_of_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task("branin-mf")
    monkeypatch.setattr(type(task), "optimum", None)
    own = references({"branin-mf": task}, FRAME)["branin-mf"]
    losses = [task.true_loss(plain(dict(c))) for c in task.space(0).sample_configuration(1000)]
    assert own.best == min(losses)  # type: ignore[type-var]
    assert own.source.startswith("best: the lowest of the same")


def test_a_trained_task_is_measured_by_random_search_alone() -> None:
    own = references(DIGITS, FRAME)["digits"]
    assert (own.best, own.median, own.count) == (0.3, 0.5, 3)
    assert "random search's 3 successful full evaluations" in own.source
    other = FRAME.assign(val_loss=FRAME["val_loss"].where(FRAME["method"] == "random", 0.0))
    assert references(DIGITS, other) == {"digits": own}


@pytest.mark.parametrize(
    "rows", [FRAME[FRAME["method"] == "bohb"], FRAME.iloc[:1], FRAME.assign(task="mnist")]
)
def test_there_may_be_none(rows: pd.DataFrame) -> None:
    assert references(DIGITS, rows) == {}


def test_they_are_stored_with_the_study(tmp_path: Path) -> None:
    assert stored_references(tmp_path, "ab12") == {}
    found = {"digits": Reference(0.3, 0.5, "by hand", 3)}
    path = store_references(tmp_path, "ab12", found)
    assert path.name == "references.json"
    assert stored_references(tmp_path, "ab12") == found
    fields = asdict(found["digits"])
    del fields["median"]
    write_references(tmp_path, "ab12", {"digits": fields})
    with pytest.raises(StudyError, match=r"references.json: damaged: .*median"):
        stored_references(tmp_path, "ab12")
