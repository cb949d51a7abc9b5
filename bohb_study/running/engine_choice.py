"""What runs a task's cells: which engine, on how many actors."""

import math
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError
from bohb_study.running.options import RunOptions
from bohb_study.study import Cell, Study, StudyConfig
from bohb_study.tasks import Task

if TYPE_CHECKING:
    from bohb_study.engines.base import EngineName

GPU = Path("/dev/nvidia0")
"""Is there where a GPU is; asking torch would take seconds."""


def engine_of(config: StudyConfig, task: Task, options: RunOptions) -> "EngineName":
    """The engine that runs the cells of ``task``.

    ``auto`` takes virtual, whose rows are the same each time, wherever the task can run there.

    Raises:
        UsageError: engine virtual, and a task that needs the other engine.
    """
    if task.only_engine and config.engine not in ("auto", task.only_engine):
        raise UsageError(
            f"{config.engine}: {task.name} calls tune.report, so it runs under engine "
            f"{task.only_engine} alone; allowed: auto, {task.only_engine}",
            parameter="engine",
        )
    if config.engine != "auto":
        return config.engine
    return task.only_engine or "virtual"


def needs_actors(config: StudyConfig, options: RunOptions) -> bool:
    """Whether trials need actors: Ray allocates GPUs, and the processes of a trial."""
    return options.gpus_per_trial > 0 or config.data_parallel > 1


def actors_of(
    config: StudyConfig, task: Task, options: RunOptions, at_once: int, trials: int
) -> int:
    """Ray actors that train a cell of ``task``; 0 where the cell trains in its own process.

    What is computed in microseconds, or trains one trial at a time, is not worth sending anywhere.

    Args:
        config: the study's.
        task: one of its tasks.
        options: how it is run.
        at_once: cells that run at the same time, at least 1.
        trials: that there are CPUs and GPUs for at the same time.
    """
    if engine_of(config, task, options) == "tune":
        return 0
    if options.actors is not None:
        return options.actors
    by_ray = needs_actors(config, options)
    if not by_ray and (task.computed or config.workers == 1):
        return 0
    actors = max(1, min(config.workers, trials // at_once))
    return actors if by_ray or actors > 1 else 0


def actors_by_task(
    study: Study, cells: Sequence[Cell], options: RunOptions, trials: int
) -> dict[str, int]:
    """``actors_of`` by task, where ``cells`` are left and there is room for ``trials``."""
    at_once = max(1, min(len(cells), options.jobs or len(cells)))
    names = {cell.task for cell in cells}
    return {
        name: actors_of(study.config, task, options, at_once, trials)
        for name, task in study.tasks.items()
        if name in names
    }


def check_actors(study: Study, engines: Collection["EngineName"], options: RunOptions) -> None:
    """Raise UsageError for more actors than can have something to do."""
    if options.actors is None:
        return
    workers = study.config.workers
    if "tune" in engines:
        raise UsageError(
            f'{options.actors}: engine tune has one a worker; allowed with engine="virtual"',
            parameter="actors",
        )
    if options.actors == 0 and needs_actors(study.config, options):
        raise UsageError(
            "0: trials on GPUs, or over several processes, are trained by actors; must be at least "
            "1",
            parameter="actors",
        )
    if options.actors > workers:
        raise UsageError(
            f"{options.actors}: a cell trains at most workers={workers} trials at a time",
            parameter="actors",
        )


def check_limits(study: Study, engines: Collection["EngineName"], options: RunOptions) -> None:
    """Raise UsageError for limits of trials that nobody could see to."""
    if "tune" not in engines:
        return
    if options.trial_memory is not None:
        raise UsageError(
            f"{options.trial_memory:g}: Ray runs the trials of engine tune; allowed with "
            'engine="virtual"',
            parameter="trial_memory",
        )
    if options.trial_timeout is not None and study.config.workers > 1:
        raise UsageError(
            f"{options.trial_timeout:g}: engine tune with several workers cannot go on behind a "
            'trial; allowed with engine="virtual" or workers=1',
            parameter="trial_timeout",
        )


def trials_here(options: RunOptions) -> int:
    """Trials that this machine has CPUs for at the same time."""
    return max(1, len(os.sched_getaffinity(0)) // math.ceil(options.cpus_per_trial))


def idle_gpu(study: Study, options: RunOptions, device: Path = GPU) -> str | None:
    """A line about a GPU of this machine that could train and is not asked to; None without one."""
    if options.gpus_per_trial or not device.exists():
        return None
    names = [name for name, task in study.tasks.items() if task.uses_gpu]
    if not names:
        return None
    return (
        f"{' and '.join(names)} trains on the CPU; gpus_per_trial=1, or a share such as 0.25, "
        "gives its trials the GPU that is here"
    )
