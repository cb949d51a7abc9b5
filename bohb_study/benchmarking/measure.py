"""One measurement, in this process: ``python -m bohb_study.benchmarking.measure CASE_AS_JSON``."""

import gc
import json
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter, process_time

from bohb_study.benchmarking.cases import Case, Cost
from bohb_study.study import Cell
from bohb_study.tasks import make_task

FIRST_RUN = 2
"""Full evaluations of a first run that is not measured: it imports what is imported late."""

Outcome = tuple[int, int, Mapping[str, float]]
"""Trials that reported, reports, seconds by what they were spent on."""


def measure(case: Case) -> Cost:
    """Run ``case`` here and report what it took; memory is that of the process so far.

    Raises:
        UsageError: the method does not exist or does not fit.
    """
    run = _runner(case)
    if case.runner != "tune":  # whose trials run elsewhere, and whose CPU time says nothing
        run(replace(case, budget=FIRST_RUN))
    context: AbstractContextManager[None] = nullcontext()
    if case.runner == "tune":
        from bohb_study.running.pools import connection

        context = connection.connected(None)
    with context:
        gc.collect()
        imported = memory_mb("VmRSS")
        wall, cpu = perf_counter(), process_time()
        trials, reports, seconds = run(case)
        cpu, wall = process_time() - cpu, perf_counter() - wall
    return Cost(trials, reports, cpu, wall, imported, memory_mb("VmHWM"), dict(seconds))


def _runner(case: Case) -> Callable[[Case], Outcome]:
    if case.runner == "syne-tune":
        from bohb_study.benchmarking.peer import run

        return run
    return _run_cell


def _run_cell(case: Case) -> Outcome:
    from bohb_study.engines.base import CellJob, run_cell

    assert case.runner != "syne-tune"
    task = make_task(case.task)
    task.prepare()
    job = CellJob(
        cell=Cell(task.name, case.method, seed=0),
        task=task,
        budget=case.budget,
        workers=case.workers,
        engine=case.runner,
        numerics=case.numerics,
    )
    result = run_cell(job)
    parts = {name: spent for name, spent in result.seconds.items() if name != "wall"}
    return result.frame["trial"].nunique(), len(result.frame), parts


def memory_mb(field: str) -> float:
    """``VmRSS`` (resident) or ``VmHWM`` (its peak) of this process, in 10^6 bytes.

    Not ``getrusage``: its peak outlives ``exec``, so a process would report its parent's.
    """
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Case(**json.loads(sys.argv[1]))))))
