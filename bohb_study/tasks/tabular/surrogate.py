"""A table of curves as a task on its whole space: a forest that was fitted to it predicts."""

import json
import sys
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

from bohb_study.arrays import Floats
from bohb_study.errors import UsageError
from bohb_study.seeding import Config, canonical, plain
from bohb_study.tasks.base import Evaluation, Report
from bohb_study.tasks.tabular.table_files import known_table
from bohb_study.tasks.tabular.tabulated import CurveTask

if TYPE_CHECKING:
    from bohb_study.tasks.tabular.surrogate_forest import Forest, Predicted

LEAST_CORRELATION = 0.8
"""Cross-validated rank correlation below which a rung is not stood in for."""


@dataclass(frozen=True)
class Surrogate(CurveTask):
    """Curves as a random forest predicts them, which was fitted to a table that tabulate wrote.

    The space is that of the task that was tabulated, and every configuration of it has its own
    losses. They are the same under every seed: the forest predicts means. Before anything is run,
    the rank correlation of each rung is cross-validated and said on stderr; one below 0.8 is
    refused. Durations are predicted seconds.
    """

    @property
    def summary(self) -> str:
        """What was tabulated, and how many configurations."""
        table = self.table
        return f"forest fitted to {len(table.configs)} configurations of {table.about.task}"

    def prepare(self, *, download: bool = False) -> None:
        """See that the file is there, and that a forest ranks what it has not seen.

        Raises:
            UsageError: it is not, or the rank correlation of a rung is too low; names the rung.
        """
        super().prepare(download=download)
        validated(self.path, self.sha256, self.given)

    def step_seconds(self, config: Config) -> Floats:
        """Predicted from those of the table."""
        return self.predicted(config).seconds

    def true_loss(self, config: Config) -> float | None:
        """What is predicted at the top, without noise; None where it fails."""
        predicted = self.predicted(config)
        return None if any(predicted.fails) else predicted.val_loss[-1]

    def predicted(self, config: Config) -> "Predicted":
        """What the forest predicts, which is fitted once per process."""
        return _predicted(self.path, self.sha256, self.given, canonical(config))

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin evaluating ``config``; the seed changes nothing."""
        return SurrogateEvaluation(self, config)


@lru_cache(maxsize=4096)
def _predicted(path: str, sha256: str, given: str, config: str) -> "Predicted":
    """Of a configuration in its canonical text: each step of a trial asks for it."""
    return _fitted(path, sha256, given).curve(plain(json.loads(config)))


@lru_cache(maxsize=16)
def _fitted(path: str, sha256: str, given: str) -> "Forest":
    from bohb_study.tasks.tabular.surrogate_forest import Forest  # imports scikit-learn

    return Forest(known_table(path, sha256, given))


@lru_cache(maxsize=16)
def validated(path: str, sha256: str, given: str) -> dict[int, float]:
    """The cross-validated rank correlation of each rung, by its level; said on stderr once.

    Raises:
        UsageError: one is below ``LEAST_CORRELATION``, or cannot be had; names its rung.
    """
    from bohb_study.tasks.tabular.surrogate_forest import FOLDS, cross_validated

    table = known_table(path, sha256, given)
    about = table.about
    found = dict(zip(about.costs, map(float, cross_validated(table)), strict=True))
    shown = ", ".join(f"{value:.3f} at {level}" for level, value in found.items())
    said = f"rank correlation, {FOLDS}-fold cross-validated on {len(table.configs)} configurations"
    for level, value in found.items():
        if not value >= LEAST_CORRELATION:  # NaN is none
            plural = "" if level == 1 else "s"
            raise UsageError(
                f"{given}: predicts {about.task} at {level} {about.unit}{plural} too badly: "
                f"{said}: {shown}; must be at least {LEAST_CORRELATION} at every rung: "
                "tabulate more configurations, or give table:PATH",
                "tasks",
            )
    print(f"{given}: {said}: {shown} {about.unit}s", file=sys.stderr, flush=True)
    return found


class SurrogateEvaluation(Evaluation):
    """One predicted curve; it has no state but how far it is."""

    def __init__(self, task: Surrogate, config: Config) -> None:
        """The curve of ``config``; nothing is predicted yet."""
        self._task, self._config = task, config
        self._ladder = task.table.about.ladder
        self._level = 0

    def advance(self, level: int) -> Report:
        """What is predicted at ``level``; what fails at a rung has failed at all above it.

        Raises:
            ValueError: ``level`` is no rung, or not above the current one.
        """
        begin = perf_counter()
        rung = self._ladder.costs.index(level)
        if level <= self._level:
            raise ValueError(f"at level {self._level} already, cannot advance to {level}")
        units = self._ladder.step_units(self._level, level)
        self._level = level
        predicted = self._task.predicted(self._config)
        seconds = perf_counter() - begin
        if any(predicted.fails[: rung + 1]):
            return self._task.failure(units, seconds, "failed", "most like it failed in the table")
        return Report(predicted.val_loss[rung], predicted.test_loss[rung], seconds, units)

    def state(self) -> dict[str, Any]:
        """The level, from which it goes on."""
        return {"level": self._level}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a level."""
        self._level = state["level"]
