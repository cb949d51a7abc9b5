"""What the runner says of a cell beside that it is done."""

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ConfigSpace import Float

from bohb_study import FunctionTask
from bohb_study.engines.base import CellJob, CellResult, ParallelTraining, run_cell
from bohb_study.running.runner import _best, remarks
from bohb_study.study import Cell

SPACE = (Float("x", (0.0, 1.0)),)


def exits(config: dict[str, Any], seed: int) -> Iterator[Any]:
    if config["x"] > 0.5:
        sys.exit("bad configuration")
    while True:
        yield config["x"]


def raises(config: dict[str, Any], seed: int) -> Iterator[Any]:
    raise LookupError("no such layer")
    yield 1.0


def misnamed(config: dict[str, Any], seed: int) -> Iterator[Any]:
    while True:
        yield {"mean_loss": config["x"]}


def untested(config: dict[str, Any], seed: int) -> Iterator[Any]:
    while True:
        yield {"loss": config["x"], "auc": math.nan}


def restarts(config: dict[str, Any], seed: int, state: Any = None) -> Iterator[Any]:
    for epoch in range(1, 10):
        yield {"loss": config["x"] + 1 / epoch, "state": epoch}


def goes_on(config: dict[str, Any], seed: int, state: Any = None) -> Iterator[Any]:
    for epoch in range((state or 0) + 1, 10):
        yield {"loss": config["x"] + 1 / epoch, "state": epoch}


def run(train: Any, method: str = "random", **options: Any) -> CellResult:
    task = FunctionTask(train, SPACE, 9, **options)
    return run_cell(CellJob(Cell(task.name, method, 0), task, 5))


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (exits, "3 of 5 trainings failed; first trial 1: SystemExit: bad configuration"),
        (raises, "5 of 5 trainings failed; first trial 0: LookupError: no such layer"),
        (
            misnamed,
            "5 of 5 trainings failed; first trial 0: ValueError: the function reported no 'loss' "
            "but mean_loss; metric= names another key",
        ),
    ],
)
def test_failures_are_counted_and_the_first_is_explained(train: Any, said: str) -> None:
    result = run(train)
    (line,) = remarks(result, resumable=True)
    assert line == said
    assert (_best(result.frame) is None) == said.startswith("5 of 5")


def test_a_test_metric_that_is_never_defined() -> None:
    """The likely reason is that it goes by another name."""
    result = run(untested, test="auc")
    assert (result.frame["status"] == "ok").all()
    assert remarks(result, True) == ["the test loss is not defined in any row"]


def test_a_function_that_ignores_its_state() -> None:
    (line,) = remarks(run(restarts, "hyperband"), resumable=True)
    assert line.endswith(
        "a training reports its first losses again: it starts over; does a "
        "function ignore its state?"
    )
    assert remarks(run(goes_on, "hyperband"), resumable=True) == []


def test_trainings_that_all_diverged() -> None:
    frame = run(goes_on).frame
    frame["status"] = "diverged"
    frame[["val_loss", "test_loss"]] = math.nan
    result = CellResult(frame, None, {}, {}, "", None)  # type: ignore[arg-type]
    assert remarks(result, True) == ["none of 5 trainings has a result: all diverged"]


def test_actors_that_died_are_said() -> None:
    result = run(goes_on, "hyperband")
    parallel = ParallelTraining(2, 10.0, 9.0, 0.5, 0.25, repeated=12, deaths=3)
    (line,) = remarks(replace(result, parallel=parallel), resumable=True)
    assert line == (
        "3 of its actors died and were replaced; 12 units were trained again and not counted in "
        "the budget"
    )
    assert remarks(replace(result, parallel=replace(parallel, deaths=0)), True) == []
