"""Which trainings: each cell's incumbent, retrained, and each method's best, refit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import pandas as pd

from bohb_study.analysis.incumbents.final_incumbents import final_incumbents
from bohb_study.errors import StudyError
from bohb_study.identity import code_hash, task_parts
from bohb_study.numerics import Mode, check
from bohb_study.running.rerun import same_study
from bohb_study.schema import HP
from bohb_study.seeding import Config, config_id, plain, retraining_seed
from bohb_study.store import LoadedStudy
from bohb_study.store.sidecars.finals_json import Training, TrainingKind
from bohb_study.study import Cell
from bohb_study.tasks import Evaluation, Report, Task
from bohb_study.tasks.fingerprints import own_value

if TYPE_CHECKING:
    from bohb_study.engines.base import OnProgress


@dataclass(frozen=True)
class TrainingJob:
    """One training with all that running it takes; picklable."""

    cell: Training
    task: Task
    """The task; for a refit, the task with all training data."""
    config: Config
    numerics: Mode = "portable"
    """By which kernels it is trained."""
    code: str = ""
    """Hash of the code that decides what comes of it."""
    journal: None = None
    """It makes one report, so there is nothing in it from which it could go on."""

    @property
    def key(self) -> tuple[str | int, ...]:
        """Equal for jobs that are one and the same training.

        Methods that draw the same configurations often choose the same.
        """
        cell = self.cell
        return cell.task, cell.kind, cell.seed, cell.repeat, config_id(self.config)

    def run(self, progress: "OnProgress | None" = None) -> Report:
        """Train straight to the top; what goes wrong is a report as well.

        Raises:
            KeyboardInterrupt: Ctrl-C.
        """
        from bohb_study.engines.base import one_line
        from bohb_study.engines.guard import CELL_ERRORS, GuardedEvaluation, interruptible

        check(self.numerics)
        top, began = self.task.ladder.top, perf_counter()
        cell = self.cell
        seed = retraining_seed(self.task.name, cell.seed, self.config, cell.repeat)
        guarded = GuardedEvaluation(self.task, self.config, cell.seed, self._start, seed)
        try:
            with interruptible():
                return guarded.advance(top, top)
        except CELL_ERRORS as error:
            return self.task.failure(top, perf_counter() - began, message=one_line(error))

    def _start(self, config: Config, seed: int) -> Evaluation:
        return self.task.retrain(config, seed, self.cell.repeat)


@dataclass(frozen=True)
class Chosen:
    """What a cell recommends at its end."""

    cell: Cell
    config: Config
    val_loss: float
    """Reported, of the training for which it was chosen."""


def plan(study: LoadedStudy, repeats: int, *, trust: bool = False) -> list[TrainingJob]:
    """What is to be trained: by repetition, so that an interrupted run has the first of all cells.

    Cells without a successful full evaluation, tasks on which nothing is trained, and baselines
    with a larger budget, which are compared with nothing, have no part.

    Args:
        study: a finished study, as it was run or packed.
        repeats: trainings of each cell's incumbent, at least 1.
        trust: execute the files of tasks that the study names.

    Raises:
        UsageError: such a file would have to be executed, and is not trusted.
        StudyError: a configuration cannot be rebuilt from the frame, or a task is not the one that
            was run.
    """
    resolved = same_study(study, trust=trust)
    config, tasks = resolved.config, resolved.tasks
    trained = {name for name, task in tasks.items() if type(task).retrain is not Task.retrain}
    larger_budgets = study.larger_budgets
    found = [
        one
        for one in chosen(study)
        if one.cell.task in trained and one.cell.method not in larger_budgets
    ]
    planned = [
        _job(one, "retrained", repeat, tasks[one.cell.task])
        for repeat in range(repeats)
        for one in found
    ]
    for best in _best(found):
        on_all = tasks[best.cell.task].on_all_data()
        if on_all is not None:
            planned.append(_job(best, "all data", 0, on_all))
    code = {name: code_hash(task_parts(name, config.source(name))) for name in trained}
    return [replace(job, numerics=config.numerics, code=code[job.cell.task]) for job in planned]


def chosen(study: LoadedStudy) -> list[Chosen]:
    """The final incumbent of each cell under rule ``full``, its configuration rebuilt.

    Raises:
        StudyError: the columns of a configuration do not give its stored ``config_id``.
    """
    final = final_incumbents(study.frame, study.study.tops)
    return [
        Chosen(
            cell := Cell(str(row["task"]), str(row["method"]), int(row["seed"])),
            _config(study, cell, int(row["seq"]), str(row["config_id"])),
            float(row["val_loss"]),
        )
        for _, row in final.dropna(subset="val_loss").iterrows()
    ]


def _job(one: Chosen, kind: TrainingKind, repeat: int, task: Task) -> TrainingJob:
    cell = one.cell
    training = Training(cell.task, cell.method, cell.seed, kind, repeat)
    return TrainingJob(training, task, one.config)


def _best(found: Sequence[Chosen]) -> list[Chosen]:
    """Of each task and method the cell with the lowest validation loss; of equals the first."""
    best: dict[tuple[str, str], Chosen] = {}
    for one in found:
        held = best.setdefault((one.cell.task, one.cell.method), one)
        if one.val_loss < held.val_loss:
            best[one.cell.task, one.cell.method] = one
    return list(best.values())


def _config(study: LoadedStudy, cell: Cell, seq: int, stored: str) -> Config:
    """The configuration of the report ``seq`` of a cell, rebuilt from its columns."""
    rows = study.rows((cell.task, cell.method, cell.seed))
    report = rows[rows["seq"] == seq]
    space = study.study.tasks[cell.task].space or {}
    values = {
        (key := str(name).removeprefix(HP)): own_value(report[name].iloc[0], space.get(key, {}))
        for name in report.columns
        if str(name).startswith(HP) and pd.notna(report[name].iloc[0])
    }
    config = plain(values)
    if config_id(config) != stored:
        raise StudyError(
            f"{study.path}: {cell}: configuration {stored} is not what its columns say: {config} "
            f"is {config_id(config)}"
        )
    return config
