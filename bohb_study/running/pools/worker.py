"""A process that runs jobs for ``local``, one after the other.

Started as ``python -m bohb_study.running.pools.worker FD``, where FD is its end of a pipe. It gets
a ``Job`` at a time, pickled, and answers with ``Running`` now and then and one ``Finished``.
"""

import sys
import warnings
from multiprocessing.connection import Connection
from typing import Any

from ray import cloudpickle

from bohb_study import streams
from bohb_study.engines.base import Finished, Job, Running, one_line


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


if __name__ == "__main__":
    streams.guard()
    # of statsmodels, for each model that stock BOHB fits; it would be written over the progress
    warnings.filterwarnings("ignore", "After 0.17 or January 2028", FutureWarning)
    serve(Connection(int(sys.argv[1])))
