"""Which cells are left; runs them, checks their books and stores them."""

import os
import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bohb_study.budget import units_allowed
from bohb_study.errors import StudyError, UsageError
from bohb_study.methods import get_method
from bohb_study.progress import CellProgress, Progress, make_progress
from bohb_study.provenance import code_hash, code_parts, git_state, versions
from bohb_study.store import (
    asked_cells,
    cell_record,
    cell_state,
    locked,
    newest_folder,
    read_study,
    study_folder,
    write_cell,
    write_study,
)
from bohb_study.store.files import json_bytes, replace_files
from bohb_study.store.studies import STUDY_FILE
from bohb_study.study import Cell, StudyConfig

if TYPE_CHECKING:
    from bohb_study.engines.cluster import Finished

CODE_FILE = "code.json"
"""In the study's folder: what decided its rows, part by part, so that a difference can be named."""


@dataclass(frozen=True)
class RunOptions:
    """How and where a study is run; none of it changes a row."""

    out: Path = Path("results")
    """Folder of all studies."""
    name: str = "compare"
    """First part of the study's folder name."""
    fresh: bool = False
    """Start over in a new folder; nothing is deleted."""
    jobs: int | None = None
    """Cells that run at the same time; as many as the machine has CPUs for where not given."""
    address: str | None = None
    """A running Ray cluster, as host:port, ray://host:port or auto; a local one where not given."""
    cpus_per_trial: float = 1
    """CPUs that each trial takes."""
    gpus_per_trial: float = 0
    """GPUs, or a share of one, that each trial takes."""

    def __post_init__(self) -> None:
        """Raise UsageError, naming the flag, for a value that cannot be."""
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"--jobs {self.jobs}: must be at least 1")
        for flag, value, least in (
            ("--cpus-per-trial", self.cpus_per_trial, "above 0"),
            ("--gpus-per-trial", self.gpus_per_trial, "0 or above"),
        ):
            if not (0 < value < 1e6 or (value == 0 and least == "0 or above")):
                raise UsageError(f"{flag} {value:g}: must be a number, {least}")


@dataclass
class StudyRun:
    """What became of a study."""

    path: Path
    """The study's folder."""
    ran: list[Cell] = field(default_factory=list)
    """Cells that were run now."""
    reused: list[Cell] = field(default_factory=list)
    """Cells that were done before."""
    failed: dict[Cell, str] = field(default_factory=dict)
    """Cells that failed now, with one line each."""


ProgressContext = Callable[[], AbstractContextManager[Progress]]


def run_study(
    config: StudyConfig,
    options: RunOptions | None = None,
    progress: ProgressContext = make_progress,
) -> StudyRun:
    """Run what is not done of a study, and store it cell by cell.

    Cells that are done are kept as they are, so an interrupted study goes on where it was.

    Args:
        config: the study.
        options: where and how.
        progress: opens the display of how far it is.

    Raises:
        UsageError: something asked for is not possible; nothing was run.
        StudyError: the folder is being written by another process, holds cells of other code, or
            cannot be written.
        KeyboardInterrupt: after the finished cells have been stored.
    """
    options = options or RunOptions()
    folder = None
    if not options.fresh:
        folder = newest_folder(options.out, options.name, config.id)
    with ExitStack() as stack:
        if folder:
            stack.enter_context(locked(folder))
        reused = [c for c in config.cells() if folder and cell_state(folder, c)[0] == "done"]
        left = [cell for cell in config.cells() if cell not in set(reused)]
        if left:
            # all that can be refused is refused before anything is written
            if folder:
                _refuse_other_code(folder, reused)
            stack.enter_context(session(config, left, options))
        if left or not folder:
            made = study_folder(options.out, options.name, config.id, options.fresh)
            if made != folder:
                stack.enter_context(locked(made))
            folder = made
        run = StudyRun(folder, reused=reused)
        write_study(folder, options.name, config, config.tasks())
        if left:
            replace_files({folder / CODE_FILE: json_bytes(code_parts())})
            _run_left(config, options, run, left, progress)
    return run


def _refuse_other_code(folder: Path, asked: Sequence[Cell]) -> None:
    """Rows of different code do not belong in one study."""
    known = (folder / STUDY_FILE).exists()
    cells = dict.fromkeys([*asked, *(asked_cells(read_study(folder)) if known else ())])
    for cell in cells:
        if cell_state(folder, cell)[0] != "done":
            continue
        if cell_record(folder, cell).get("code") != code_hash():
            raise StudyError(
                f"{folder}: {cell} was run by other code or other versions of the packages "
                "that decide rows; --fresh starts over in a new folder"
            )


