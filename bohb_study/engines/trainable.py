"""The bridge between a task and Ray Tune: one step is one report, paid before it is taken."""

import math
from time import perf_counter
from typing import Any

import ray
from ray import tune

from bohb_study.methods.base import METRIC, TIME
from bohb_study.methods.noted import FIRST_RUNG, without_notes
from bohb_study.tasks import Evaluation, Report, Task

REFUSED = "refused"
"""Key of a result that stands for a step which the ledger did not let in."""


class TaskTrainable(tune.Trainable):
    """Evaluates one configuration of a task, step by step.

    It never reports ``done`` (Ray would skip the scheduler, and BOHB would lose its observations
    at full fidelity), never reports NaN (it survives halving) and never raises (Ray would take
    the trial out of a part-filled rung): a training that fails is a large finite loss.
    """

    def setup(self, config: dict[str, Any], task: Task, seed: int, ledger: Any) -> None:
        """Take up a configuration.

        Args:
            config: hyperparameters, with the first rung under ``FIRST_RUNG``.
            task: what is optimised.
            seed: the study's seed.
            ledger: handle of the ledger's actor.
        """
        self._task = task
        self._seed = seed
        self._ledger = ledger
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up another configuration in the same actor."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self._config = without_notes(config)
        self._first_rung = int(config[FIRST_RUNG])
        self._level = 0
        self._evaluation: Evaluation | None = None
        self._failed = ""

    def step(self) -> dict[str, Any]:
        """Ask the ledger; go to the next level if it lets the step in."""
        ladder = self._task.ladder
        target = ladder.next_level(self._level, self._first_rung)
        units = ladder.step_units(self._level, target)
        if not ray.get(self._ledger.charge.remote(units)):
            time = ladder.time(self._level) if self._level else 0
            return {METRIC: self._task.failure_loss, TIME: time, REFUSED: True}
        report = self._advance(target, units)
        self._level = target
        return {
            METRIC: report.val_loss,
            TIME: ladder.time(target),
            REFUSED: False,
            "level": target,
            "units": units,
            "report": report,
        }

    def _advance(self, target: int, units: int) -> Report:
        begin = perf_counter()
        if not self._failed:
            try:
                if self._evaluation is None:
                    self._evaluation = self._task.start(self._config, self._seed)
                report = self._evaluation.advance(target)
                if math.isfinite(report.val_loss) and math.isfinite(report.test_loss):
                    return report
                self._fail(ValueError(f"loss {report.val_loss}, test loss {report.test_loss}"))
            except Exception as error:
                self._fail(error)
        # it counts as executed whole, so that failing is never cheaper than training
        return self._task.failure(units, perf_counter() - begin, message=self._failed)

    def _fail(self, error: Exception) -> None:
        """From here on every step of this trial has failed, whatever the task's code raised."""
        lines = str(error).strip().splitlines() or [""]
        self._failed = f"{type(error).__name__}: {lines[0][:200]}"
        self._evaluation = None

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Everything that a paused trial needs to go on exactly."""
        state = None
        if self._evaluation is not None:
            try:
                state = self._evaluation.state()
            except Exception as error:
                self._fail(error)
        return {"level": self._level, "failed": self._failed, "state": state}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Go on where ``save_checkpoint`` was called."""
        if not checkpoint:
            return
        self._level = checkpoint["level"]
        self._failed = checkpoint["failed"]
        if checkpoint["state"] is not None:
            try:
                self._evaluation = self._task.start(self._config, self._seed)
                self._evaluation.restore(checkpoint["state"])
            except Exception as error:
                self._fail(error)
