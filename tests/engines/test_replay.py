"""At two workers, where real Ray's order of arrival is its own: given it, decisions are Ray's."""

import sys
import time
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from ray import cloudpickle

from bohb_study.engines import tune, virtual
from bohb_study.engines.base import CellJob
from bohb_study.methods import get_method
from bohb_study.running.reproduction import Difference, compare_frames
from bohb_study.seeding import Config
from bohb_study.study import Cell
from bohb_study.tasks import ComputedTask, Evaluation, Report
from bohb_study.tasks.computed import ComputedEvaluation

pytestmark = [pytest.mark.ray, pytest.mark.long]

BUDGET = 9
TAIL = 3
"""Last rows left out: which worker finds the ledger closed first is Ray's affair."""


class SlowEvaluation(ComputedEvaluation):
    """Takes long enough for the other trial's pause to be saved meanwhile."""

    def advance(self, level: int) -> Report:
        time.sleep(0.1 + 0.25 * float(self._config["x"]))
        return super().advance(level)


@dataclass(frozen=True)
class SlowTask(ComputedTask):
    """Three rungs, no curve."""

    name: ClassVar[str] = "slow"
    levels: ClassVar[tuple[int, ...]] = (9, 27, 81)

    @property
    def hyperparameters(self) -> Any:
        from ConfigSpace import Float

        return [Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0))]

    def loss(self, config: Config, level: int, seed: int) -> float:
        noise = self.rng(config, level, seed).normal() / level
        return (float(config["x"]) - 0.3) ** 2 + (float(config["y"]) - 0.7) ** 2 + noise

    def start(self, config: Config, seed: int) -> Evaluation:
        return SlowEvaluation(self, config, seed)


class Replay(virtual.VirtualController):
    """Takes steps in a given order instead of by the clock."""

    def replay(self, order: list[tuple[int, int]]) -> pd.DataFrame:
        """Rows of the (trial, level) in ``order``; fewer, where one of them is not in flight."""
        self.order = order
        with pytest.raises(StopIteration):
            self.run()
        return self.recorder.frame()

    def _next(self) -> tuple[float, int, virtual.VirtualTrial]:
        wanted = self.order.pop(0) if self.order else None
        for i, (_, _, trial) in enumerate(self._steps):
            number = self._pair.searcher.suggestions[trial.trial_id].number
            if (number, trial.step.target) == wanted:
                return self._steps.pop(i)
        raise StopIteration


class RefillsOnceAllIsDone(Replay):
    """A wrong order: new trials are asked for only while nothing runs."""

    def _refill(self) -> None:
        if not self._steps:
            super()._refill()


def difference(job: CellJob, real: pd.DataFrame, controller: type[Replay]) -> Difference | None:
    """The first place where the replay of a real run departs from it."""
    order = list(zip(real["trial"], real["level"], strict=True))[:-TAIL]
    pair = get_method(job.cell.method).build(job.problem)
    np.random.seed(job.problem.model_seed)  # noqa: NPY002 (as the engine does)
    # a few units more, so that the last rows are not the ledger's business
    replayed = controller(replace(job, budget=BUDGET + 3), pair).replay(order[:])
    # the last row of any frame says `end`
    frames = [f.iloc[: len(order) - 1].assign(virtual_seconds=0.0) for f in (real, replayed)]
    return compare_frames(*frames)


def test_two_workers_decide_as_real_ray_does(runtime: None) -> None:
    """Configurations, rungs, brackets, decisions; a wrong order of calls shows in them."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    # Ray has moments that an engine without actors has not: a report may come in while another
    # trial's pause is being saved, or while an actor starts. Such a run is not comparable, and
    # another one is made; a wrong order of calls would show in each of them.
    for seed in range(4):
        job = CellJob(Cell("slow", "bohb", seed), SlowTask(), BUDGET, workers=2)
        real = tune.run_cell(job).frame
        found = difference(job, real, Replay)
        if found is None:
            break
    assert found is None
    assert real["trial"].nunique() > 9
    late = difference(job, real, RefillsOnceAllIsDone)
    assert late is not None
    assert late.row < 20
