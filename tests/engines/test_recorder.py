"""Reports become rows: the columns are those of rows written by hand."""

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Constant, Float, Integer

from bohb_study.budget import Ledger
from bohb_study.engines.base import CellJob
from bohb_study.engines.recorder import Recorder, hyperparameter_kinds
from bohb_study.engines.sealed_report import SealedReport
from bohb_study.methods.recording.recording_scheduler import Record
from bohb_study.methods.recording.recording_searcher import Suggestion
from bohb_study.schema import build_frame, rows_hash, validate
from bohb_study.seeding import Config, config_id
from bohb_study.study import Cell
from bohb_study.tasks import Evaluation, Ladder, Report, Task

KINDS: Any = {"fixed": "int", "flag": "bool", "kind": "str", "n": "int", "x": "float"}


@dataclass(frozen=True)
class MixedTask(Task):
    """Hyperparameters of every kind; ``n`` may be inactive."""

    curve: bool = True

    name: ClassVar[str] = "mixed"
    summary = val_metric = test_metric = "nothing"
    extra_names = ("weights", "memory")
    grid_order = ("x",)

    @property
    def own_ladder(self) -> Ladder:
        costs = (1, 3, 9) if self.curve else (2, 6, 18)
        return Ladder("epoch", costs, eta=3, curve=self.curve, resumable=self.curve)

    def space(self, seed: int) -> ConfigurationSpace:
        space = ConfigurationSpace(seed=seed)
        space.add(
            Float("x", (0.0, 1.0)),
            Integer("n", (1, 9)),
            Categorical("kind", ["a", "b"]),
            Categorical("flag", [True, False]),
            Constant("fixed", 3),
        )
        return space

    def start(self, config: Config, seed: int) -> Evaluation:
        raise NotImplementedError

    def duration(self, config: Config, start: int, end: int) -> float:
        return (end - start) * float(config["x"])

    def true_loss(self, config: Config) -> float | None:
        return float(config["x"]) if config["kind"] == "a" else None


A: Config = {"x": 0.5, "n": 4, "kind": "a", "flag": True, "fixed": 3}
B: Config = {"x": 2.0, "kind": "b", "flag": False, "fixed": 3}


def stub(*seconds: float, restarts: bool = False) -> Any:
    """A pair that suggested A as trial 4 by a model, and B as trial 7 at random."""
    left = list(seconds)
    searcher = SimpleNamespace(
        suggestions={"one": Suggestion(4, A, True), "two": Suggestion(7, B, False)},
        take_seconds=lambda: left.pop(0) if left else 0.0,
        told=[],
    )
    scheduler = SimpleNamespace(
        bracket_numbers={"one": 2, "two": None},
        restarts=restarts,
        take_seconds=lambda: 0.5,
        told=[],
    )
    return SimpleNamespace(searcher=searcher, scheduler=scheduler)


def cell_job(workers: int = 1, curve: bool = True) -> CellJob:
    return CellJob(Cell("mixed", "bohb", 3), MixedTask(curve=curve), 2, workers)


def report(loss: float, units: int = 1, **more: Any) -> SealedReport:
    extra = {"weights": 7.0, "memory": math.nan}
    if more.get("status", "ok") != "ok":
        loss = math.nan
    seconds = more.pop("seconds", 0.25)
    return SealedReport(Report(loss, loss / 2, seconds, units, extra=extra, **more))


def row(seq: int, trial: int, level: int, **more: Any) -> dict[str, Any]:
    config = A if trial == 4 else B
    return {
        "task": "mixed",
        "method": "bohb",
        "seed": 3,
        "seq": seq,
        "trial": trial,
        "config_id": config_id(config),
        "level": level,
        "units": 1,
        "units_restart": 1,
        "units_total": seq + 1,
        "full_evals": (seq + 1) / 9,
        "bracket": 2 if trial == 4 else None,
        "rung": None,
        "decision": "continue",
        "model_based": trial == 4,
        "true_loss": 0.5 if trial == 4 else None,
        "status": "ok",
        "train_seconds": 0.25,
        "extra.weights": 7.0,
        "extra.memory": None,
        **{f"hp.{name}": value for name, value in config.items()},
        **more,
    }


def test_rows_are_those_written_by_hand() -> None:
    """All kinds, NA wherever it may be, two trials in turns, a failure, a step in flight."""
    recorder = Recorder(cell_job(), stub(0.125, 0.0, 0.75, restarts=True))
    recorder.add("one", 1, 1, report(1.0), Record("pause", 0))
    recorder.add("two", 1, 1, report(0.5), Record("promote", 0))
    recorder.add(
        "two", 2, 1, report(9.0, status="failed", message="Error: why"), Record("continue", None)
    )
    recorder.add("one", 2, 1, report(0.75, status="diverged"), Record("continue", None))
    recorder.add("two", 3, 1, report(9.0, status="failed", message="again"), None)
    recorder.add("one", 3, 1, report(0.25), Record("promote", 1))
    expected = build_frame(
        [
            row(0, 4, 1, rung=0, decision="pause", val_loss=1.0, test_loss=0.5)
            | {"virtual_seconds": 0.5, "search_seconds": 0.125},
            row(1, 7, 1, rung=0, decision="promote", val_loss=0.5, test_loss=0.25)
            | {"virtual_seconds": 2.5, "search_seconds": 0.0},
            # paused at rung 0: from scratch it would pay both epochs
            row(2, 7, 2, val_loss=None, test_loss=None, status="failed", units_restart=2)
            | {"virtual_seconds": 4.5, "search_seconds": 0.75},
            row(3, 4, 2, val_loss=None, test_loss=None, status="diverged", units_restart=2)
            | {"virtual_seconds": 5.0, "search_seconds": 0.0},
            row(4, 7, 3, decision="end", val_loss=None, test_loss=None, status="failed")
            | {"virtual_seconds": 7.0, "search_seconds": 0.0},
            # whatever was decided about it, it ends the cell
            row(5, 4, 3, rung=1, decision="end", val_loss=0.25, test_loss=0.125)
            | {"virtual_seconds": 7.5, "search_seconds": 0.0},
        ],
        KINDS,
        ["weights", "memory"],
    )
    frame = recorder.frame()
    pd.testing.assert_frame_equal(frame, expected, check_exact=True)
    assert rows_hash(frame) == rows_hash(expected)
    validate(frame)
    assert frame["hp.n"].isna().tolist() == [False, True, True, False, True, False]
    assert recorder.failures == {7: "Error: why"}
    assert recorder.progress == (6, 0.25)
    assert recorder.executed == 6


