"""How a task's fidelities agree: random configurations at every rung, off any ledger.

On a task without a curve random search pays for the top alone, and what halving sends to two rungs
is selected. So that there is a number without selection, random configurations are evaluated at
every rung.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bohb_study.analysis.diagnostics.rung_correlation import (
    correlation_frame,
    correlations_with_top,
)
from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import Task

COUNT = 200
"""Random configurations; a finite space may hold fewer."""
RANDOM = "random"
"""The method that draws in this way."""


def rung_correlations_of(task: Task, count: int = COUNT, seed: int = 0) -> pd.DataFrame:
    """The correlation between each rung and the top over random configurations of a computed task.

    Args:
        task: one that costs next to nothing to evaluate.
        count: configurations that are drawn; one that is drawn again counts once.
        seed: the study's seed under which all are evaluated; also draws them and the bootstrap.

    Returns:
        One row a rung below the top, as of ``analysis.correlation.rung_correlations``, with
        ``off_ledger`` True, ``method`` random, and in ``low, high`` the 95 % bootstrap interval of
        Spearman's correlation over configurations. Of a task with a single fidelity no row.

    Raises:
        UsageError: evaluations are trainings, which would not be free.
    """
    if not task.computed:
        raise UsageError(f"{task.name}: is trained; its correlations come from a study's rows")
    levels = task.ladder.costs
    if len(levels) == 1:
        return correlation_frame([])
    from bohb_study.tasks.random_sample import random_sample  # imports ConfigSpace

    configs = random_sample(task, count, seed).configs
    losses = np.array([_losses(task, config, seed) for config in configs])
    n = len(losses)
    rows = [
        [
            *(task.name, RANDOM, seed, one.level, levels[-1], n, n, False),
            *(one.spearman, one.kendall, one.low, one.high, True),
        ]
        for one in correlations_with_top(losses, levels, task.name, seed)
    ]
    return correlation_frame(rows)


def correlations_off_ledger(tasks: Mapping[str, Task]) -> pd.DataFrame:
    """``rung_correlations_of`` each task that is computed and has no curve.

    On a curve the rows of random search are such a sample already.
    """
    found = [
        rung_correlations_of(task)
        for task in tasks.values()
        if task.computed and not task.ladder.curve
    ]
    return pd.concat([correlation_frame([]), *found], ignore_index=True)


def _losses(task: Task, config: Config, seed: int) -> list[float]:
    """At each rung; infinite where it failed: behind all that did not."""
    evaluation = task.start(config, seed)
    reports = [evaluation.advance(level) for level in task.ladder.costs]
    return [report.val_loss if report.status == "ok" else float("inf") for report in reports]
