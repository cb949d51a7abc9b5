"""From reports to rows: the same for every engine."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bohb_study.columns import EXTRA, HP, Kind, build_frame
from bohb_study.engines.base import CellJob
from bohb_study.methods.base import Pair
from bohb_study.methods.noted import Note
from bohb_study.seeding import config_id
from bohb_study.tasks import Report

if TYPE_CHECKING:
    import pandas as pd
    from ConfigSpace import ConfigurationSpace


def hyperparameter_kinds(space: "ConfigurationSpace") -> dict[str, Kind]:
    """The column type of each hyperparameter, in the space's order."""
    from ConfigSpace.hyperparameters import (
        CategoricalHyperparameter,
        Constant,
        IntegerHyperparameter,
    )

    kinds: dict[str, Kind] = {}
    for name, hyperparameter in space.items():
        if isinstance(hyperparameter, CategoricalHyperparameter):
            kinds[name] = _kind_of_values(list(hyperparameter.choices))
        elif isinstance(hyperparameter, Constant):
            kinds[name] = _kind_of_values([hyperparameter.value])
        else:
            kinds[name] = "int" if isinstance(hyperparameter, IntegerHyperparameter) else "float"
    return kinds


def _kind_of_values(values: list[Any]) -> Kind:
    if all(isinstance(v, bool) for v in values):
        return "bool"
    if all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        return "int"
    return "float" if all(isinstance(v, int | float) for v in values) else "str"


@dataclass
class _TrialState:
    level: int = 0
    put_away: bool = False
    """At its last report it stood at a milestone of a scheduler that puts trials away."""


@dataclass
class Recorder:
    """Collects the rows of one cell in order of arrival."""

    job: CellJob
    pair: Pair
    rows: list[dict[str, Any]] = field(default_factory=list)
    executed: int = 0
    """Units that the evaluations counted."""
    failures: dict[int, str] = field(default_factory=dict)
    """Why trainings failed, by trial."""
    best: float | None = None
    """Lowest validation loss of an ok report so far."""
    clock: float = 0.0
    """Modelled seconds; holds at one worker, where steps follow each other."""
    units_total: int = 0
    _trials: dict[str, _TrialState] = field(default_factory=dict)

    def add(self, trial_id: str, level: int, units: int, report: Report, note: Note | None) -> None:
        """Record one report.

        Args:
            trial_id: the trial as searcher and scheduler know it.
            level: units of fidelity reached.
            units: units charged for the step.
            report: what the evaluation told.
            note: what the scheduler did with it; None where it was not asked (the budget was
                used up while the step was in flight).
        """
        job, task = self.job, self.job.task
        suggestion = self.pair.searcher.suggestions[trial_id]
        state = self._trials.setdefault(trial_id, _TrialState())
        begin = state.level if task.ladder.resumable else 0
        self.clock += task.duration(suggestion.config, begin, level)
        self.executed += report.units
        self.units_total += units
        if report.message:
            self.failures.setdefault(suggestion.number, report.message)
        if report.status == "ok" and (self.best is None or report.val_loss < self.best):
            self.best = report.val_loss
        self.rows.append(
            {
                **asdict(job.cell),
                "seq": len(self.rows),
                "trial": suggestion.number,
                "config_id": config_id(suggestion.config),
                "level": level,
                "units": units,
                "units_restart": level if state.put_away else units,
                "units_total": self.units_total,
                "full_evals": self.units_total / task.ladder.top,
                "bracket": self.pair.scheduler.bracket_numbers[trial_id],
                "rung": note.rung if note else None,
                "decision": note.decision if note else "end",
                "model_based": suggestion.model_based,
                "val_loss": report.val_loss,
                "test_loss": report.test_loss,
                "true_loss": task.true_loss(suggestion.config),
                "status": report.status,
                "train_seconds": report.seconds,
                "search_seconds": self.pair.searcher.take_seconds(),
                "virtual_seconds": self.clock if job.workers == 1 else None,
                **{EXTRA + key: value for key, value in report.extra.items()},
                **{HP + key: value for key, value in suggestion.config.items()},
            }
        )
        state.level = level
        state.put_away = self.pair.scheduler.restarts and note is not None and note.rung is not None

    def frame(self) -> "pd.DataFrame":
        """All rows; the last one ends the cell, whatever its scheduler had in mind."""
        if self.rows:
            self.rows[-1]["decision"] = "end"
        task = self.job.task
        return build_frame(self.rows, hyperparameter_kinds(task.space(0)), task.extra_names)
