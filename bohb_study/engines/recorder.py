"""From reports to rows: the same for every engine."""

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb_study.budget import Ledger
from bohb_study.engines.base import CellJob, CellResult, Told
from bohb_study.engines.journal import Journal
from bohb_study.engines.sealed_report import SealedReport, opened_all
from bohb_study.methods.base import WORST, Pair
from bohb_study.methods.recording.recording_scheduler import Record
from bohb_study.schema import DECISIONS, EXTRA, HP, STATUSES, Kind, columns_for, typed
from bohb_study.seeding import Config, config_id
from bohb_study.tasks import Task
from bohb_study.tasks.fingerprints import column_kind, space_sha256, stored_value

if TYPE_CHECKING:
    import pandas as pd
    from ConfigSpace import ConfigurationSpace


@lru_cache(maxsize=64)
def kinds_of_task(task: Task) -> Mapping[str, Kind]:
    """``hyperparameter_kinds`` of a task's space; making a space takes milliseconds."""
    return hyperparameter_kinds(task.space(0))


@lru_cache(maxsize=64)
def space_of_task(task: Task) -> str:
    """sha256 of a task's space."""
    return space_sha256(task.space(0))


def hyperparameter_kinds(space: "ConfigurationSpace") -> dict[str, Kind]:
    """The column type of each hyperparameter, in the space's order."""
    return {name: column_kind(hyperparameter)[0] for name, hyperparameter in space.items()}


@lru_cache(maxsize=64)
def _as_json(task: Task) -> frozenset[str]:
    """The hyperparameters whose columns hold JSON text."""
    return frozenset(name for name, one in task.space(0).items() if column_kind(one)[1])


def depends_on(job: CellJob) -> dict[str, Any]:
    """What the reports of ``job`` depend on beside code, versions and numerics: JSON values."""
    return {
        **asdict(job.cell),
        "budget": job.budget,
        "engine": job.engine,
        "workers": job.workers,
        "data_parallel": job.data_parallel,
        "space": space_of_task(job.task),
        "split": job.task.split_sha256(job.cell.seed),
    }


@contextmanager
def journal_of(job: CellJob) -> Iterator[Journal | None]:
    """The open journal of ``job``; None where it has none.

    Raises:
        StudyError: it is not of this cell, or of other code, data or numerics.
    """
    if job.journal is None:
        yield None
        return
    journal = Journal(job.journal, depends_on(job))
    try:
        yield journal
    finally:
        journal.close()


_REPORT_COLUMNS = {
    **dict.fromkeys(("trial_row", "level", "units", "units_restart", "executed"), "q"),
    **dict.fromkeys(("rung", "decision", "status"), "b"),
    **dict.fromkeys(
        ("val_loss", "test_loss", "train_seconds", "search_seconds", "virtual_seconds"), "d"
    ),
}
"""What is kept of each report, with the type code of its array."""
_TRIAL_COLUMNS = ("trial", "config_id", "bracket", "model_based", "true_loss")
"""What is kept once a trial, beside its configuration."""
_DECISION_CODES: dict[str, int] = {word: code for code, word in enumerate(DECISIONS)}
_STATUS_CODES: dict[str, int] = {word: code for code, word in enumerate(STATUSES)}
_END = _DECISION_CODES["end"]
_NO_RUNG = -1


@cache
def _coded(record: Record) -> tuple[int, int]:
    """The codes of its decision and of its rung; there are few different ones."""
    rung = _NO_RUNG if record.rung is None else record.rung
    return _DECISION_CODES[record.decision], rung


_BATCH = 4096
"""Reports that wait to be moved into the columns together."""


@dataclass
class _TrialState:
    row: int
    """Of the trial in the tables of what does not change from report to report."""
    level: int = 0
    paused: bool = False
    """At its last report it stood at a milestone of a scheduler that pauses trials."""
    last: SealedReport | None = None
    """Its last report."""


