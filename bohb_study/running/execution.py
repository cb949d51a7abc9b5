"""How cells are run: in which processes, with which resources."""

import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bohb_study import interrupts
from bohb_study.methods import check_fits
from bohb_study.running.engine_choice import (
    actors_by_task,
    check_actors,
    check_limits,
    engine_of,
    needs_actors,
    trials_here,
)
from bohb_study.running.options import RunOptions
from bohb_study.running.progress import CellProgress, Progress
from bohb_study.study import Cell, Study

if TYPE_CHECKING:
    from bohb_study.engines.base import CellJob, CellResult, EngineName, Finished, Notice, Running
    from bohb_study.running.pools.nodes import Nodes


SCRATCH = ".scratch"
"""Folder in a study's, for states that all nodes must see; it is there only while it is run."""


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
def session(
    study: Study, cells: Sequence[Cell], options: RunOptions, folder: Path | None = None
) -> Iterator["Nodes | None"]:
    """All that running ``cells`` takes: a connection to Ray, where Ray is needed.

    Args:
        study: the study that the cells are of.
        cells: what is to be run.
        options: where and how.
        folder: the study's folder; by default one in ``options.out``.

    Yields:
        The nodes that may run them, for ``execute``; None where Ray is not needed.

    Raises:
        UsageError: a method does not fit its task, nobody answers at the address, no node could
            ever hold a trial, or a node cannot run the cells as this machine would.
    """
    # Ray takes seconds to import; a study that is complete needs none of it
    from bohb_study.engines.base import CellJob

    engines = {engine_of(study.config, study.task(cell), options) for cell in cells}
    check_actors(study, engines, options)
    check_limits(study, engines, options)
    by_ray = options.address is not None or "tune" in engines or needs_actors(study.config, options)
    by_ray = by_ray or any(actors_by_task(study, cells, options, trials_here(options)).values())
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
        yield None
        return
    from bohb_study.running.pools import connection, study_nodes

    with connection.connected(options.address):
        interrupts.begin()  # Ray takes SIGTERM for itself when it starts
        connection.check_resources(
            options.cpus_per_trial,
            options.gpus_per_trial,
            options.actors or 1,
            study.config.data_parallel,
        )
        by_engine = {
            name: engine_of(study.config, task, options) for name, task in study.tasks.items()
        }
        yield study_nodes.nodes_for(study, cells, by_engine, options, folder or options.out)


def execute(
    study: Study,
    cells: Sequence[Cell],
    options: RunOptions,
    folder: Path,
    progress: Progress,
    nodes: "Nodes | None" = None,
) -> Generator[Ended, None, None]:
    """Run cells side by side within a ``session``.

    Args:
        study: the study that the cells are of.
        cells: what to run.
        options: where and how.
        folder: the study's folder.
        progress: is called with how far the running cells are, and about nodes.
        nodes: those that may run cells, as ``session`` gave them.

    Yields:
        Each cell as it ends.
    """
    from bohb_study.engines.base import CellJob, Finished, Notice
    from bohb_study.engines.trial_limits import TrialLimits
    from bohb_study.running.journals import journals_of

    # nobody but this process, which has the lock of the study, could be using it
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
    config, limits = study.config, TrialLimits(options.trial_timeout, options.trial_memory)
    trials = trials_here(options)
    if nodes is not None and (options.address is not None or needs_actors(config, options)):
        trials = nodes.at_once(config.data_parallel)
    actors = actors_by_task(study, cells, options, trials)
    engines = {name: engine_of(config, study.tasks[name], options) for name in actors}
    storage = _shared_storage(nodes, folder)
    shared = nodes is None or nodes.one_machine or nodes.shares_folder
    journals = journals_of(study, cells, options, folder) if shared else {}
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
            data_parallel=config.data_parallel,
            journal=journals.get(cell),
            limits=limits,
        )
        for cell in cells
    ]
    allowed = allowed_units(study, cells)
    began: dict[Cell, datetime] = {}
    # one kind after the other: each takes all CPUs
    for engine, on_actors in sorted({(job.engine, job.actors) for job in jobs}):
        own = [job for job in jobs if (job.engine, job.actors) == (engine, on_actors)]
        with closing(_run(own, options, nodes)) as events:
            for event in events:
                if isinstance(event, Notice):
                    progress.message(event.text)
                    continue
                began.setdefault(event.cell, datetime.now(UTC))
                if isinstance(event, Finished):
                    yield Ended(event, engine, began[event.cell])
                    continue
                name = str(event.cell)
                progress.update(CellProgress(name, event.done, allowed[name], event.best))
    if storage:  # a node that died has left states there
        shutil.rmtree(storage, ignore_errors=True)


def _run(
    jobs: "Sequence[CellJob]", options: RunOptions, nodes: "Nodes | None"
) -> "Generator[Running | Finished[CellResult] | Notice, None, None]":
    """Run cells of one engine, on equally many actors: here, or where Ray runs them."""
    job = jobs[0]
    if job.engine == "virtual" and not job.actors and options.address is None:
        from bohb_study.running.pools import local

        yield from local.run_cells(jobs, options.jobs or trials_here(options))
    else:
        from bohb_study.running.pools import cluster

        yield from cluster.run_cells(jobs, options.jobs, nodes)


def _shared_storage(nodes: "Nodes | None", folder: Path) -> str | None:
    """Where states of paused trials are, reachable from every node; None where none is needed."""
    if nodes is None or not nodes.shares_folder:
        return None
    from bohb_study.files import make_folder

    storage = make_folder(folder / SCRATCH, folder).resolve()
    nodes.use_folder(storage)
    return str(storage)
