"""What a journal costs a cell that is not killed, and what it saves one that is."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from bohb_study.engines.base import CellJob, run_cell
from bohb_study.engines.journal_place import JournalPlace
from bohb_study.schema import rows_hash
from bohb_study.study import Cell, StudyConfig

KILLED_AT = 0.9
"""Share of its reports after which a cell is killed."""


@dataclass(frozen=True)
class Cost:
    """One cell, several times without a journal and with one, in turns."""

    task: str
    method: str
    reports: int
    without: float
    """Reports a second; the median, as the next."""
    with_: float
    cpu_ratio: float
    """CPU time with a journal over that without one, of the medians."""
    megabytes: float
    """Of the journal, when the cell had ended."""


@dataclass(frozen=True)
class Resumption:
    """A cell that was killed after ``KILLED_AT`` of its reports."""

    task: str
    method: str
    reports: int
    """Taken from the journal."""
    repeated: int
    """Units that were trained again."""
    replay: float
    """Seconds that it took beside training what was left."""
    again: float
    """Seconds that it had taken to get there."""
    equal: bool
    """Whether its rows are those of a cell that was not killed."""


def job_of(task: str, method: str, budget: float) -> CellJob:
    """A cell of seed 0."""
    study = StudyConfig(tasks=(task,), methods=(method,), budget=budget, seeds=1).resolve()
    cell = Cell(task, method, 0)
    return CellJob(cell, study.task(cell), budget)


def cost(job: CellJob, repeats: int) -> Cost:
    """Measure a cell with and without a journal, in turns."""
    run_cell(job)  # imports, data
    wall: dict[bool, list[float]] = {False: [], True: []}
    cpu: dict[bool, list[float]] = {False: [], True: []}
    with _folder() as folder:
        for number in range(repeats):
            for journalled in (False, True) if number % 2 else (True, False):
                own = _journalled(job, folder) if journalled else job
                began, busy = perf_counter(), process_time()
                result = run_cell(own)
                wall[journalled].append(perf_counter() - began)
                cpu[journalled].append(process_time() - busy)
        size = (folder / "0.journal").stat().st_size
    reports = len(result.frame)
    return Cost(
        job.task.name,
        job.cell.method,
        reports,
        reports / median(wall[False]),
        reports / median(wall[True]),
        median(cpu[True]) / median(cpu[False]),
        size / 1e6,
    )


def resumption(job: CellJob) -> Resumption:
    """Cut a cell's journal after ``KILLED_AT`` of its reports, as SIGKILL would; let it go on."""
    run_cell(job)  # imports, data
    with _folder() as folder:
        own = _journalled(job, folder)
        whole = run_cell(own)
        assert own.journal is not None
        kept = int(KILLED_AT * len(whole.frame))
        path = own.journal.path
        records = path.read_bytes().splitlines(keepends=True)
        ends = [number for number, line in enumerate(records) if b' ["report",' in line[:28]]
        path.write_bytes(b"".join(records[: ends[kept - 1] + 1]))
        again = float(json.loads(records[ends[kept - 1]][17:])[5])
        began = perf_counter()
        result = run_cell(own)
        seconds = perf_counter() - began
    assert result.resumed is not None
    trained = float(result.frame["train_seconds"].iloc[kept:].sum())
    return Resumption(
        job.task.name,
        job.cell.method,
        result.resumed.reports,
        result.resumed.repeated,
        seconds - trained,
        again,
        rows_hash(result.frame) == rows_hash(whole.frame),
    )


def _journalled(job: CellJob, folder: Path) -> CellJob:
    """The cell with an empty journal."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    by_step = not job.task.computed
    return replace(job, journal=JournalPlace(folder / "0.journal", folder, {}, by_step))


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as home:
        yield Path(home, "journal")
