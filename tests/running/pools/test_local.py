"""Processes of this machine: cells come back, one that dies fails alone, none is left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bohb_study.engines.base import CellJob, Finished, Running, run_cell
from bohb_study.numerics import Mode
from bohb_study.running.pools import local
from bohb_study.running.reproduction import compare_frames
from bohb_study.study import Cell
from bohb_study.tasks import make_task
from repository import ROOT


def gone(pid: int, seconds: float = 10.0) -> bool:
    """Whether a process ends within some seconds; one that nobody waited for has ended too."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def finished(jobs: list[CellJob], at_once: int) -> dict[Cell, Finished]:
    events = list(local.run_cells(jobs, at_once))
    ended = [event for event in events if isinstance(event, Finished)]
    assert len(ended) == len(jobs)
    return {event.cell: event for event in ended}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[local.WorkerProcess]:
    """All processes that a test starts, in order."""
    processes: list[local.WorkerProcess] = []

    class Counted(local.WorkerProcess):
        def __init__(self, numerics: Mode = "portable") -> None:
            super().__init__(numerics)
            processes.append(self)

    monkeypatch.setattr(local, "WorkerProcess", Counted)
    return processes


def test_cells_come_back_and_failures_are_their_own(
    job: Callable[..., CellJob],
    busy_task: Any,
    spaceless_task: Any,
    started: list[local.WorkerProcess],
) -> None:
    """Five cells one after the other: one is killed in the middle, one task is no task at all."""
    jobs = [job("random", task=busy_task(), seed=seed, budget=2) for seed in range(4)]
    jobs.insert(2, job("random", task=spaceless_task))
    ended = finished(jobs, 1)
    assert set(ended) == {job.cell for job in jobs}
    killed, spaceless = ended.pop(jobs[1].cell), ended.pop(jobs[2].cell)
    assert (killed.result, killed.error) == (None, "its process was killed by SIGKILL")
    assert spaceless.result is None
    assert spaceless.error == "LookupError: this task has no space"
    pids = set()
    for own in jobs:
        if own.cell in ended:
            result = ended[own.cell].result
            assert ended[own.cell].error is None
            assert result is not None
            assert result.account.violations() == []
            assert len(result.frame) == 18
            pids |= set(result.frame["test_loss"])
            here = run_cell(own).frame.drop(columns="test_loss")
            assert compare_frames(result.frame.drop(columns="test_loss"), here) is None
    assert os.getpid() not in pids
    # one to begin with, one after the cell that was killed, and one after the one that failed: what
    # a task's own code has broken may be more than its cell
    assert len(started) == 3
    assert pids == {started[0]._process.pid, started[2]._process.pid}
    assert all(process._process.returncode is not None for process in started)


@pytest.mark.parametrize(("at_once", "processes"), [(1, 1), (5, 3)])
def test_no_more_processes_than_asked_for_nor_than_cells(
    at_once: int,
    processes: int,
    job: Callable[..., CellJob],
    busy_task: Any,
    started: list[local.WorkerProcess],
) -> None:
    """--jobs; a process that is done with a cell takes the next one."""
    jobs = [job("random", task=busy_task(), seed=seed, budget=1) for seed in (0, 2, 3)]
    ended = finished(jobs, at_once)
    assert len(started) == processes
    results = [ended[own.cell].result for own in jobs]
    pids = [set(result.frame["test_loss"]) for result in results if result is not None]
    assert [len(own) for own in pids] == [1, 1, 1]
    assert len(set.union(*pids)) == processes


def test_closing_early_ends_the_processes(
    job: Callable[..., CellJob], busy_task: Any, started: list[local.WorkerProcess]
) -> None:
    """Ctrl-C, or an error of the caller: nothing goes on in the background."""
    jobs = [job("random", task=busy_task(seconds=60), seed=seed) for seed in (0, 2)]
    with closing(local.run_cells(jobs, 2)) as events:
        first = next(events)
        assert isinstance(first, Running)
        assert (first.done, first.best) == (0, None)
        pids = [process._process.pid for process in started]
        assert len(pids) == 2
        began = time.monotonic()
    assert time.monotonic() - began < local.END_SECONDS
    assert all(gone(pid, 0.5) for pid in pids)


def test_a_process_whose_parent_is_killed_ends_too(tmp_path: Path) -> None:
    """SIGKILL leaves no time to end anything: the processes find out by their pipe."""
    script = """
import sys
from bohb_study.running.pools import local
from bohb_study.engines.base import CellJob
from bohb_study.study import Cell
from bohb_study.tasks import make_task
task = make_task("synthetic-curves")
for event in local.run_cells([CellJob(Cell(task.name, "asha", 0), task, 1e6, 4)], 1):
    print(event.done, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "0\n"
        while int(parent.stdout.readline()) == 0:
            pass
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        assert len(children) == 1
        os.kill(parent.pid, signal.SIGKILL)
    assert gone(int(children[0]))


def test_ending_a_process_leaves_no_states_on_disk(
    job: Callable[..., CellJob],
    hoarding_task: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C while states of paused trials are in a temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cell = job("hyperband", task=hoarding_task)
    with closing(local.run_cells([cell], 1)) as events:
        next(events)
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob("bohb-study-*/bohb-states-*/*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert not any(tmp_path.iterdir())


TASK = """
from ConfigSpace import Float
from bohb_study.tasks import ComputedTask

class Loud(ComputedTask):
    hyperparameters = [Float("x", (0, 1))]
    levels = (1, 3, 9)

    def loss(self, config, level, seed):
        print("printed by a task")
        return config["x"] + 1 / level
"""
USER = """
import sys
from pathlib import Path
import ray
from bohb_study import StudyConfig, load_results, run_study
from bohb_study.running.options import RunOptions

print("once")
config = StudyConfig(tasks=("loud.py:Loud",), methods=("grid", "random"), budget=5, seeds=2)
run = run_study(config, RunOptions(out=Path("out"), jobs=1))
print(len(run.ran), len(run.failed), ray.is_initialized(), "torch" in sys.modules)
print(load_results(run.path).groupby("method")["units"].sum().to_dict())
"""


def test_a_users_script_needs_no_main_guard(tmp_path: Path) -> None:
    """It is not run again in each process; Ray is not started; stdout is the script's alone."""
    (tmp_path / "loud.py").write_text(TASK)
    (tmp_path / "user.py").write_text(USER)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "user.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["once", "4 0 False False", "{'grid': 90, 'random': 90}"]


def test_cells_are_limited_to_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum that is divided among threads depends on how many there are."""
    seen: dict[str, Any] = {}

    def popen(*args: Any, **kwargs: Any) -> Any:
        seen.update(kwargs)
        raise RuntimeError("enough")

    monkeypatch.setattr(local.subprocess, "Popen", popen)
    with pytest.raises(RuntimeError, match="enough"):
        local.WorkerProcess()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        assert seen["env"][name] == "1"
    assert seen["start_new_session"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")
def test_a_real_task_comes_back_by_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    task = make_task("counting-ones-8")
    own = CellJob(Cell(task.name, "bohb", 0), task, 5, workers=3)
    (event,) = finished([own], 1).values()
    assert event.result is not None
    assert compare_frames(event.result.frame, run_cell(own).frame) is None
    assert event.result.account.violations() == []
    assert capfd.readouterr() == ("", "")
