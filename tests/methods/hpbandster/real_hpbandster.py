"""HpBandSter's own master, name server and one worker on the loopback address; no test.

``python real_hpbandster.py FOLDER CASES``, where CASES is a JSON list of [method, task, generator,
eta, seed, iterations] and a generator is stock or batched, writes what the worker computed in case
i, in its order, to i.json in FOLDER: [configuration, budget, loss] of each job. Each case has a
process of its own, forked after the imports, which take seconds.
"""

import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hpbandster.core.nameserver import NameServer
from hpbandster.core.worker import Worker
from hpbandster.optimizers import BOHB, HyperBand

from bohb_study.methods.base import Problem
from bohb_study.methods.hpbandster.generator import SeededBOHB
from bohb_study.seeding import plain, space_seed
from bohb_study.tasks import make_task

QUIET = logging.getLogger("quiet")
LOOPBACK = "127.0.0.1"


class TaskWorker(Worker):
    """Trains each job from scratch up to the level of its budget."""

    def __init__(self, problem: Problem, **kwargs: Any) -> None:
        super().__init__("test", host=LOOPBACK, logger=QUIET, **kwargs)
        self.problem = problem
        self.jobs: list[tuple[dict[str, Any], float, float]] = []

    def compute(self, config: dict[str, Any], budget: float, **_: Any) -> dict[str, Any]:
        ladder = self.problem.ladder
        goal = ladder.costs[ladder.times.index(round(budget))]
        evaluation = self.problem.task.start(config, self.problem.seed)
        first = 0 if ladder.curve else ladder.costs.index(goal)
        level = 0
        while level < goal:
            level = ladder.next_level(level, first)
            report = evaluation.advance(level)
        self.jobs.append((config, budget, report.val_loss))
        if report.status != "ok":
            raise RuntimeError("a training without a result is a crash, as HpBandSter has it")
        return {"loss": report.val_loss, "info": None}


def run(problem: Problem, iterations: int, sampler: str) -> list[Any]:
    """The jobs of so many iterations of HpBandSter's master."""
    task, ladder = problem.task, problem.ladder
    with tempfile.TemporaryDirectory() as folder:
        # kept, since it shuts down when it is collected
        server = NameServer("test", host=LOOPBACK, port=0, working_directory=folder)
        host, port = server.start()
        worker = TaskWorker(problem, nameserver=host, nameserver_port=port)
        worker.run(background=True)
        optimizer = {"hpbandster-bohb": BOHB, "hpbandster-hyperband": HyperBand}[problem.method](
            configspace=task.space(space_seed(task.name, problem.seed)),
            eta=ladder.eta,
            min_budget=1,
            max_budget=ladder.max_time,
            run_id="test",
            host=LOOPBACK,
            nameserver=host,
            nameserver_port=port,
            working_directory=folder,
            ping_interval=1,
            logger=QUIET,
        )
        # Pyro's serializer cannot read back what numpy 2's scalars look like, and then it waits
        optimizer.budgets = [float(budget) for budget in optimizer.budgets]
        if sampler == "batched":
            space = optimizer.config_generator.configspace
            optimizer.config_generator = SeededBOHB(space, problem.model_seed)
        generator = optimizer.config_generator
        stock = generator.get_config

        def get_config(budget: float) -> tuple[dict[str, Any], dict[str, Any]]:
            config, info = stock(budget)
            return plain(config), info

        generator.get_config = get_config
        # stock BOHB draws from the global generator
        np.random.seed(problem.model_seed)  # noqa: NPY002
        optimizer.run(n_iterations=iterations)
        optimizer.shutdown(shutdown_workers=True)
        server.shutdown()
    return worker.jobs


if __name__ == "__main__":
    home, cases = Path(sys.argv[1]), json.loads(sys.argv[2])
    for number, (method, name, generator, eta, seed, iterations) in enumerate(cases):
        if os.fork() == 0:
            jobs = run(Problem(make_task(name, eta=eta), method, seed, 1), iterations, generator)
            (home / f"{number}.json").write_text(json.dumps(jobs))
            os._exit(0)  # whatever threads of Pyro's are left
        _, status = os.wait()
        if status:
            sys.exit(f"case {number} failed")