def test_the_best_is_the_best_of_what_was_trained() -> None:
    recorder = Recorder(cell_job(), stub())
    recorder.add("one", 1, 1, report(0.1, status="diverged"), Record("continue", None))
    assert recorder.progress == (1, None)
    recorder.add("one", 2, 1, report(0.5), Record("continue", None))
    recorder.add("one", 3, 1, report(0.7), Record("end", 1))
    assert recorder.progress == (3, 0.5)


@pytest.mark.parametrize(("restarts", "third"), [(True, 18), (False, 12)])
def test_only_a_scheduler_that_puts_trials_away_would_restart_them(
    restarts: bool, third: int
) -> None:
    recorder = Recorder(cell_job(), stub(restarts=restarts))
    recorder.add("one", 3, 3, report(1.0), Record("continue", None))
    recorder.add("one", 6, 3, report(1.0), Record("pause", 1))
    recorder.add("one", 18, 12, report(1.0), Record("continue", None))
    assert recorder.frame()["units_restart"].tolist() == [3, 3, third]


def test_modelled_time_without_a_curve_counts_each_level_from_scratch() -> None:
    recorder = Recorder(cell_job(curve=False), stub())
    recorder.add("one", 2, 2, report(1.0), Record("pause", 0))
    recorder.add("one", 6, 6, report(1.0), Record("pause", 1))
    assert recorder.frame()["virtual_seconds"].tolist() == [1.0, 4.0]


def test_modelled_time_at_several_workers_is_what_the_engine_knows() -> None:
    recorder = Recorder(cell_job(workers=2), stub())
    recorder.add("one", 1, 1, report(1.0), Record("continue", None), arrival=0.75)
    recorder.add("two", 1, 1, report(1.0), Record("continue", None))
    frame = recorder.frame()
    assert frame["virtual_seconds"].iloc[0] == 0.75
    assert frame["virtual_seconds"].isna().tolist() == [False, True]


def test_a_trial_that_has_ended_keeps_its_rows() -> None:
    """Its id may come again in another cell's recorder, never in this one."""
    recorder = Recorder(cell_job(), stub())
    recorder.add("one", 1, 1, report(1.0), Record("stop", 0))
    recorder.forget("one")
    recorder.forget("never there")
    recorder.add("two", 1, 1, report(1.0), Record("stop", 0))
    assert recorder.frame()["trial"].tolist() == [4, 7]


def test_an_empty_cell_is_an_empty_valid_frame() -> None:
    """A space that is empty from the start must not take the study down."""
    frame = Recorder(cell_job(), stub()).frame()
    assert len(frame) == 0
    validate(frame)
    expected = build_frame([], KINDS, ["weights", "memory"])
    pd.testing.assert_frame_equal(frame, expected, check_exact=True)


def test_seconds_add_up_to_the_wall_and_the_account_to_the_ledger() -> None:
    recorder = Recorder(cell_job(), stub(0.125, 0.25, 1.0))
    ledger = Ledger(2)
    for level in (1, 2):
        ledger.charge(1)
        recorder.add("one", level, 1, report(1.0, seconds=2.0), Record("continue", None))
    ledger.charge(1)
    result = recorder.result(ledger, wall=10.0, at_once=2)
    # the searcher was asked once more after the last report
    assert result.seconds == {
        "wall": 10.0,
        "training": 4.0,
        "searching": 1.375,
        "scheduling": 0.5,
        "engine": 10.0 - 4.0 / 2 - 1.375 - 0.5,
    }
    assert result.account.violations() == []
    assert (result.account.charged, result.account.executed) == (2, 2)


def test_kinds_of_mixed_choices_and_constants() -> None:
    space = ConfigurationSpace()
    space.add(
        Categorical("numbers", [1, 2.5]),
        Categorical("counts", [1, 2]),
        Categorical("switch", [True, False]),
        Categorical("mixed", ["a", 1]),
        Constant("name", "x"),
        Constant("rate", 0.5),
        Integer("n", (1, 2)),
        Float("x", (0, 1)),
    )
    assert hyperparameter_kinds(space) == {
        "numbers": "str",
        "counts": "int",
        "switch": "bool",
        "mixed": "str",
        "name": "str",
        "rate": "float",
        "n": "int",
        "x": "float",
    }
