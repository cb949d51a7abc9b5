"""Measures tasks: seconds of a full evaluation, and how well rungs and models of time foretell.

``python tests/tasks/training/features/measure_tasks.py mlp-letter svm-letter --configs 40`` trains
random configurations to the top rung and prints a row of a markdown table for each task. No test:
the numbers in the docstrings and in the documentation were made by it. Seconds are of processor
time, so that a machine with other work measures the same.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything loads a library of linear algebra

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from scipy.stats import spearmanr

from bohb_study.seeding import Config, plain, space_seed
from bohb_study.tasks import Task, make_task

COLUMNS = (
    "task",
    "d",
    "rungs",
    "seconds, mean (median, longest)",
    "modelled / measured, median (5 %, 95 %)",
    "off by more than 2",
    "Spearman with the top",
    "failures",
    "loss, best (median)",
)


class Measured(NamedTuple):
    """One configuration at all rungs; a step that goes on from the rung below counts by itself."""

    config: Config
    losses: list[float]
    seconds: list[float]
    """Of processor time, a step each."""
    modelled: list[float]
    status: str
    """At the top."""


def measure(task: Task, config: Config, seed: int) -> Measured:
    """Climb the ladder with ``config``."""
    ladder = task.ladder
    evaluation = task.start(config, seed)
    losses, seconds, modelled, level, status = [], [], [], 0, ""
    for cost in ladder.costs:
        begin = time.process_time()
        report = evaluation.advance(cost)
        seconds.append(time.process_time() - begin)
        modelled.append(task.duration(config, level if ladder.resumable else 0, cost))
        losses.append(report.val_loss)
        level, status = cost, report.status
    return Measured(config, losses, seconds, modelled, status)


def full(task: Task, steps: Sequence[float]) -> float:
    """Seconds of one full evaluation from its steps: the top alone where each rung is whole."""
    return sum(steps) if task.ladder.resumable else steps[-1]


def quantile(values: Sequence[float], share: float) -> float:
    """One of the values: the one below which ``share`` of the others lie."""
    return sorted(values)[round(share * (len(values) - 1))]


def row(task: Task, found: Sequence[Measured]) -> str:
    """The row of the table."""
    seconds = [full(task, one.seconds) for one in found]
    ratios = [full(task, one.modelled) / full(task, one.seconds) for one in found]
    off = sum(not 0.5 <= ratio <= 2 for ratio in ratios)
    ok = [one for one in found if all(loss == loss for loss in one.losses)]
    ranks = [
        spearmanr([one.losses[rung] for one in ok], [one.losses[-1] for one in ok]).statistic
        for rung in range(len(task.ladder.costs) - 1)
    ]
    tops = sorted(one.losses[-1] for one in ok)
    cells = (
        f"`{task.name}`",
        len(task.space(0)),
        ", ".join(map(str, task.ladder.costs)),
        f"{statistics.mean(seconds):.2f} ({statistics.median(seconds):.2f}, {max(seconds):.2f})",
        f"{statistics.median(ratios):.2f} ({quantile(ratios, 0.05):.2f}, "
        f"{quantile(ratios, 0.95):.2f})",
        f"{off} of {len(found)}",
        ", ".join(f"{rank:.2f}" for rank in ranks),
        f"{sum(one.status != 'ok' for one in found) / len(found):.0%}",
        f"{tops[0]:.4g} ({statistics.median(tops):.4g})" if tops else "none",
    )
    return f"| {' | '.join(map(str, cells))} |"


def drawn(task: Task, configs: int, seed: int) -> list[Config]:
    """Configurations that a random search draws."""
    space = task.space(space_seed(task.name, seed))
    return [plain(space.sample_configuration()) for _ in range(configs)]


def main() -> None:
    """As the module says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="+")
    parser.add_argument("--configs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the study")
    parser.add_argument("--options", nargs="*", default=[], help="NAME=VALUE, for every task")
    parser.add_argument("--lines", help="file to which all measurements are added as JSON lines")
    given = parser.parse_args()
    options = dict(option.split("=", 1) for option in given.options)
    print(f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", sep="\n", flush=True)
    for name in given.tasks:
        task = make_task(name, options)
        task.prepare()
        configs = drawn(task, given.configs, given.seed)
        task.start(configs[0], given.seed).advance(task.ladder.costs[0])  # loads data and libraries
        found = [measure(task, config, given.seed) for config in configs]
        print(row(task, found), flush=True)
        if given.lines:
            with open(given.lines, "a") as file:
                for one in found:
                    record: dict[str, Any] = {"task": name, "options": options, **one._asdict()}
                    file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
