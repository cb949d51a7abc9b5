"""How cells are run: which engine, in which processes, with which resources."""

import math
import os
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bohb_study import interrupts
from bohb_study.errors import UsageError
from bohb_study.methods import check_fits
from bohb_study.running.options import RunOptions
from bohb_study.running.progress import CellProgress, Progress
from bohb_study.study import Cell, Study, StudyConfig
from bohb_study.tasks import Task

if TYPE_CHECKING:
    from bohb_study.engines.base import CellJob, CellResult, EngineName, Finished, Running

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


def actors_of(
    config: StudyConfig, task: Task, options: RunOptions, at_once: int, trials: int
) -> int:
    """Ray actors that train a cell of ``task``; 0 where the cell trains in its own process.

    What is computed in microseconds, or trains one trial at a time, is not worth sending anywhere,
    but GPUs are Ray's to allocate.

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
    by_ray = options.gpus_per_trial > 0
    if not by_ray and (task.computed or config.workers == 1):
        return 0
    actors = max(1, min(config.workers, trials // at_once))
    return actors if by_ray or actors > 1 else 0


def _actors(study: Study, cells: Sequence[Cell], options: RunOptions) -> dict[str, int]:
    """``actors_of`` by task, where ``cells`` are left to run here or on the connected Ray."""
    trials = _trials_here(options)
    if options.address is not None or options.gpus_per_trial:
        from bohb_study.running.pools import cluster

        trials = cluster.trials_at_once(options.cpus_per_trial, options.gpus_per_trial)
    at_once = max(1, min(len(cells), options.jobs or len(cells)))
    names = {cell.task for cell in cells}
    return {
        name: actors_of(study.config, task, options, at_once, trials)
        for name, task in study.tasks.items()
        if name in names
    }


def _check_actors(study: Study, engines: Collection["EngineName"], options: RunOptions) -> None:
    """Raise UsageError for more actors than can have something to do."""
    if options.actors is None:
        return
    workers = study.config.workers
    if "tune" in engines:
        raise UsageError(
            f'{options.actors}: engine tune has one a worker; allowed with engine="virtual"',
            parameter="actors",
        )
    if options.actors > workers:
        raise UsageError(
            f"{options.actors}: a cell trains at most workers={workers} trials at a time",
            parameter="actors",
        )


def _trials_here(options: RunOptions) -> int:
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


@dataclass(frozen=True)
class Ended:
    """A cell that has ended, well or not."""

    finished: "Finished[CellResult]"
    engine: "EngineName"
    began: datetime

    @property
    def seconds(self) -> float:
        """Seconds from its beginning until now."""
        return (datetime.now(UTC) - self.began).total_seconds()


def prepare(study: Study, options: RunOptions) -> None:
    """See that the data of all tasks are on this machine, before anything is run or written.

    Raises:
        UsageError: data are missing, damaged or too few.
    """
    for task in study.tasks.values():
        task.prepare(download=options.download)


def allowed_units(study: Study, cells: Iterable[Cell]) -> dict[str, int]:
    """The units that each of ``cells`` may spend, by the cell's name."""
    return {str(cell): study.allowed(cell) for cell in cells}


@contextmanager
def session(study: Study, cells: Sequence[Cell], options: RunOptions) -> Iterator[None]:
    """All that running ``cells`` takes: a connection to Ray, where Ray is needed.

    Raises:
        UsageError: a method does not fit its task, nobody answers at the address, or no node could
            ever hold a trial.
    """
    # Ray takes seconds to import; a study that is complete needs none of it
    from bohb_study.engines.base import CellJob

    engines = {engine_of(study.config, study.task(cell), options) for cell in cells}
    _check_actors(study, engines, options)
    by_ray = options.address is not None or options.gpus_per_trial > 0 or "tune" in engines
    by_ray = by_ray or any(_actors(study, cells, options).values())
    for cell in {(cell.task, cell.method): cell for cell in cells}.values():
        job = CellJob(
            cell=cell,
            task=study.task(cell),
            budget=study.config.budget,
            own_method=study.config.own_methods.get(cell.method),
        )
        check_fits(job.method, job.task)
        job.pair()
    if not by_ray:
        yield
        return
    from bohb_study.running.pools import cluster

    with cluster.connected(options.address):
        interrupts.begin()  # Ray takes SIGTERM for itself when it starts
        cluster.check_resources(options.cpus_per_trial, options.gpus_per_trial)
        if options.actors is not None:
            cluster.check_actors(options.actors, options.cpus_per_trial, options.gpus_per_trial)
        yield


def execute(
    study: Study,
    cells: Sequence[Cell],
    options: RunOptions,
    folder: Path,
    progress: Progress,
) -> Generator[Ended, None, None]:
    """Run cells side by side within a ``session``.

    Args:
        study: the study that the cells are of.
        cells: what to run.
        options: where and how.
        folder: the study's folder, reachable from all nodes of a cluster.
        progress: is called with how far the running cells are.

    Yields:
        Each cell as it ends.
    """
    from bohb_study.engines.base import CellJob, Finished

    config = study.config
    actors = _actors(study, cells, options)
    engines = {name: engine_of(config, study.tasks[name], options) for name in actors}
    storage = _shared_storage(options, folder)
    jobs = [
        CellJob(
            cell=cell,
            task=study.task(cell),
            budget=config.budget,
            workers=config.workers,
            engine=engines[cell.task],
            cpus_per_trial=options.cpus_per_trial,
            gpus_per_trial=options.gpus_per_trial,
            storage=storage,
            numerics=config.numerics,
            own_method=config.own_methods.get(cell.method),
            actors=actors[cell.task],
        )
        for cell in cells
    ]
    allowed = allowed_units(study, cells)
    began: dict[Cell, datetime] = {}
    # one kind after the other: each takes all CPUs
    for engine, on_actors in sorted({(job.engine, job.actors) for job in jobs}):
        own = [job for job in jobs if (job.engine, job.actors) == (engine, on_actors)]
        with closing(_run(own, config.workers, options)) as events:
            for event in events:
                began.setdefault(event.cell, datetime.now(UTC))
                if isinstance(event, Finished):
                    yield Ended(event, engine, began[event.cell])
                    continue
                name = str(event.cell)
                progress.update(CellProgress(name, event.done, allowed[name], event.best))


def _run(
    jobs: "Sequence[CellJob]", workers: int, options: RunOptions
) -> "Generator[Running | Finished[CellResult], None, None]":
    """Run cells of one engine, on equally many actors: here, or where Ray runs them."""
    job = jobs[0]
    if job.engine == "virtual" and not job.actors and options.address is None:
        from bohb_study.running.pools import local

        yield from local.run_cells(jobs, options.jobs or _trials_here(options))
    else:
        from bohb_study.running.pools import cluster

        # CPUs are given to each worker of engine tune, to each actor, or else to the cell
        each = workers if job.engine == "tune" else max(1, job.actors)
        most = cluster.trials_at_once(options.cpus_per_trial * each, options.gpus_per_trial * each)
        yield from cluster.run_cells(jobs, options.jobs or most)


def _shared_storage(options: RunOptions, folder: Path) -> str | None:
    """States of paused trials must be reachable from every node of a cluster."""
    if options.address is None:
        return None
    from bohb_study.store.files import make_folder

    return str(make_folder(folder / ".scratch", folder).resolve())