class Recorder:
    """Collects the reports of one cell in order of arrival.

    What belongs to a trial is kept once a trial and what is measured at a report in plain arrays,
    some hundred bytes a report: studies have hundreds of thousands.
    """

    def __init__(self, job: CellJob, pair: Pair) -> None:
        """Record the cell that ``job`` says, run by ``pair``."""
        self.executed = 0
        """Units that the evaluations counted; of all reports once there is a result."""
        self.failures: dict[int, str] = {}
        """Why trainings failed, by trial; as ``executed``."""
        self._job = job
        # before anything is spent: where the data are missing, it is said now
        self._split = job.task.split_sha256(job.cell.seed)
        self._pair = pair
        self._take_seconds = pair.searcher.take_seconds
        self._clock = 0.0
        self._known: dict[str, _TrialState] = {}
        self._trials: dict[str, list[Any]] = {name: [] for name in _TRIAL_COLUMNS}
        self._configs: list[Config] = []
        self._reports: dict[str, Any] = {n: array(code) for n, code in _REPORT_COLUMNS.items()}
        self._new: list[tuple[Any, ...]] = []
        """Reports that are not in the columns yet."""
        self._restarts = pair.scheduler.restarts
        self._extra: dict[str, Any] = {name: array("d") for name in job.task.extra_names}
        self._heard_scheduler, self._heard_searcher = pair.scheduler.told, pair.searcher.told
        self._told = self._told_otherwise = 0

    def add(
        self,
        trial_id: str,
        level: int,
        units: int,
        report: SealedReport,
        record: Record | None,
        arrival: float | None = None,
    ) -> None:
        """Record one report.

        Args:
            trial_id: the trial as searcher and scheduler know it.
            level: units of fidelity reached.
            units: units charged for the step.
            report: of the evaluation.
            record: what the scheduler did with it; None where it was not asked (the budget was
                used up while the step was in flight).
            arrival: modelled seconds at which it arrived. None where nobody knows; at one worker,
                where steps follow each other, it is worked out here.
        """
        trial = self._known.get(trial_id) or self._meet(trial_id)
        if arrival is None:
            arrival = self._follow(trial, level)
        restart = level if trial.paused else units
        searching = self._take_seconds()
        self._new.append((trial.row, level, units, restart, report, record, searching, arrival))
        if len(self._new) == _BATCH:
            self._store()
        trial.level = level
        trial.last = report
        if self._heard_scheduler or self._heard_searcher:
            self._compare(trial_id, report)
        trial.paused = self._restarts and record is not None and record.rung is not None

    def _store(self) -> None:
        """Take new reports apart, many at once: it is faster than one by one."""
        if not self._new:
            return
        rows, levels, units, restarts, reports, records, searching, arrivals = zip(
            *self._new, strict=True
        )
        self._new.clear()
        val, test, seconds, executed, statuses, extras, messages = zip(
            *opened_all(reports), strict=True
        )
        self.executed += sum(executed)
        if any(messages):
            for row, message in zip(rows, messages, strict=True):
                if message:
                    self.failures.setdefault(self._trials["trial"][row], message)
        decisions, rungs = zip(
            *[(_END, _NO_RUNG) if one is None else _coded(one) for one in records], strict=True
        )
        new = {
            "trial_row": rows,
            "level": levels,
            "units": units,
            "units_restart": restarts,
            "executed": executed,
            "rung": rungs,
            "decision": decisions,
            "status": [_STATUS_CODES[status] for status in statuses],
            "val_loss": val,
            "test_loss": test,
            "train_seconds": seconds,
            "search_seconds": searching,
            "virtual_seconds": arrivals,
        }
        for name, values in new.items():
            self._reports[name].extend(values)
        for name, column in self._extra.items():
            column.extend([extra[name] for extra in extras])

    @property
    def progress(self) -> tuple[int, float | None]:
        """Units charged for all reports so far, and the lowest validation loss of an ok one."""
        self._store()
        units = np.array(self._reports["units"])
        ok = np.array(self._reports["status"]) == _STATUS_CODES["ok"]
        losses = np.array(self._reports["val_loss"])[ok]
        return int(units.sum()), float(losses.min()) if len(losses) else None

    @property
    def reports(self) -> int:
        """How many there are."""
        return len(self._reports["level"]) + len(self._new)

    @property
    def trial_numbers(self) -> Sequence[int]:
        """Of the trials in the order of their first reports."""
        return self._trials["trial"]

    @property
    def config_ids(self) -> Sequence[str]:
        """Of their configurations."""
        return self._trials["config_id"]

    def columns(self, start: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is kept of each report from number ``start`` on: a column each, and the extra ones.

        ``trial_row`` is the trial's place in ``trial_numbers``, ``status`` a place in ``STATUSES``.
        """
        self._store()
        own = {name: values[start:] for name, values in self._reports.items()}
        return own, {name: values[start:] for name, values in self._extra.items()}

    def _meet(self, trial_id: str) -> _TrialState:
        """The trial's first report: keep what will not change."""
        suggestion = self._pair.searcher.suggestions[trial_id]
        config = suggestion.config
        table = self._trials
        self._known[trial_id] = trial = _TrialState(len(self._configs))
        self._configs.append(config)
        table["trial"].append(suggestion.number)
        table["config_id"].append(config_id(config))
        table["bracket"].append(self._pair.scheduler.bracket_numbers[trial_id])
        table["model_based"].append(suggestion.model_based)
        table["true_loss"].append(self._job.task.true_loss(config))
        return trial

    def _follow(self, trial: _TrialState, level: int) -> float:
        if self._job.workers > 1:
            return math.nan
        task = self._job.task
        begin = trial.level if task.ladder.resumable else 0
        self._clock += task.duration(self._configs[trial.row], begin, level)
        return self._clock

    def _compare(self, trial_id: str, last: SealedReport | None) -> None:
        """Count what scheduler and searcher have been told of a trial's last report."""
        seen = None if last is None else last.val_loss if last.status == "ok" else WORST
        for told in (self._heard_scheduler, self._heard_searcher):
            if len(told) == 1 and told[0][0] == trial_id:  # nearly always
                self._told += 1
                self._told_otherwise += told.pop()[1] != seen
                continue
            # while one is decided about, others may be ended: what was said of it stays
            others = [one for one in told if one[0] != trial_id]
            self._told += len(told) - len(others)
            self._told_otherwise += sum(one[0] == trial_id and one[1] != seen for one in told)
            told[:] = others

    def forget(self, trial_id: str) -> None:
        """The trial has ended; its rows stay."""
        if trial := self._known.pop(trial_id, None):
            self._compare(trial_id, trial.last)

    def result(self, ledger: Ledger, wall: float, at_once: int = 1) -> CellResult:
        """What the cell gave.

        Args:
            ledger: the cell's ledger.
            wall: measured seconds of the whole cell.
            at_once: how many trainings shared that time.
        """
        self._store()
        for trial_id in {one[0] for one in (*self._heard_scheduler, *self._heard_searcher)}:
            trial = self._known.get(trial_id)
            self._compare(trial_id, trial.last if trial else None)
        training = math.fsum(self._reports["train_seconds"])
        searching = math.fsum(self._reports["search_seconds"])
        searching += self._pair.searcher.take_seconds()
        scheduling = self._pair.scheduler.take_seconds()
        seconds = {
            "wall": wall,
            "training": training,
            "searching": searching,
            "scheduling": scheduling,
            "engine": wall - training / at_once - searching - scheduling,
        }
        return CellResult(
            self.frame(),
            ledger.account(self.executed),
            self.failures,
            seconds,
            space_of_task(self._job.task),
            self._split,
            told=Told(self._told, self._told_otherwise),
        )

    def frame(self) -> "pd.DataFrame":
        """All rows; the last one ends the cell, whatever its scheduler had in mind."""
        import pandas as pd

        self._store()
        task, ladder = self._job.task, self._job.task.ladder
        reports = {name: np.array(values) for name, values in self._reports.items()}
        count = len(reports["trial_row"])
        reports["decision"][count - 1 :] = _END
        reports["seq"] = np.arange(count)
        reports["units_total"] = np.cumsum(reports["units"])
        reports["full_evals"] = reports["units_total"] / ladder.top
        for name, values in self._extra.items():
            reports[EXTRA + name] = np.array(values)
        looked_up: dict[str, tuple[Sequence[Any], Any]] = {
            "rung": (range(len(ladder.costs)), reports["rung"]),
            "decision": (DECISIONS, reports["decision"]),
            "status": (STATUSES, reports["status"]),
        }
        once = np.zeros(count, dtype=np.int64)
        for name, value in asdict(self._job.cell).items():
            looked_up[name] = ([value], once)
        hyperparameters = kinds_of_task(task)
        as_json = _as_json(task)
        trials = self._trials | {
            HP + name: [
                stored_value(config[name], name in as_json) if name in config else None
                for config in self._configs
            ]
            for name in hyperparameters
        }
        for name, of_trials in trials.items():
            looked_up[name] = (of_trials, reports["trial_row"])
        data = {}
        for column in columns_for(hyperparameters, task.extra_names):
            if column.name in looked_up:
                values, codes = looked_up[column.name]
                index = codes.astype(np.intp)
                table = typed(values, column)
                data[column.name] = table.take(index, allow_fill=bool((index == _NO_RUNG).any()))
            else:
                data[column.name] = typed(reports[column.name], column)
        return pd.DataFrame(data)
