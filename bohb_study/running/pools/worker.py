"""A process that runs jobs for ``local``, one after the other.

Started as ``python -m bohb_study.running.pools.worker FD PARENT``, where FD is its end of a pipe
and PARENT the process that has started it. It gets a ``Job`` at a time, pickled, and answers with
``Running`` now and then and one ``Finished``.
"""

import ctypes
import os
import signal
import sys
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ray import cloudpickle

from bohb_study import streams
from bohb_study.engines.base import Finished, Job, Running, one_line

_PR_SET_PDEATHSIG = 1


def serve(pipe: Connection) -> None:
    """Run jobs until the other end is closed."""

    def send(message: Running | Finished[Any]) -> None:
        try:
            pipe.send_bytes(cloudpickle.dumps(message))
        except OSError:
            sys.exit()  # nobody listens any more

    while True:
        try:
            job: Job[Any] = cloudpickle.loads(pipe.recv_bytes())
        except (EOFError, ConnectionError):
            return

        def report(done: int, best: float | None, job: Job[Any] = job) -> None:
            send(Running(job.cell, done, best))

        report(0, None)
        try:
            finished: Finished[Any] = Finished(job.cell, job.run(report), None)
        except Exception as error:
            finished = Finished(job.cell, None, one_line(error))
        send(finished)


def _end_with_parent(parent: int) -> None:
    """Let the kernel end this process when the one that started it is gone, however that ended.

    And where memory runs out, let it end this process rather than that one, which would take all
    cells with it.
    """
    with suppress(OSError, AttributeError):  # where there is no Linux, the pipe's end has to do
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900")


if __name__ == "__main__":
    _end_with_parent(int(sys.argv[2]))
    streams.guard()
    # of statsmodels, for each model that stock BOHB fits; it would be written over the progress
    warnings.filterwarnings("ignore", "After 0.17 or January 2028", FutureWarning)
    serve(Connection(int(sys.argv[1])))