def _run_left(
    config: StudyConfig,
    options: RunOptions,
    run: StudyRun,
    left: list[Cell],
    open_progress: ProgressContext,
) -> None:
    with open_progress() as progress:
        stored = {str(cell) for cell in run.reused}
        progress.start(allowed_units(config, config.cells()), stored=stored)
        with closing(execute(config, left, options, run.path, progress)) as ended:
            for event, began in ended:
                error = _store(config, run, event, began)
                if error:
                    progress.message(f"{event.cell} failed: {error}")
                elif event.result and event.result.failures:
                    trial, why = next(iter(event.result.failures.items()))
                    progress.message(
                        f"{event.cell}: {len(event.result.failures)} trainings failed (their loss "
                        f"stands for that); first trial {trial}: {why}"
                    )
                progress.finish(
                    str(event.cell),
                    ok=error is None,
                    seconds=seconds_since(began),
                    best=_best(event.result.frame) if event.result else None,
                )


def seconds_since(began: datetime) -> float:
    """Seconds from ``began`` until now."""
    return (datetime.now(UTC) - began).total_seconds()


def allowed_units(config: StudyConfig, cells: Iterable[Cell]) -> dict[str, int]:
    """The units that each of ``cells`` may spend, by the cell's name."""
    tasks = config.tasks()
    return {str(cell): units_allowed(config.budget, tasks[cell.task].ladder.top) for cell in cells}


@contextmanager
def session(config: StudyConfig, cells: Sequence[Cell], options: RunOptions) -> Iterator[None]:
    """A connection to Ray for running ``cells``.

    Raises:
        UsageError: a method does not fit its task, nobody answers at the address, or no node could
            ever hold a trial.
    """
    # Ray takes seconds to import; a study that is complete needs none of it
    from bohb_study.engines import cluster
    from bohb_study.engines.base import CellJob

    tasks = config.tasks()
    for cell in {(cell.task, cell.method): cell for cell in cells}.values():
        get_method(cell.method).build(CellJob(cell, tasks[cell.task], config.budget).problem)
    with cluster.connected(options.address):
        cluster.check_resources(options.cpus_per_trial, options.gpus_per_trial)
        yield


def execute(
    config: StudyConfig,
    cells: Sequence[Cell],
    options: RunOptions,
    folder: Path,
    progress: Progress,
) -> Generator[tuple["Finished", datetime], None, None]:
    """Run cells side by side within a ``session``.

    Args:
        config: the study that the cells are of.
        cells: what to run.
        options: where and how.
        folder: the study's folder, reachable from all nodes of a cluster.
        progress: is told how far the running cells are.

    Yields:
        Each cell as it ends, with the time at which it began.
    """
    from bohb_study.engines import cluster
    from bohb_study.engines.base import CellJob

    tasks = config.tasks()
    jobs = [
        CellJob(
            cell,
            tasks[cell.task],
            config.budget,
            config.workers,
            options.cpus_per_trial,
            options.gpus_per_trial,
            _shared_storage(options, folder),
        )
        for cell in cells
    ]
    at_once = options.jobs or cells_at_once(config.workers, options.cpus_per_trial)
    began: dict[Cell, datetime] = {}
    with closing(cluster.run_cells(jobs, at_once)) as events:
        for event in events:
            began.setdefault(event.cell, datetime.now(UTC))
            if isinstance(event, cluster.Finished):
                yield event, began[event.cell]
                continue
            allowed = units_allowed(config.budget, tasks[event.cell.task].ladder.top)
            progress.update(CellProgress(str(event.cell), event.done, allowed, event.best))


def cells_at_once(workers: int, cpus_per_trial: float) -> int:
    """How many cells keep the CPUs of the connected Ray busy."""
    import ray

    cpus = ray.cluster_resources().get("CPU", 1.0)
    return max(1, int(cpus / (workers * cpus_per_trial)))


def _shared_storage(options: RunOptions, folder: Path) -> str | None:
    """States of paused trials must be reachable from every node of a cluster."""
    if options.address is None:
        return None
    scratch = folder / ".scratch"
    scratch.mkdir(exist_ok=True)
    return str(scratch.resolve())


def _best(frame: Any) -> float | None:
    ok = frame.loc[frame["status"] == "ok", "val_loss"]
    return float(ok.min()) if len(ok) else None


def _store(config: StudyConfig, run: StudyRun, event: "Finished", began: datetime) -> str | None:
    """Check the cell's books and store it; a cell that breaks them has failed.

    Returns:
        Why it failed, in one line; None where it did not.
    """
    record: dict[str, Any] = {
        "config": config.to_json(),
        "workers": config.workers,
        "versions": versions(),
        "code": code_hash(),
        "git": git_state(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": began.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    result, error = event.result, event.error
    if result is not None:
        record["ledger"] = asdict(result.account)
        record["seconds"] = result.seconds
        record["failures"] = {str(trial): why for trial, why in result.failures.items()}
        broken = result.account.violations()
        if broken:
            error = "the ledger does not hold: " + "; ".join(broken)
    if error is None and result is not None:
        write_cell(run.path, event.cell, result.frame, record)
        run.ran.append(event.cell)
    else:
        run.failed[event.cell] = str(error)
        write_cell(run.path, event.cell, None, {**record, "error": error})
    return error
