"""Cells of digits on actors: are their rows those of one process, and how busy are the actors?"""

import os
import random
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from bohb_study.benchmarking.disturbed_digits import DisturbedDigits
from bohb_study.engines import virtual
from bohb_study.engines.actor_trainers import ActorTrainers
from bohb_study.engines.base import CellJob, CellResult, Finished, run_cell
from bohb_study.running.pools import local
from bohb_study.schema import rows_hash
from bohb_study.study import Cell


@dataclass(frozen=True)
class Run:
    """One cell, as it was run."""

    method: str
    what: str
    """Under which conditions."""
    hash: str
    """Of its rows, the measured seconds aside."""
    rows: int
    seconds: float
    """Wall-clock."""
    actors: int = 0
    """0: trained in one process."""
    busy: float = 0.0
    """Share of actor time, as the next two."""
    waiting: float = 0.0
    idle: float = 0.0
    repeated: int = 0
    """Units."""
    unused: int = 0
    """Units."""
    deaths: int = 0


def job_of(method: str, workers: int, budget: float, delay: float = 0.0) -> CellJob:
    """A cell of seed 0."""
    task = DisturbedDigits(delay=delay)
    return CellJob(Cell(task.name, method, 0), task, budget, workers)


def in_process(job: CellJob) -> Run:
    """The cell in this process."""
    began = perf_counter()
    return _run(job, "in one process", run_cell(job), perf_counter() - began)


def on_actors(job: CellJob, actors: int, what: str, *, ahead: bool = True) -> Run:
    """The cell on actors of the connected Ray."""
    job = replace(job, actors=actors)
    began = perf_counter()
    pair = job.pair()
    trainers = ActorTrainers(job, pair.scheduler.due, ahead=ahead)
    result = virtual.run_pair(job, pair, trainers=trainers)
    return _run(job, what, result, perf_counter() - began)


def with_deaths(job: CellJob, actors: int, deaths: int, every: float) -> Run:
    """The cell on actors of which one is killed now and then.

    Args:
        job: the cell.
        actors: that train it.
        deaths: how many are killed.
        every: seconds between two of them, on average.
    """
    with tempfile.TemporaryDirectory() as folder:
        assert isinstance(job.task, DisturbedDigits)
        job = replace(job, task=replace(job.task, folder=folder))
        with _killer(Path(folder), deaths, every):
            return on_actors(job, actors, f"actors killed at {deaths} random moments")


def side_by_side(method: str, budget: float) -> tuple[float, float]:
    """Wall-clock seconds of two cells of two workers each.

    Returns:
        One after the other, each on two actors; and side by side, each in a process of its own.
    """
    jobs = [job_of(method, 2, budget)]
    jobs.append(replace(jobs[0], cell=replace(jobs[0].cell, seed=1)))
    began = perf_counter()
    for job in jobs:
        on_actors(job, 2, "")
    on_two = perf_counter() - began
    began = perf_counter()
    ended = [event for event in local.run_cells(jobs, 2) if isinstance(event, Finished)]
    assert all(event.error is None for event in ended), ended
    return on_two, perf_counter() - began


def _run(job: CellJob, what: str, result: CellResult, seconds: float) -> Run:
    frame, spent = result.frame, result.parallel
    run = Run(job.cell.method, what, rows_hash(frame)[:8], len(frame), seconds)
    if spent is None:
        return run
    return replace(
        run,
        actors=spent.actors,
        busy=spent.share(spent.busy),
        waiting=spent.share(spent.waiting),
        idle=spent.share(spent.idle),
        repeated=spent.repeated,
        unused=spent.unused,
        deaths=spent.deaths,
    )


@contextmanager
def _killer(folder: Path, deaths: int, every: float) -> Iterator[None]:
    """Kill processes that leave their ids in ``folder``, at random moments, in the block."""
    over = threading.Event()

    def kill() -> None:
        left = deaths
        while left and not over.wait(random.expovariate(1 / every)):
            files = sorted(folder.iterdir())
            if not files:
                continue
            chosen = random.choice(files)
            chosen.unlink(missing_ok=True)
            try:
                os.kill(int(chosen.name), signal.SIGKILL)
            except ProcessLookupError:
                continue
            left -= 1

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
