"""Runs the evaluations that tasks' characters take, side by side, and keeps each as it ends.

They are kept as lines of a file beside the one that will hold the characters, until all that was
asked for is done: the same command goes on where it was interrupted.
"""

import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from bohb_study.analysis.diagnostics.task_character import TaskCharacter, character_of
from bohb_study.errors import StudyError, UsageError
from bohb_study.running.character_plan import CharacterPlan, Draw, DrawJob, Reached
from bohb_study.running.progress import CellProgress, Progress, make_progress
from bohb_study.scratch import remove_orphans

NOUN = "tasks"


def characters_of(
    plans: Sequence[CharacterPlan], kept: Path, jobs: int | None = None
) -> Generator[TaskCharacter, None, None]:
    """Evaluate what is planned and give each task's character as soon as its evaluations are done.

    Args:
        plans: one a task.
        kept: file that holds finished evaluations until all are done; then it is removed.
        jobs: evaluations that run at the same time; as many as CPUs by default.

    Raises:
        UsageError: ``kept`` cannot be written; before anything is evaluated.
        StudyError: an evaluation could not be made at all, say for want of data, or the disk is
            full.
        KeyboardInterrupt: after the finished evaluations have been kept.
    """
    remove_orphans()
    _check_writable(kept)
    stored = _stored(kept)
    reached: dict[Draw, Reached] = {
        job.cell: stored[job.key] for plan in plans for job in plan.jobs if job.key in stored
    }
    by_name = {plan.task.name: plan for plan in plans}
    with make_progress(noun=NOUN) as progress:
        progress.start({name: len(plan.jobs) for name, plan in by_name.items()})
        left = [job for plan in plans for job in plan.jobs if job.cell not in reached]
        began: dict[str, float] = {}
        missing = {name: _missing(plan, reached) for name, plan in by_name.items()}
        for name in [name for name, count in missing.items() if not count]:
            yield _ended(by_name[name], reached, progress, 0.0)
        at_once = jobs or len(os.sched_getaffinity(0))
        with closing(_evaluated(left, at_once, progress)) as ended:
            for job, one in ended:
                name = job.task.name
                began.setdefault(name, perf_counter())
                reached[job.cell] = one
                _keep(kept, job, one)
                missing[name] -= 1
                count = len(by_name[name].jobs)
                progress.update(CellProgress(name, count - missing[name], count, None))
                if not missing[name]:
                    yield _ended(by_name[name], reached, progress, perf_counter() - began[name])
    kept.unlink(missing_ok=True)


def _missing(plan: CharacterPlan, reached: Mapping[Draw, Reached]) -> int:
    return sum(job.cell not in reached for job in plan.jobs)


def _ended(
    plan: CharacterPlan, reached: Mapping[Draw, Reached], progress: Progress, seconds: float
) -> TaskCharacter:
    found = character_of(plan.draws(reached))
    progress.finish(plan.task.name, True, seconds, None, f"{found.configs} configurations")
    return found


def _evaluated(
    left: Sequence[DrawJob], at_once: int, progress: Progress
) -> Generator[tuple[DrawJob, Reached], None, None]:
    """Each evaluation as it ends."""
    from bohb_study.engines.base import Finished, Notice
    from bohb_study.running.pools import local  # imports Ray's cloudpickle, which is slow

    by_cell = {job.cell: job for job in left}
    with closing(local.run_cells(left, at_once)) as events:
        for event in events:
            if isinstance(event, Notice):
                progress.message(event.text)
            elif isinstance(event, Finished):
                assert isinstance(event.cell, Draw)
                job = by_cell[event.cell]
                yield job, event.result or _failed(job, str(event.error), progress)


def _failed(job: DrawJob, error: str, progress: Progress) -> Reached:
    """What is said of an evaluation whose process it has ended.

    Raises:
        StudyError: it was not the configuration's doing.
    """
    if error.startswith(("StudyError", "UsageError")):
        raise StudyError(f"{job.cell}: {error}")
    progress.message(f"{job.cell} failed: {error}")
    levels = job.task.ladder.costs if job.cell.repeat is None else (job.task.ladder.top,)
    return Reached((None,) * len(levels), None)


def _stored(kept: Path) -> dict[str, Reached]:
    """Evaluations that are kept, by their key; a last line that was cut off is none."""
    try:
        lines = kept.read_text().splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{kept}: cannot be read ({error}); remove it") from None
    found = {}
    for line in lines:
        try:
            one: dict[str, Any] = json.loads(line)
            found[str(one["key"])] = Reached(tuple(one["losses"]), one["seconds"])
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _check_writable(kept: Path) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with kept.open("a"):
            pass
    except OSError as error:
        raise UsageError(f"{kept}: cannot be written: {error.strerror}", "out") from None


def _keep(kept: Path, job: DrawJob, reached: Reached) -> None:
    line = json.dumps({"key": job.key, **asdict(reached)}, allow_nan=False)
    try:
        with kept.open("a") as file:
            file.write("\n" + line)  # whatever was cut off before it
    except OSError as error:
        raise StudyError(f"{kept}: cannot be written: {error.strerror}") from None
