"""What one trial may take, and what becomes of one that takes more or ends its process.

The journal says in which step the process of a cell is. A step that goes on for too long, takes too
much memory or has ended its process several times has failed: that is recorded in the journal as
its report, and the cell goes on behind it in another process.
"""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bohb_study.engines.base import CellJob, Job
from bohb_study.engines.journal import Journal, Step
from bohb_study.engines.journal_place import JournalPlace
from bohb_study.engines.trial_limits import TrialLimits, exceeded
from bohb_study.study import Cell

MOST_DEATHS = 3
"""How often a process may die in one step before the step has failed: whoever kills it from outside
would hardly meet the same step each time."""
FROM_OUTSIDE = ("was killed by SIGKILL", "was killed by SIGTERM")
"""Ends of a process that any other may be the reason of."""
_TAIL = 4096
"""Bytes at the end of a journal within which its last record begins, if it is that of a step."""


class StepWatch:
    """Watches the step that the process of a cell is in."""

    def __init__(self, place: JournalPlace, limits: TrialLimits) -> None:
        """Watch it by the cell's journal."""
        self._place, self._limits = place, limits
        self._size = -1
        self._since: float | None = None
        """When the step was seen to begin; None between steps."""

    def exceeded(self, process: int | None = None) -> str:
        """Which limit is exceeded, in a few words; empty where none is.

        Args:
            process: the id of the cell's process; None where it is not on this machine, so that
                nobody can say what memory it has.
        """
        with contextlib.suppress(OSError):
            size = os.stat(self._place.path, follow_symlinks=False).st_size
            if size != self._size:
                self._size = size
                self._since = time.monotonic() if self._in_step(size) else None
        if self._since is None:
            return ""
        return exceeded(self._limits, time.monotonic() - self._since, 1, process)

    def _in_step(self, size: int) -> bool:
        with open(self._place.path, "rb") as file:
            file.seek(max(0, size - _TAIL))
            lines = file.read(_TAIL).splitlines()
        return bool(lines) and b'["step",' in lines[-1][:32]


class Blame:
    """Decides what becomes of cells whose process has ended in the middle of them."""

    def __init__(self) -> None:
        """Nobody is to blame yet."""
        self._between: Counter[Cell] = Counter()
        """Deaths of a cell's process outside of any step."""
        self._deadly: set[tuple[Cell, str]] = set()
        """How trainings of a cell end their process, as one has again and again."""

    def after_limit(self, job: CellJob, why: str) -> str:
        """Record that the step which a cell was in has failed, since it exceeded a limit.

        Args:
            job: the cell, whose process has been ended.
            why: in a few words.

        Returns:
            What is to be said; empty where the step has ended by itself meanwhile.

        Raises:
            StudyError: the journal cannot be opened.
        """
        with _read(job) as journal:
            step: Step | None = journal.step
            if step is None:
                return ""
            report = job.task.failure(step.units, job.limits.seconds or 0.0, message=why)
            journal.add_report(step, report, limited=True)
        return f"{job.cell}: trial {step.trial} {why}: it has failed, and the cell goes on"

    def after_death(self, job: Job[Any], how: str) -> tuple[CellJob | None, str]:
        """What becomes of a job whose process has ended by itself.

        Args:
            job: any job; one without a journal has failed.
            how: the process ended, in a few words.

        Returns:
            The job that is to be run in its place, None where it has failed; and what is to be
            said.
        """
        if not isinstance(job, CellJob) or job.journal is None:
            return None, ""
        cell = job.cell
        with _read(job) as journal:
            step: Step | None = journal.step
            if step is None:
                self._between[cell] += 1
                if self._between[cell] >= MOST_DEATHS:
                    return None, ""
                # in which step it ends next is worth knowing
                job = replace(job, journal=replace(job.journal, by_step=True))
                return job, f"{cell}: its process {how}; the cell goes on"
            deaths = len(journal.deaths) + 1
            if deaths < MOST_DEATHS and (cell, how) not in self._deadly:
                journal.add_death(how)
                return job, f"{cell}: its process {how} in trial {step.trial}; the cell goes on"
            why = f"its process {how}"
            journal.add_report(step, job.task.failure(step.units, 0.0, message=why), limited=True)
            if how not in FROM_OUTSIDE:
                self._deadly.add((cell, how))
        return job, f"{cell}: trial {step.trial} has failed: {why} again; the cell goes on"


@contextlib.contextmanager
def _read(job: CellJob) -> Iterator[Journal]:
    """The journal of a cell, read to its end."""
    assert job.journal is not None
    journal = Journal(job.journal)
    try:
        while journal.replays:
            journal.next()
        yield journal
    finally:
        journal.close()
