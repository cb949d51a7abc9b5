"""Cells whose trials are trained by two processes each, in both engines, and ranks that die.

And two trials on one GPU, where there is one.
"""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bohb_study.engines.base import CellJob, run_cell
from bohb_study.running.reproduction import compare_frames
from bohb_study.seeding import Config
from bohb_study.study import Cell
from bohb_study.tasks import Report, make_task
from bohb_study.tasks.training.data_parallel import Ranks, everyones
from toy_cells import ToyEvaluation, ToyTask

pytestmark = [
    pytest.mark.ray,
    pytest.mark.long,
    pytest.mark.usefixtures("runtime", "by_value_too"),
]


@pytest.fixture(scope="module")
def by_value_too() -> Iterator[None]:
    """The tasks below cannot be imported elsewhere."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


class SharedEvaluation(ToyEvaluation):
    """The toy; ranks exchange something in each step, so one waits for another that died."""

    def advance(self, level: int) -> Report:
        task: Any = self.task
        if float(self.config["x"]) >= task.fails_from:
            raise RuntimeError("this configuration cannot be trained")
        if Ranks.here().rank == 1 and task.dies():
            os.kill(os.getpid(), signal.SIGKILL)
        for other in everyones(self.memory) or []:
            assert other == self.memory
        return super().advance(level)


@dataclass(frozen=True)
class SharedTask(ToyTask):
    """The toy for two ranks."""

    folder: str = ""
    """Where the steps of rank 1 are counted; "": nothing dies."""
    fails_from: float = 1.0
    """From which x on a training raises."""

    def start(self, config: Config, seed: int) -> SharedEvaluation:
        return SharedEvaluation(self, config, seed)

    def dies(self) -> bool:
        """Whether this is the eleventh step that rank 1 takes in a cell."""
        if not self.folder:
            return False
        number = len(list(Path(self.folder).iterdir()))
        Path(self.folder, str(number)).touch()
        return number == 10


def test_virtual_replaces_a_rank_that_dies_and_repeats(job: Any, tmp_path: Path) -> None:
    """Rows are those of one process; a training that raises fails, and no other does."""
    cell: CellJob = job("hyperband", SharedTask(), budget=3)
    largest = run_cell(cell).frame["hp.x"].max()
    task = SharedTask(fails_from=largest)
    expected = run_cell(replace(cell, task=task))
    assert expected.frame["status"].value_counts()["failed"] >= 1
    result = run_cell(
        replace(cell, task=replace(task, folder=str(tmp_path)), actors=1, data_parallel=2)
    )
    assert compare_frames(expected.frame, result.frame) is None
    assert result.account == expected.account
    assert result.parallel is not None
    assert result.parallel.deaths >= 1
    assert result.parallel.repeated >= 1


def test_tune_gives_a_failed_row_where_a_rank_dies(job: Any, tmp_path: Path) -> None:
    """Of the one trial, by ranks that start anew; rows before it are those of one process."""
    cell: CellJob = job("hyperband", SharedTask(folder=str(tmp_path)), budget=3)
    result = run_cell(replace(cell, engine="tune", data_parallel=2))
    frame, alone = result.frame, run_cell(replace(cell, task=SharedTask())).frame
    assert result.account.violations() == []
    failed = frame[frame["status"] == "failed"]
    assert failed["trial"].nunique() == 1
    before = int(failed.index[0])
    assert frame["decision"][:before].eq("pause").any()
    assert before >= 8
    assert compare_frames(alone.head(before), frame.head(before)) is None
    assert frame["status"][before + 1 :].eq("ok").any()
    assert list(result.failures.values()) == ["RankError: rank 1 of 2 died"]


@pytest.mark.gpu
def test_two_trials_train_on_one_gpu_at_the_same_time(image_data: Path) -> None:
    """On two actors with half of it each; rows are the same again."""
    options = {"data": str(image_data), "subset": "300", "epochs": "3"}
    task = make_task("fashion-mnist", options)
    cell = CellJob(Cell(task.name, "random", 0), task, 2, workers=2, actors=2, gpus_per_trial=0.5)
    results = [run_cell(cell) for _ in range(2)]
    for result in results:
        assert result.parallel is not None
        assert result.parallel.actors == 2
        assert (result.frame["status"] == "ok").all()
    assert compare_frames(results[0].frame, results[1].frame) is None
