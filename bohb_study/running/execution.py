"""How cells are run: which engine, in which processes, with which resources."""

import math
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
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

    ``auto`` takes virtual for one worker, where rows are those of tune and nothing is spent on
    actors, and for computed tasks, which tune could only slow down. GPUs belong to Ray.

    Raises:
        UsageError: engine virtual with GPUs or several processes, or a task that needs the other
            engine.
    """
    if task.only_engine and config.engine not in ("auto", task.only_engine):
        raise UsageError(
            f"{config.engine}: {task.name} calls tune.report, so it runs under engine "
            f"{task.only_engine} alone; allowed: auto, {task.only_engine}",
            parameter="engine",
        )
    if options.gpus_per_trial and config.engine == "virtual":
        raise UsageError(
            f"{options.gpus_per_trial:g}: engine virtual does not allocate "
            'GPUs; allowed with engine="tune"',
            parameter="gpus_per_trial",
        )
    if config.data_parallel > 1 and config.engine == "virtual":
        raise UsageError(
            f"{config.data_parallel}: engine virtual trains in one process; allowed with "
            'engine="tune"',
            parameter="data_parallel",
        )
    if config.engine != "auto":
        return config.engine
    if options.gpus_per_trial or task.only_engine or config.data_parallel > 1:
        return "tune"
    return "virtual" if config.workers == 1 or task.computed else "tune"


def idle_gpu(study: Study, options: RunOptions, device: Path = GPU) -> str | None:
    """A line about a GPU of this machine that could train and is not asked to; None without one."""
    if options.gpus_per_trial or study.config.engine == "virtual" or not device.exists():
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
    for cell in {(cell.task, cell.method): cell for cell in cells}.values():
        job = CellJob(
            cell=cell,
            task=study.task(cell),
            budget=study.config.budget,
            own_method=study.config.own_methods.get(cell.method),
        )
        check_fits(job.method, job.task)
        job.pair()
    if engines == {"virtual"} and options.address is None:
        yield
        return
    from bohb_study.running.pools import cluster

    with cluster.connected(options.address):
        interrupts.begin()  # Ray takes SIGTERM for itself when it starts
        processes = study.config.data_parallel
        cluster.check_resources(options.cpus_per_trial, options.gpus_per_trial, processes)
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
    engines = {name: engine_of(config, task, options) for name, task in study.tasks.items()}
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
            data_parallel=config.data_parallel,
            storage=storage,
            numerics=config.numerics,
            own_method=config.own_methods.get(cell.method),
        )
        for cell in cells
    ]
    allowed = allowed_units(study, cells)
    began: dict[Cell, datetime] = {}
    # one engine after the other: both take all CPUs
    for engine in sorted(set(engines.values())):
        own = [job for job in jobs if job.engine == engine]
        with closing(_run(own, config.workers * config.data_parallel, options)) as events:
            for event in events:
                began.setdefault(event.cell, datetime.now(UTC))
                if isinstance(event, Finished):
                    yield Ended(event, engine, began[event.cell])
                    continue
                name = str(event.cell)
                progress.update(CellProgress(name, event.done, allowed[name], event.best))


def _run(
    jobs: "Sequence[CellJob]", processes: int, options: RunOptions
) -> "Generator[Running | Finished[CellResult], None, None]":
    """Run cells of one engine: here, or where Ray runs them.

    Args:
        jobs: the cells.
        processes: that train in a cell at the same time, under engine tune.
        options: where and how.
    """
    if not jobs:
        return
    if jobs[0].engine == "virtual" and options.address is None:
        from bohb_study.running.pools import local

        cpus = len(os.sched_getaffinity(0))
        at_once = max(1, cpus // math.ceil(options.cpus_per_trial))
        yield from local.run_cells(jobs, options.jobs or at_once)
    else:
        from bohb_study.running.pools import cluster

        # engine tune gives CPUs to each process of a cell's workers, virtual to the cell
        each = options.cpus_per_trial * (processes if jobs[0].engine == "tune" else 1)
        yield from cluster.run_cells(jobs, options.jobs or cluster.cells_at_once(each))


def _shared_storage(options: RunOptions, folder: Path) -> str | None:
    """States of paused trials must be reachable from every node of a cluster."""
    if options.address is None:
        return None
    from bohb_study.store.files import make_folder

    return str(make_folder(folder / ".scratch", folder).resolve())
