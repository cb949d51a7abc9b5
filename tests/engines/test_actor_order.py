"""Whatever order actors finish in, and whichever of them die: the rows of one process.

Without Ray: the pool is one whose actors finish, die and lose states by chance, many times over.
"""

from collections import defaultdict
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from bohb_study.engines import actor_trainers, virtual
from bohb_study.engines.actor_trainers import ActorTrainers
from bohb_study.engines.base import CellJob, CellResult, run_cell
from bohb_study.errors import StudyError
from bohb_study.methods import METHODS
from bohb_study.running.reproduction import compare_frames
from bohb_study.seeding import Config
from chance_pool import ChancePool, OtherTask
from toy_cells import ToyEvaluation, ToyTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

happened: Any = defaultdict(lambda: np.zeros(3, dtype=int))
"""Deaths, units repeated and units unused, by method."""


class Stateless(ToyEvaluation):
    """A training whose state raises, or cannot be pickled."""

    def state(self) -> dict[str, Any]:
        if self.task.breaks == "state":
            raise ValueError("the function's state cannot be pickled")
        return {"level": lambda: self.level}


class StatelessTask(ToyTask):
    """The toy, which cannot be saved."""

    def start(self, config: Config, seed: int) -> Any:
        return Stateless(self, config, seed)


@cache
def in_process(job: CellJob) -> CellResult:
    return run_cell(replace(job, actors=0))


@pytest.mark.parametrize("workers", [1, 3, 8])
@pytest.mark.parametrize("method", METHODS)
def test_rows_of_one_process(
    method: str, workers: int, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every method, whether it stops trials, pauses them or neither; two and more actors."""
    monkeypatch.setattr(actor_trainers, "ActorPool", ChancePool)
    cell = job(method, ToyTask(breaks="draws"), budget=12, workers=workers)
    for actors in {1, max(1, workers // 2), workers}:
        result = run_cell(replace(cell, actors=actors))
        assert compare_frames(in_process(cell).frame, result.frame) is None
        assert result.account == in_process(cell).account
        spent = result.parallel
        assert spent is not None
        units = result.account.charged + spent.repeated + spent.unused
        assert ChancePool.made.pop().trained == units
        happened[method] += [spent.deaths, spent.repeated, spent.unused]
    if workers == 8:
        # the dice are seeded: what is to be withstood has happened, for every method
        assert (happened[method] > 0).all(), happened[method]


def test_what_is_trained_ahead_changes_no_row(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nothing is trained that is not paid; with it, something is."""
    monkeypatch.setattr(actor_trainers, "ActorPool", ChancePool)
    cell = replace(job("asha", budget=12, workers=3), actors=2)
    unused = []
    for ahead in (False, True):
        pair = cell.pair()
        trainers = ActorTrainers(cell, pair.scheduler.due, ahead=ahead)
        result = virtual.run_pair(cell, pair, trainers=trainers)
        assert compare_frames(in_process(cell).frame, result.frame) is None
        assert result.parallel is not None
        unused.append(result.parallel.unused)
    assert unused[0] == 0 < unused[1]


@pytest.mark.parametrize("saved_from", [-1.0, 5.0])
def test_a_pause_that_nobody_could_know_of(
    saved_from: float, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial that was trained, and maybe saved, past it goes back to where it was paused."""
    monkeypatch.setattr(actor_trainers, "ActorPool", ChancePool)
    monkeypatch.setattr(actor_trainers, "SAVED_FROM", saved_from)
    monkeypatch.setattr(actor_trainers.ActorTrainers, "_goes_on", lambda self, one: one.level < 9)
    cell = job("hyperband", budget=12, workers=4)
    result = run_cell(replace(cell, actors=4))
    assert compare_frames(in_process(cell).frame, result.frame) is None
    spent = result.parallel
    assert spent is not None
    assert spent.unused > 9
    assert ChancePool.made.pop().trained == 12 * 9 + spent.repeated + spent.unused


@pytest.mark.parametrize("breaks", ["state", ""])
def test_a_state_that_nobody_needs_fails_no_training(
    breaks: str, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken after each step here, in case that the actor dies, which some do."""
    monkeypatch.setattr(actor_trainers, "ActorPool", ChancePool)
    monkeypatch.setattr(actor_trainers, "SAVED_FROM", -1.0)
    cell = job("asha", StatelessTask(breaks=breaks), budget=12, workers=3)
    result = run_cell(replace(cell, actors=3))
    assert compare_frames(in_process(cell).frame, result.frame) is None
    assert result.failures == {}
    assert result.parallel is not None
    assert result.parallel.deaths > 0


def test_trainings_that_differ_each_time_are_refused(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An actor dies, and what it trained gives other losses: its rows would be those of chance."""
    monkeypatch.setattr(actor_trainers, "ActorPool", ChancePool)
    cell = replace(job("random", OtherTask(), budget=12, workers=3), actors=2)
    with pytest.raises(StudyError, match=r"gave val_loss .* not the same each time"):
        run_cell(cell)
