"""Runs the trainings that are left, side by side, and keeps each as it ends."""

import math
import os
import socket
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter

from bohb_study.checkout import git_state
from bohb_study.identity import versions
from bohb_study.numerics import expected
from bohb_study.running.progress import CellProgress, Progress, make_progress
from bohb_study.running.retraining_plan import TrainingJob, plan
from bohb_study.scores import Score
from bohb_study.scratch import remove_orphans
from bohb_study.seeding import config_id
from bohb_study.store import load_study, locked
from bohb_study.store.sidecars.finals_json import Final, read_finals, write_finals
from bohb_study.tasks import Report

REPEATS = 3
"""Trainings of each incumbent where no other number is asked for."""
NOUN = "trainings off the ledger"


def retrain_finals(
    folder: Path, repeats: int = REPEATS, jobs: int | None = None, *, trust: bool = False
) -> list[Final]:
    """Train the final configurations of a finished study again; each training is kept at once.

    Trainings that are stored are not repeated, unless they failed, or are of another incumbent or
    other code: those are dropped, and so are those beyond what is asked for.

    Args:
        folder: the study's, where finals.json is written.
        repeats: trainings of each cell's incumbent, at least 1.
        jobs: trainings that run at the same time; as many as CPUs by default.
        trust: execute the files of tasks that the study names; needed for one that this process
            has not executed before.

    Returns:
        All trainings in the order of the plan; none where nothing is trained on the study's tasks.

    Raises:
        UsageError: a file would have to be executed, and is not trusted.
        StudyError: a cell is not done, a configuration cannot be rebuilt, another process writes
            the study, or a file cannot be written.
        KeyboardInterrupt: after the finished trainings have been stored.
    """
    remove_orphans()
    with locked(folder):
        study = load_study(folder)
        study_id = study.study.id
        planned = {job.cell: job for job in plan(study, repeats, trust=trust)}
        stored = read_finals(folder, study_id)
        finals = {
            final.training: final
            for final in stored
            if final.training in planned and _holds(final, planned[final.training])
        }
        left = [job for training, job in planned.items() if training not in finals]
        if left:
            scores = {job.task.name: Score.of(job.task.val_metric) for job in planned.values()}
            with make_progress(noun=NOUN, scores=scores) as progress:
                tops = {str(training): job.task.ladder.top for training, job in planned.items()}
                progress.start(tops, stored={str(training) for training in finals})
                at_once = jobs or len(os.sched_getaffinity(0))
                with closing(_trained(left, at_once, progress)) as ended:
                    for final in ended:
                        finals[final.training] = final
                        done = [finals[training] for training in planned if training in finals]
                        write_finals(folder, study_id, done)
        result = [finals[training] for training in planned]
        if not left and len(stored) > len(result):
            write_finals(folder, study_id, result)
    return result


def _holds(final: Final, job: TrainingJob) -> bool:
    """Whether a stored training is what ``job`` would give."""
    same = final.config_id == config_id(job.config) and final.run.get("code") == job.code
    return same and final.status != "failed"


def _trained(
    left: Sequence[TrainingJob], at_once: int, progress: Progress
) -> Generator[Final, None, None]:
    """Each training as it ends; what is the same training is run once."""
    from bohb_study.engines.base import Finished, Notice
    from bohb_study.running.pools import local  # imports Ray's cloudpickle, which is slow

    twins: dict[tuple[str | int, ...], list[TrainingJob]] = {}
    for job in left:
        twins.setdefault(job.key, []).append(job)
    first = [jobs[0] for jobs in twins.values()]
    by_name = {str(job.cell): job for job in first}
    run = {
        "numerics": expected(left[0].numerics, torch=True),
        "versions": versions(),
        "git": git_state(),
        "host": socket.gethostname(),
    }
    began: dict[str, float] = {}
    with closing(local.run_cells(first, at_once)) as events:
        for event in events:
            if isinstance(event, Notice):
                progress.message(event.text)
                continue
            name = str(event.cell)
            job = by_name[name]
            top = job.task.ladder.top
            began.setdefault(name, perf_counter())
            if not isinstance(event, Finished):
                progress.update(CellProgress(name, event.done, top, event.best))
                continue
            seconds = perf_counter() - began[name]
            report = event.result or job.task.failure(top, seconds, message=str(event.error))
            if report.status != "ok":
                progress.message(f"{name} {report.status}{report.message and ': '}{report.message}")
            says = report.status == "ok" and job.cell.kind == "retrained"
            best = report.val_loss if says else None  # of a refit it says nothing
            of_task = {**run, "code": job.code}
            for twin in twins[job.key]:
                yield _final(twin, report, of_task)
                progress.finish(str(twin.cell), report.status != "failed", seconds, best)


def _final(job: TrainingJob, report: Report, run: Mapping[str, object]) -> Final:
    extra = {k: float(v) if math.isfinite(v) else None for k, v in report.extra.items()}
    return Final(
        job.cell,
        job.config,
        float(report.val_loss),
        float(report.test_loss),
        report.status,
        report.seconds,
        extra,
        report.message,
        run,
    )
