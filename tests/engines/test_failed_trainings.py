"""Trainings without a result: last for every method, whatever the scale and sign of the losses.

And what is measured on test data reaches no method.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float

from bohb_study.analysis.diagnostics.brackets import check_rungs
from bohb_study.analysis.incumbents.rules import RULES, chosen
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.losses import LOSS_LIMIT
from bohb_study.methods import get_method
from bohb_study.methods.base import METRIC, STATUS, TIME, WORST, seen, succeeded
from bohb_study.methods.registry import ALL
from bohb_study.schema import validate
from bohb_study.seeding import Config, trial_seed
from bohb_study.study import Cell
from bohb_study.tasks import Evaluation, Ladder, Report, Task

pytestmark = [
    pytest.mark.filterwarnings("ignore:After 0.17 or January 2028:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster"),
]

NOTHING = float("nan")
CELL = Cell("failing", "hpbandster-bohb", 1)


@dataclass(frozen=True)
class Failing(Task):
    """A noisy curve; a third of all configurations raise, diverge at once or fail after a while.

    Losses are multiples of 2**-20 below 4, so that a power of two and a shift change no bit.
    """

    scale: float = 1.0
    shift: float = 0.0
    test: str = "loss"
    """What is measured on test data: the loss, or "nan", "inf", "negated" of it."""
    breaks: float = 0.85
    """From which x on it raises."""

    name: ClassVar[str] = "failing"
    summary = val_metric = test_metric = "a curve with failures"
    grid_order = ("x", "y", "kind")
    own_ladder = Ladder("epoch", (1, 3, 9), eta=3, curve=True, resumable=True)

    def space(self, seed: int) -> ConfigurationSpace:
        space = ConfigurationSpace(seed=seed)
        space.add(Float("x", (0, 1)), Float("y", (0, 1)), Categorical("kind", ["a", "b", "c"]))
        return space

    def start(self, config: Config, seed: int) -> "Curve":
        return Curve(self, config, seed)

    def duration(self, config: Config, start: int, end: int) -> float:
        return (end - start) * (1 + float(config["x"]))


@dataclass(frozen=True)
class Hopeless(Failing):
    """All of them raise."""

    name: ClassVar[str] = "hopeless"

    def start(self, config: Config, seed: int) -> "Curve":
        raise LookupError("no data")


class Curve(Evaluation):
    def __init__(self, task: Failing, config: Config, seed: int) -> None:
        self.task, self.config, self.level = task, config, 0
        self.seed = trial_seed(task.name, seed, config)

    def advance(self, level: int) -> Report:
        units, self.level = level - self.level, level
        x, y = float(self.config["x"]), float(self.config["y"])
        if x > self.task.breaks:
            raise SystemExit("no such layer")
        if y > 0.9:
            return self.task.failure(units, 0.0, "diverged")
        if self.config["kind"] == "c" and y < 0.3 and level > 2:
            raise FloatingPointError("overflow")  # after epochs that looked well
        noise = np.random.default_rng([self.seed, level]).random() / 8
        plain = (x - 0.3) ** 2 + (y - 0.4) ** 2 + 1 / level + noise
        loss = (round(plain * 2**20) / 2**20 + self.task.shift) * self.task.scale
        test = {"loss": loss, "nan": NOTHING, "inf": math.inf, "negated": -loss}[self.task.test]
        return Report(loss, test, 0.0, units)

    def state(self) -> dict[str, Any]:
        return {"level": self.level}

    def restore(self, state: dict[str, Any]) -> None:
        self.level = state["level"]


@cache
def frame_of(method: str, task: Failing, workers: int = 1) -> pd.DataFrame:
    budget = 12 if method == "gp" else 16
    job = CellJob(Cell(task.name, method, 1), task, budget, workers=workers)
    result = run_cell(job)
    assert result.account.violations() == []
    return validate(result.frame)


def decisions(frame: pd.DataFrame) -> pd.DataFrame:
    """All rows, but for the losses and what is measured."""
    return frame.drop(columns=["val_loss", "test_loss", "train_seconds", "search_seconds"])


WITH_WORKERS = (
    *("median", "asha", "asha-promotion", "asha-bohb"),
    *("hyperband", "bohb", "hpbandster-bohb", "tpe"),
)
"""One of each kind, beside all with one worker."""
CELLS = [*((method, 1) for method in ALL), *((method, 3) for method in WITH_WORKERS)]


@pytest.mark.parametrize(("method", "workers"), CELLS)
def test_neither_the_unit_of_the_losses_nor_the_test_part_decides_anything(
    method: str, workers: int
) -> None:
    """From 1e-12 to 1e300: a power of two is exact, so all else must be equal to the last bit."""
    plain = frame_of(method, Failing(), workers)
    without = plain["status"] != "ok"
    assert 0 < without.sum() < len(plain)
    assert plain.loc[without, ["val_loss", "test_loss"]].isna().all(axis=None)
    for scale, test in ((2.0**30, "nan"), (2.0**-40, "inf"), (2.0**996, "negated")):
        scaled = frame_of(method, Failing(scale=scale, test=test), workers)
        pd.testing.assert_frame_equal(decisions(scaled), decisions(plain), check_exact=True)
        assert scaled["val_loss"].equals(plain["val_loss"] * scale)
        assert scaled["test_loss"].isna().equals(without | (test != "negated"))


@pytest.mark.parametrize("method", [method for method in ALL if method != "gp"])
def test_nor_does_their_sign(method: str) -> None:
    """Far below 0 a failure is as bad as ever. (The GP's standardised losses are not as exact.)"""
    plain, low = (frame_of(method, Failing(shift=shift)) for shift in (0.0, -4096.0))
    assert (low.loc[low["status"] == "ok", "val_loss"] < -4000).all()
    pd.testing.assert_frame_equal(decisions(low), decisions(plain), check_exact=True)


HALVING = [name for name in ALL if get_method(name).plan]


@pytest.mark.parametrize("method", HALVING)
def test_no_failure_is_promoted_before_a_result(method: str) -> None:
    """In no rung of no bracket; HpBandSter promotes none at all, and fills up with new trials."""
    frame = frame_of(method, Failing(scale=2.0**30))
    top = frame.groupby("trial")["level"].max()
    met = 0
    for (_, level), rung in frame[frame["rung"].notna()].groupby(["bracket", "level"]):
        rung = rung[rung["level"] < 9]
        went_on = rung["trial"].map(top) > level
        failed = rung["status"] != "ok"
        met += failed.any()
        if (went_on & failed).any():
            assert not method.startswith("hpbandster")
            # the last bracket ends where the budget does
            assert went_on[~failed].all() or rung["bracket"].iloc[0] == frame["bracket"].max()
    assert met > 0


def test_hpbandster_fills_the_places_of_crashes_as_planned() -> None:
    """With new configurations, at the next budget: the places are those of the plan."""
    for method in ("hpbandster-hyperband", "hpbandster-bohb"):
        frame = frame_of(method, Failing(breaks=0.2))
        planned = get_method(method).plan
        assert planned is not None
        plan = [[(r.level, r.trials) for r in bracket] for bracket in planned(Failing.own_ladder)]
        first = frame[frame["rung"].notna()].drop_duplicates("trial")
        lowest = [plan[bracket % len(plan)][0][0] for bracket in first["bracket"]]
        assert (first["level"] > lowest).sum() > 1
        checks = check_rungs(frame, plan, 1)
        assert sum(check.complete for check in checks) > 3
        assert all(check.passes for check in checks)


@pytest.mark.parametrize("method", ["random", "asha", "asha-promotion", "bohb"])
def test_no_failure_becomes_the_incumbent(method: str) -> None:
    frame = frame_of(method, Failing(scale=2.0**996))
    for rule in RULES:
        held = chosen(frame, rule, 9)
        assert (held >= 0).any()
        assert (frame["status"].to_numpy()[held[held >= 0]] == "ok").all()


@pytest.mark.parametrize(
    "method", ["random", "asha-promotion", "hyperband", "hpbandster-bohb", "median", "tpe"]
)
def test_nothing_but_failures_ends_as_any_other(method: str) -> None:
    frame = frame_of(method, Hopeless())
    assert (frame["status"] == "failed").all()
    assert frame["units"].sum() == 16 * 9


def test_a_crash_is_hpbandsters_own() -> None:
    """Never promoted, dropped at once, and of infinite loss in the model."""
    pair = get_method("hpbandster-bohb").build(CellJob(CELL, Failing(), 16).problem)
    searcher: Any = pair.searcher.searcher
    master = searcher.master
    for trial in "ab":
        pair.searcher.suggest(trial)
    searcher.on_trial_result("a", seen(Failing().failure(1, 0.0), 1))
    searcher.on_trial_result("b", seen(Report(1e300, 0.0, 0.0, 1), 1))
    assert (master.dropped("a"), master.dropped("b")) == (True, False)
    assert master.config_generator.losses[1] == [math.inf, 1e300]


def test_methods_see_a_number_and_whether_it_is_one() -> None:
    report = Report(0.5, -1.0, 0.0, 1, extra={"f1": 1.0})
    assert seen(report, 3) == {METRIC: 0.5, TIME: 3, STATUS: "ok"}
    assert succeeded(seen(report, 3))
    assert succeeded({METRIC: 0.5})
    for status in ("failed", "diverged"):
        result = seen(Failing().failure(1, 0.0, status), 9)
        assert result == {METRIC: WORST, TIME: 9, STATUS: status}
        assert not succeeded(result)
    assert LOSS_LIMIT == WORST == 2.0**1000
    assert math.isfinite(sum([WORST] * 2**20))
