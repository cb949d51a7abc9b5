"""Cases in fresh processes, one at a time, so that memory and caches are a case's own."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from bohb_study.benchmarking.cases import Case, Cost, Measured
from bohb_study.errors import StudyError
from bohb_study.numerics import environment


def measure_all(
    cases: Sequence[Case], repeats: int, say: Callable[[str], None]
) -> dict[Case, Measured]:
    """Measure every case ``repeats`` times, turn by turn: all of them see the machine alike.

    Args:
        cases: in the order in which they take turns.
        repeats: turns, at least 1.
        say: is given a line about each measurement.

    Raises:
        StudyError: a process failed.
    """
    runs: dict[Case, list[Cost]] = {case: [] for case in cases}
    count = repeats * len(runs)
    for turn in range(repeats):
        for number, (case, costs) in enumerate(runs.items(), start=1 + turn * len(runs)):
            costs.append(measure_fresh(case))
            seconds = f"{costs[-1].cpu_seconds:.2f} s CPU, {costs[-1].wall_seconds:.2f} s"
            say(f"{number}/{count} {case}: {seconds}")
    return {case: Measured(case, tuple(costs)) for case, costs in runs.items()}


def measure_fresh(case: Case) -> Cost:
    """Measure ``case`` once, in a process of its own.

    Raises:
        StudyError: the process failed; the line says how.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bohb_study.benchmarking.measure", json.dumps(asdict(case))],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**environment(case.numerics), "PYTHONHASHSEED": "0"},
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise StudyError(f"{case}: {said[-1][:300]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))
