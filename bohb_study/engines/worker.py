"""A process that runs cells for ``local``, one after the other.

Started as ``python -m bohb_study.engines.worker FD``, where FD is its end of a pipe. It gets a
``CellJob`` at a time, pickled, and answers with ``Running`` now and then and one ``Finished``.
"""

import sys
from multiprocessing.connection import Connection

from ray import cloudpickle

from bohb_study.engines.base import CellJob, Finished, Running, one_line, run_cell


def serve(pipe: Connection) -> None:
    """Run cells until the other end is closed."""

    def send(message: Running | Finished) -> None:
        try:
            pipe.send_bytes(cloudpickle.dumps(message))
        except OSError:
            sys.exit()  # nobody listens any more

    while True:
        try:
            job: CellJob = cloudpickle.loads(pipe.recv_bytes())
        except (EOFError, ConnectionError):
            return

        def tell(done: int, best: float | None, job: CellJob = job) -> None:
            send(Running(job.cell, done, best))

        tell(0, None)
        try:
            finished = Finished(job.cell, run_cell(job, tell), None)
        except Exception as error:
            finished = Finished(job.cell, None, one_line(error))
        send(finished)


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
