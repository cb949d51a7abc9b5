"""Which cells are left; runs them, checks their accounts and stores them."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bohb_study import scratch
from bohb_study.checkout import git_state
from bohb_study.errors import StudyError, UsageError
from bohb_study.identity import cell_hash, code_parts, versions
from bohb_study.numbers import counted
from bohb_study.numerics import BASELINE, differences, expected, missing
from bohb_study.running.engine_choice import idle_gpu
from bohb_study.running.execution import Ended, allowed_units, execute, prepare, session
from bohb_study.running.heartbeats import heartbeats
from bohb_study.running.journals import check_journals
from bohb_study.running.options import RunOptions
from bohb_study.running.progress import Progress, make_progress
from bohb_study.running.provenance import provenance
from bohb_study.scores import Score
from bohb_study.store import (
    Origin,
    cell_record,
    cell_state,
    locked,
    newest_folder,
    read_study,
    set_damaged_aside,
    study_folder,
    write_cell,
    write_study,
)
from bohb_study.store.code_file import CODE_FILE, write_code
from bohb_study.store.journals import journal_place, remove_empty, remove_journal
from bohb_study.store.locking import unwritable
from bohb_study.store.names import STUDY_FILE
from bohb_study.study import Cell, Study, StudyConfig

if TYPE_CHECKING:
    from bohb_study.engines.base import CellResult
    from bohb_study.running.pools.nodes import Nodes

__all__ = ["CODE_FILE", "ProgressContext", "StudyRun", "remarks", "run_study"]


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
    read_only: str | None = None
    """Why nothing can be written in the folder; None where something can."""
    notes: list[str] = field(default_factory=list)
    """What else is to be said, a line each."""


ProgressContext = Callable[[], AbstractContextManager[Progress]]


def run_study(
    config: StudyConfig,
    options: RunOptions | None = None,
    progress: ProgressContext | None = None,
    only: Mapping[str, Mapping[str, int]] | None = None,
) -> StudyRun:
    """Run what is not done of a study, and store it cell by cell.

    Cells that are done are kept as they are, so an interrupted study goes on where it was.

    Args:
        config: the study.
        options: where and how.
        progress: opens the display of how far it is; that of a terminal by default.
        only: seeds by task and method, where not all cells of ``config`` are asked for.

    Raises:
        UsageError: something asked for is not possible; nothing was run.
        StudyError: the folder is being written by another process, holds cells of other code, or
            cannot be written.
        KeyboardInterrupt: after the finished cells have been stored.
    """
    options = options or RunOptions()
    scratch.remove_orphans()
    study = replace(config.resolve(), only=only)
    if options.download:  # a folder that is given is known by its data
        prepare(study, options)
    folder = nodes = None
    if not options.fresh:
        folder = newest_folder(options.out, options.name, config.id)
    read_only = unwritable(folder) if folder else None
    notes: list[str] = []
    with ExitStack() as stack:
        if folder and not read_only:  # nobody writes where nobody can
            stack.enter_context(locked(folder))
            notes += [note] if (note := set_damaged_aside(folder)) else []
        reused = _done(folder, study) if folder else []
        left = [cell for cell in study.cells if cell not in set(reused)]
        if left and read_only:
            raise UsageError(
                f"{options.out}: {folder} cannot be written: {read_only}; {len(left)} of "
                f"{len(left) + len(reused)} cells are not done",
                parameter="out",
            )
        if left:
            # all that can be refused is refused before anything is written
            if folder:
                _refuse_others(folder, study, reused, gpus=options.gpus_per_trial > 0)
                check_journals(study, left, options, folder)
            prepare(study, options)
            nodes = stack.enter_context(session(study, left, options, folder))
        if left or not folder:
            made = study_folder(options.out, options.name, config.id, options.fresh)
            if made != folder:
                stack.enter_context(locked(made))
            folder = made
        run = StudyRun(folder, reused=reused, read_only=read_only, notes=notes)
        # what was asked for before and is done needs no data any more
        if left or not (folder / STUDY_FILE).exists():
            made_with = provenance(options) if left else None
            write_study(folder, options.name, config, study.tasks, made_with, only)
        if left:
            write_code(folder, code_parts())
            _run_left(study, options, run, left, progress, nodes)
        if not read_only:
            remove_empty(folder)
    scratch.remove_orphans()  # once more: processes of a run before may have ended since
    return run


def _done(folder: Path, study: Study) -> list[Cell]:
    """The cells that are done in ``folder``.

    Raises:
        StudyError: the columns of a cell are not those of its schema version: it is no damaged cell
            that could be run over.
    """
    origin, done = Origin.of(study.config), []
    for cell in study.cells:
        state, why = cell_state(folder, cell, origin)
        if state == "mismatch":
            raise StudyError(f"{why}; fresh=True starts over in a new folder")
        if state == "done":
            done.append(cell)
    return done


def _refuse_others(folder: Path, study: Study, asked: Sequence[Cell], *, gpus: bool) -> None:
    """Rows of different numerics or code, or of CPUs and GPUs, do not belong in one study."""
    wanted: dict[str, str] = {}
    config, origin = study.config, Origin.of(study.config)
    known = (folder / STUDY_FILE).exists()
    cells = dict.fromkeys([*asked, *(read_study(folder).cells() if known else ())])
    for cell in cells:
        if cell_state(folder, cell, origin)[0] != "done":
            continue
        record = cell_record(folder, cell, origin)
        if gpus != (record.gpus_per_trial > 0):
            here, there = ("without", "with") if gpus else ("with", "without")
            raise StudyError(
                f"{folder}: {cell} was run {here} GPUs, not {there}: a training gives other "
                "numbers there; fresh=True starts over in a new folder"
            )
        wanted = wanted or expected(config.numerics, torch=True)
        if other := differences(record.numerics, wanted):
            raise StudyError(
                f"{folder}: {cell} was computed otherwise than it would be here: "
                f"{'; '.join(other)}; fresh=True starts over in a new folder"
            )
        if record.code != _code_of(cell, record.engine, config):
            raise StudyError(
                f"{folder}: {cell} was run by other code or other versions of the packages "
                "that decide rows; fresh=True starts over in a new folder"
            )


def _code_of(cell: Cell, engine: str, config: StudyConfig) -> str:
    """The hash of all code that decides the rows of ``cell`` here."""
    return cell_hash(
        cell.task,
        cell.method,
        engine,
        config.source(cell.task),
        config.method_source(cell.method),
    )


def _run_left(
    study: Study,
    options: RunOptions,
    run: StudyRun,
    left: list[Cell],
    open_progress: ProgressContext | None,
    nodes: "Nodes | None",
) -> None:
    scores = {name: Score.of(task.val_metric) for name, task in study.tasks.items()}
    with (
        open_progress() if open_progress else make_progress(scores=scores) as shown,
        heartbeats(run.path, study.config.id, shown) as progress,
    ):
        stored = {str(cell) for cell in run.reused}
        progress.start(allowed_units(study, study.cells), stored=stored)
        if hint := idle_gpu(study, options):
            progress.message(hint)
        if study.config.numerics == "portable" and (why := missing()):
            progress.message(
                f"rows are this machine's own: {why}, and portable ones take {BASELINE}"
            )
        with closing(execute(study, left, options, run.path, progress, nodes)) as ended:
            for event in ended:
                error = _store(study.config, options, run, event)
                cell, result = event.finished.cell, event.finished.result
                if error:
                    progress.message(f"{cell} failed: {error}")
                elif result:
                    for line in remarks(result, study.task(cell).ladder.resumable):
                        progress.message(f"{cell}: {line}")
                best = _best(result.frame) if result else None
                progress.finish(str(cell), ok=error is None, seconds=event.seconds, best=best)


def remarks(result: "CellResult", resumable: bool) -> list[str]:
    """What the person at the terminal should know of a cell, a line each.

    Args:
        result: of the cell.
        resumable: whether a training of the task goes on after a pause.
    """
    from bohb_study.analysis.diagnostics.resumption import resumption  # analysis imports scipy

    frame, failures = result.frame, result.failures
    ends = frame.drop_duplicates("trial", keep="last")
    lines = []
    if failures:
        trial, why = next(iter(failures.items()))
        lines.append(f"{len(failures)} of {len(ends)} trainings failed; first trial {trial}: {why}")
    elif not (ends["status"] == "ok").any():
        lines.append(f"none of {len(ends)} trainings has a result: all diverged")
    if result.parallel is not None and result.parallel.deaths:
        lines.append(
            f"{result.parallel.deaths} of its actors died and were replaced; "
            f"{result.parallel.repeated} units were trained again and not counted in the budget"
        )
    if (resumed := result.resumed) is not None:
        lines.append(
            f"went on after {counted(resumed.reports, 'reports')} of its journal; "
            f"{counted(resumed.repeated, 'units')} were trained again and not counted in the budget"
        )
    if result.journal_error:
        lines.append(
            f"its journal could not be written ({result.journal_error}); killed, it would have "
            "started over"
        )
    if frame.loc[frame["status"] == "ok", "test_loss"].isna().all() and _best(frame) is not None:
        lines.append("the test loss is not defined in any row")
    if resumable and (pauses := resumption(frame)).starts_over:
        lines.append(f"{pauses}: it starts over; does a function ignore its state?")
    return lines


def _best(frame: Any) -> float | None:
    """The lowest validation loss of all results; None where there is no result."""
    ok = frame.loc[frame["status"] == "ok", "val_loss"]
    return float(ok.min()) if len(ok) else None


def _store(config: StudyConfig, options: RunOptions, run: StudyRun, event: Ended) -> str | None:
    """Check the cell's account and store it; a cell that violates it has failed.

    Returns:
        Why it failed, in one line; None where it did not.
    """
    cell, result, error = event.finished.cell, event.finished.result, event.finished.error
    record: dict[str, Any] = {
        "study": config.id,
        "identity": config.identity(),
        "config": config.to_json(),
        "workers": config.workers,
        "engine": event.engine,
        "gpus_per_trial": options.gpus_per_trial,
        "versions": versions(),
        "code": _code_of(cell, event.engine, config),
        "git": git_state(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": event.began.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if result is not None:
        record["ledger"] = asdict(result.account)
        record["numerics"] = result.numerics
        record["space"] = result.space
        record["split"] = result.split
        record["seconds"] = result.seconds
        if result.parallel is not None:
            record["parallel"] = asdict(result.parallel)
        if result.node:
            record["node"] = result.node
        if result.told is not None:
            record["told"] = asdict(result.told)
        if result.resumed is not None:
            record["resumed"] = asdict(result.resumed)
        if result.limited:
            record["limits"] = {
                "trial_timeout": options.trial_timeout,
                "trial_memory": options.trial_memory,
                "trials": result.limited,
            }
        record["failures"] = {str(trial): why for trial, why in result.failures.items()}
        broken = result.account.violations()
        if broken:
            error = "the accounting does not add up: " + "; ".join(broken)
        elif result.frame.empty:
            error = f"no trial was run: method {cell.method} suggested no configuration"
    if error is None and result is not None:
        write_cell(run.path, cell, result.frame, record)
        remove_journal(journal_place(run.path, cell))
        run.ran.append(cell)
    else:
        run.failed[cell] = str(error)
        write_cell(run.path, cell, None, {**record, "error": error})
    return error
