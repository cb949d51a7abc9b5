"""Processes of this machine for a whole study, without Ray: each runs one job at a time.

They are started by ``subprocess`` and not by ``multiprocessing``, which would run the user's own
script again in each of them, and in a session of their own, so that Ctrl-C reaches them through
this process alone.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

from ray import cloudpickle

from bohb_study.engines.base import CellJob, Finished, Job, Notice, Result, Running
from bohb_study.numerics import Mode, environment
from bohb_study.running.pools.step_watch import Blame, StepWatch
from bohb_study.scratch import OwnedFolder

POLL_SECONDS = 0.25
END_SECONDS = 5.0
"""How long a process may take to end when it is asked to."""


class WorkerProcess:
    """One process and the job that it runs."""

    def __init__(self, numerics: Mode = "portable") -> None:
        """Start it; it imports what it needs while this process goes on.

        Args:
            numerics: by which kernels it computes, whatever this process has loaded.
        """
        self._numerics = numerics
        self.pipe, theirs = Pipe()
        # of its own, so that nothing is left behind however it ends
        self._temporary = OwnedFolder("bohb-study-")
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "bohb_study.running.pools.worker"),
                *(str(theirs.fileno()), str(os.getpid())),
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            # as in engine tune: stdout is for results, and HpBandSter prints its densities there
            stdout=subprocess.DEVNULL,
            env={
                **environment(numerics),
                "CUDA_VISIBLE_DEVICES": "",  # only Ray allocates GPUs
                "PYTHONPATH": path,
                "TMPDIR": self._temporary.name,
            },
            start_new_session=True,
        )
        theirs.close()
        self.job: Job[Any] | None = None
        self.last: Running | None = None
        """The last report of the job that it runs."""
        self.died = ""
        """How it ended by itself, in a few words."""
        self._watch: StepWatch | None = None

    def begin(self, job: Job[Any]) -> None:
        """Run ``job``; what comes of it arrives through ``pipe``."""
        self.job, self.last = job, None
        self._watch = None
        if isinstance(job, CellJob) and job.journal and job.limits:
            self._watch = StepWatch(job.journal, job.limits)
        with contextlib.suppress(OSError):  # where it has died ``receive`` says so
            self.pipe.send_bytes(cloudpickle.dumps(job))

    def receive(self) -> Running | Finished[Any]:
        """The next message; a job whose process died has failed."""
        assert self.job is not None
        try:
            message: Running | Finished[Any] = cloudpickle.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            code = self._process.wait()
            self.died = (
                f"was killed by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"
            )
            return Finished(self.job.cell, None, f"its process {self.died}")
        if isinstance(message, Running):
            self.last = message
        return message

    def exceeded(self) -> str:
        """Which limit its trial exceeds, in a few words; empty where it exceeds none."""
        return self._watch.exceeded(self._process.pid) if self._watch else ""

    def replaced(self) -> "WorkerProcess":
        """End it, and start another like it."""
        self.end()
        return WorkerProcess(self._numerics)

    @property
    def alive(self) -> bool:
        """Whether it can take another job."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, and what it has started: it may not listen."""
        self._process.kill()
        self._process.wait()
        self._end_group()

    def end(self) -> None:
        """End it, whatever it is doing."""
        self.pipe.close()
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._end_group()
        self._temporary.cleanup()

    def _end_group(self) -> None:
        """End what it has started and left behind."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)


def run_cells(
    jobs: Sequence[Job[Result]], at_once: int
) -> Generator[Running | Finished[Result] | Notice, None, None]:
    """Run cells, or whatever jobs, side by side in processes of this machine.

    Args:
        jobs: what to run; all by the same kernels.
        at_once: how many run at the same time, at least 1.

    Yields:
        How far each is, at least every ``POLL_SECONDS``, and how it ended. A process that dies
        fails its own job only, and not even that where the job can go on by its journal.
    """
    waiting = list(reversed(jobs))
    workers = [WorkerProcess(job.numerics) for job in jobs[:at_once]]
    blame = Blame()

    def go_on(worker: WorkerProcess, job: Job[Any]) -> WorkerProcess:
        """Let another process run ``job``, in place of ``worker``."""
        other = workers[workers.index(worker)] = worker.replaced()
        other.begin(job)
        return other

    try:
        for worker in workers:
            worker.begin(waiting.pop())
        while busy := {w.pipe: w for w in workers if w.job is not None}:
            ready = wait(list(busy), timeout=POLL_SECONDS)
            if not ready:
                yield from (w.last for w in busy.values() if w.last)
            for pipe in ready:
                assert isinstance(pipe, Connection)
                worker = busy.pop(pipe)
                message = worker.receive()
                if not isinstance(message, Finished):
                    yield message
                    continue
                job, worker.job = worker.job, None
                assert job is not None
                again, said = blame.after_death(job, worker.died) if worker.died else (None, "")
                if again is not None:
                    go_on(worker, again)
                    yield Notice(said)
                    continue
                if waiting:
                    if message.error or not worker.alive:
                        # a training may have broken more than itself, such as the environment
                        go_on(worker, waiting.pop())
                    else:
                        worker.begin(waiting.pop())
                yield message
            for worker in busy.values():
                if why := worker.exceeded():
                    job = worker.job
                    assert isinstance(job, CellJob)
                    worker.kill()
                    said = blame.after_limit(job, why)
                    go_on(worker, job)
                    if said:
                        yield Notice(said)
    finally:
        for worker in workers:
            worker.end()


def _signal(number: int) -> str:
    """A signal by its name, where it has one."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
