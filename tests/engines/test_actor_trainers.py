"""Trials trained in Ray's actors: the rows of one process, whatever they take and whoever dies."""

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray.exceptions import ObjectLostError

from bohb_study.engines import actor_trainers
from bohb_study.engines.actor_pool import ActorPool
from bohb_study.engines.base import CellJob, CellResult, ParallelTraining, run_cell
from bohb_study.engines.trial_limits import TrialLimits
from bohb_study.errors import StudyError, UsageError
from bohb_study.running.reproduction import compare_frames
from bohb_study.seeding import Config
from bohb_study.tasks import Report
from toy_cells import ToyEvaluation, ToyTask

pytestmark = [
    pytest.mark.ray,
    pytest.mark.long,
    pytest.mark.usefixtures("runtime", "by_value_too"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster"),
]


@pytest.fixture(scope="module")
def by_value_too() -> Iterator[None]:
    """The tasks below cannot be imported elsewhere either."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


POISONED = 0.4
HOARD = 0.1


def in_actor() -> bool:
    return ray.get_runtime_context().get_actor_id() is not None


class MovedEvaluation(ToyEvaluation):
    """Takes its time, draws from the global generators, and kills its process where it is told."""

    def advance(self, level: int) -> Report:
        task: Any = self.task
        time.sleep(float(np.random.default_rng().uniform(0, task.delay)))
        fatal = task.strikes() if task.kills else 0
        if fatal % 2 or (task.poison and self.config["x"] > POISONED and in_actor()):
            os.kill(os.getpid(), signal.SIGKILL)
        if task.hog and self.config["x"] > POISONED and in_actor():
            kept = bytearray(12 * 10**8) if self.config["y"] > HOARD else b""  # noqa: F841
            time.sleep(600)
        if task.chance:
            self.memory += float(np.random.default_rng().normal())
        self.memory += np.random.random() + random.random()  # noqa: NPY002
        report = super().advance(level)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return report


@dataclass(frozen=True)
class MovedTask(ToyTask):
    """The toy under actors: delays, and steps at which the process dies."""

    delay: float = 0.0
    """Each step takes up to so many seconds, another time each time."""
    folder: str = ""
    """Where steps are counted, over all processes."""
    kills: tuple[int, ...] = ()
    """Numbers of steps that kill their process: odd ones before they are trained, even ones after
    it, when the report is lost."""
    poison: bool = False
    """Whether x above ``POISONED`` kills its actor each time."""
    hog: bool = False
    """Whether x above ``POISONED`` hangs in an actor; where y is above ``HOARD`` takes 1.2 GB."""
    chance: bool = False
    """Whether each training is another."""

    def start(self, config: Config, seed: int) -> MovedEvaluation:
        return MovedEvaluation(self, config, seed)

    def strikes(self) -> int:
        """The number of this step if it is one of ``kills``, else 0."""
        number = 1
        while True:
            try:
                Path(self.folder, str(number)).touch(exist_ok=False)
            except FileExistsError:
                number += 1
            else:
                return number if number in self.kills else 0


@cache
def in_process(job: CellJob) -> CellResult:
    """What the cell gives in this process, where nothing dies and nothing is slow."""
    task = replace(job.task, delay=0.0, kills=(), folder="")
    return run_cell(replace(job, task=task, actors=0))


def on_actors(job: CellJob, actors: int) -> CellResult:
    return run_cell(replace(job, actors=actors))


def parallel(result: CellResult) -> ParallelTraining:
    assert result.parallel is not None
    return result.parallel


def test_rows_of_one_process_whatever_the_actors_take(job: Any) -> None:
    """More workers than actors, every step with another delay, global generators drawn from.

    All methods: test_actor_order.py, without Ray.
    """
    actors = 2
    cell = job("bohb", MovedTask(delay=0.02), budget=8, workers=4)
    result = on_actors(cell, actors)
    assert compare_frames(in_process(cell).frame, result.frame) is None
    assert result.account == in_process(cell).account
    assert result.account.violations() == []
    spent = parallel(result)
    assert spent.actors == actors
    assert (spent.repeated, spent.deaths) == (0, 0)
    assert spent.unused < 9 * actors
    assert 0 <= spent.busy + spent.waiting + spent.idle <= spent.actors * spent.wall


def test_actors_that_die_cost_no_row(job: Any, tmp_path: Path) -> None:
    """Before a step was trained, and after it: it is trained again."""
    kills = (9, 26)
    cell = job("bohb", MovedTask(folder=str(tmp_path), kills=kills), budget=6, workers=3)
    result = on_actors(cell, 2)
    assert compare_frames(in_process(cell).frame, result.frame) is None
    assert result.account.violations() == []
    assert result.failures == {}
    spent = parallel(result)
    assert spent.deaths == len(kills)
    assert spent.repeated > 0


def test_a_training_that_kills_its_process_fails_alone(job: Any, monkeypatch: Any) -> None:
    """Each time it is tried; it is charged whole, and all others have the rows that they had."""
    monkeypatch.setattr(actor_trainers, "MOST_DEATHS", 2)
    cell = job("random", MovedTask(poison=True), budget=2, workers=2)
    result = on_actors(cell, 2)
    assert result.account.violations() == []
    frame, known = result.frame, in_process(cell).frame
    assert (frame["units"] == known["units"]).all()
    fatal = frame["hp.x"] > POISONED
    assert fatal.any()
    assert (frame.loc[fatal, "status"] == "failed").all()
    same = ~fatal.to_numpy()
    assert compare_frames(known[same], frame[same]) is None
    trials = frame.loc[fatal, "trial"].unique()
    assert set(result.failures) == set(trials)
    assert "its process died 2 times: " in result.failures[trials[0]]


def test_trainings_that_hang_or_take_too_much_memory_fail_alone(job: Any) -> None:
    """Their actor is ended and replaced; all others have the rows that they had."""
    cell = job("random", MovedTask(hog=True), budget=3, workers=3)
    result = on_actors(replace(cell, limits=TrialLimits(6.0, 0.9)), 2)
    assert result.account.violations() == []
    frame, known = result.frame, in_process(cell).frame
    ended = (frame["hp.x"] > POISONED).to_numpy()
    assert compare_frames(known[~ended], frame[~ended]) is None
    assert (frame.loc[ended, "status"] == "failed").all()
    said = {why.rpartition(" ")[0].partition("GB")[2] for why in result.failures.values()}
    assert said == {"", ", more than"}, result.failures


def test_a_state_that_is_lost_is_trained_again(job: Any, monkeypatch: Any) -> None:
    """As with the node that kept it: paused trials begin anew, up to the level that they had."""
    lost = ray.put(b"lost")
    original = ActorPool.save

    def save(pool: ActorPool, training: Any, *, needed: bool) -> None:
        original(pool, training, needed=needed)
        training.state = breaks.remote(lost)

    @ray.remote(num_cpus=0)
    def breaks(what: bytes) -> bytes:
        raise ObjectLostError("0" * 56, "here", "there")

    monkeypatch.setattr(ActorPool, "save", save)
    cell = job("hyperband", MovedTask(), budget=3, workers=3)
    result = on_actors(cell, 1)
    assert compare_frames(in_process(cell).frame, result.frame) is None
    spent = parallel(result)
    paused = result.frame[result.frame["decision"] == "pause"]
    last = result.frame.groupby("trial")["level"].max()
    resumed = paused[paused["level"] < paused["trial"].map(last)]
    assert spent.repeated == resumed["level"].sum() > 0
    assert spent.deaths == 0


def test_a_training_that_is_not_the_same_each_time_is_said(job: Any, tmp_path: Path) -> None:
    """Trained again it gives another loss: the cell fails, its rows would be those of chance."""
    task = MovedTask(folder=str(tmp_path), kills=(6,), breaks="forgets", chance=True)
    with pytest.raises(
        StudyError, match=r"trained again .* gave val_loss .* not the same each time"
    ):
        on_actors(job("random", task, budget=3, workers=2), 1)


def test_errors_of_the_cell_come_out_of_the_actors(job: Any, toy_task: Any) -> None:
    with pytest.raises(UsageError, match=r"^tasks toy: no data in nowhere$"):
        on_actors(job("random", toy_task("missing"), workers=2), 2)
