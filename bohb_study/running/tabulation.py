"""Makes tables of curves: evaluates a design to full fidelity, side by side, and writes it."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from bohb_study import interrupts
from bohb_study.errors import StudyError
from bohb_study.files import json_bytes, replace_files
from bohb_study.running.engine_choice import trials_here
from bohb_study.running.options import RunOptions
from bohb_study.running.partial_tables import PartialTable, Place, partial_table
from bohb_study.running.progress import CellProgress, Progress, make_progress
from bohb_study.running.table_cards import Made, card_of, shown_facts
from bohb_study.running.tabulation_job import Batch, TabulationJob, jobs_of, steps
from bohb_study.running.tabulation_plan import TablePlan, Wanted, plan_of
from bohb_study.scores import Score
from bohb_study.study import Study
from bohb_study.tasks import Report
from bohb_study.tasks.base import usable
from bohb_study.tasks.tabular.curve_parquet import curve_table_bytes, table_of
from bohb_study.tasks.tabular.curve_table import about_task

if TYPE_CHECKING:
    from bohb_study.running.pools.nodes import Nodes

NOUN = "tables"
PARTIAL = ".partial.jsonl"
"""Ending of the file that holds what is done of a table."""


def tabulate(wanted: Wanted, options: RunOptions) -> Iterator[Made]:
    """Make a table of each task, one after the other; each is written when it is complete.

    Evaluations that are stored are not repeated: an interrupted run goes on where it was.

    Args:
        wanted: what is made.
        options: how and where; ``out`` is the folder.

    Yields:
        Each table that is there now, made or found.

    Raises:
        UsageError: data are missing, or another table has the file's name.
        StudyError: an evaluation cannot be run here, or a file not be written.
        KeyboardInterrupt: after the finished evaluations have been stored.
    """
    study = wanted.config.resolve()
    for task in study.tasks.values():
        task.prepare(download=options.download)
    plans = [plan_of(study, task, wanted, options.out) for task in study.tasks.values()]
    left = [plan for plan in plans if not plan.is_made()]
    scores = {plan.task.name: Score.of(plan.task.val_metric) for plan in left}
    made: dict[str, Made] = {}
    if left:
        with _pool(study, options) as pool, make_progress(noun=NOUN, scores=scores) as progress:
            progress.start({plan.task.name: plan.units for plan in left})
            for plan in left:
                made[plan.task.name] = _make(plan, wanted, pool, progress)
    for plan in plans:
        yield made.get(plan.task.name) or plan.read()


Pool = Any
"""Runs jobs: what ``local.run_cells`` or ``cluster.run_cells`` takes and yields."""


@contextmanager
def _pool(study: Study, options: RunOptions) -> Iterator[Pool]:
    """Processes of this machine; where an address is given, those of a Ray cluster."""
    if options.address is None:
        from bohb_study.running.pools import local  # imports Ray's cloudpickle, which is slow

        at_once = options.jobs or trials_here(options)
        yield lambda jobs: local.run_cells(jobs, at_once)
        return
    from bohb_study.running.pools import cluster, connection, study_nodes

    with connection.connected(options.address):
        interrupts.begin()  # Ray takes SIGTERM for itself when it starts
        engines: dict[str, Any] = dict.fromkeys(study.tasks, "virtual")
        nodes: Nodes = study_nodes.nodes_for(study, study.cells, engines, options, options.out)
        yield lambda jobs: cluster.run_cells(jobs, options.jobs, nodes)


def _make(plan: TablePlan, wanted: Wanted, pool: Pool, progress: Progress) -> Made:
    """Evaluate what is left of a table and write it."""
    began = perf_counter()
    partial_path = plan.path.with_name(plan.path.stem + PARTIAL)
    with partial_table(partial_path, plan.head) as partial:
        begun = len(partial.reports)
        if begun:
            progress.message(f"{plan.task.name}: {begun} of {plan.evaluations} were done before")
        jobs = list(jobs_of(plan.task, plan.design.configs, plan.seeds, set(partial.reports)))
        with closing(_evaluated(plan, jobs, pool, partial, progress)) as batches:
            for found in batches:
                partial.add(found)
        data = curve_table_bytes(
            about_task(plan.task), plan.design.configs, plan.curves(partial.reports)
        )
        table = table_of(data)  # what cannot be read is not written
        card = card_of(plan.head, table, partial.reports, wanted.licence)
        replace_files({plan.path: data, plan.card: json_bytes(card)})
        partial_path.unlink(missing_ok=True)
    progress.finish(plan.task.name, True, perf_counter() - began, None, "done")
    return shown_facts(plan.path)


def _evaluated(
    plan: TablePlan,
    jobs: Sequence[TabulationJob],
    pool: Pool,
    partial: PartialTable,
    progress: Progress,
) -> Generator[dict[Place, tuple[Report, ...]], None, None]:
    """Evaluations, batch by batch as each ends."""
    from bohb_study.engines.base import Finished, Notice, Running

    if not jobs:
        return
    name, total = plan.task.name, plan.units
    by_batch: dict[Batch, TabulationJob] = {job.cell: job for job in jobs}
    running: dict[Any, Running] = {}
    ended = total - sum(job.units for job in jobs)
    best = _best(partial.reports.values())
    with closing(pool(jobs)) as events:
        for event in events:
            if isinstance(event, Notice):
                progress.message(event.text)
                continue
            job = by_batch[event.cell]
            if isinstance(event, Finished):
                running.pop(event.cell, None)
                ended += job.units
                reports = _reports(job, event)
                best = _best(reports, best)
                yield {
                    (job.cell.first + place, job.cell.seed): tuple(map(usable, own))
                    for place, own in enumerate(reports)
                }
            else:
                running[event.cell] = event
            done = ended + sum(one.done for one in running.values())
            progress.update(CellProgress(name, done, total, best))


def _best(reports: Iterable[Iterable[Report]], known: float | None = None) -> float | None:
    """The lowest loss of ``reports``, or the one that is known."""
    losses = [one.val_loss for own in reports for one in own if one.status == "ok"]
    return min(losses if known is None else [*losses, known], default=None)


def _reports(job: TabulationJob, ended: Any) -> Sequence[tuple[Report, ...]]:
    """What a batch gave; a configuration that ended its process has failed.

    Raises:
        StudyError: it could not be evaluated, whatever the configuration.
    """
    if ended.result is not None:
        reports: Sequence[tuple[Report, ...]] = ended.result.reports
        return reports
    why = str(ended.error)
    if len(job.configs) > 1 or not why.startswith("its process"):
        raise StudyError(f"{job.task.name}: {why}; evaluations that are done are kept")
    return [tuple(job.task.failure(units, 0.0, message=why) for _, units in steps(job.task))]
