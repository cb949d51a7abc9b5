"""An evaluation that can fail but never raises, and never reports what is not a number.

A trainable must not raise (Ray would take the trial out of a part-filled rung) and must not report
NaN (it survives halving), so whatever a task's code does, what comes out is a finite loss.
"""

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

from bohb_study.errors import StudyError, UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import Evaluation, Report, Task

Start = Callable[[Config, int], Evaluation]
"""Begins an evaluation of a configuration under the study's seed."""
CELL_ERRORS = (StudyError, UsageError)
"""What is meant for the person at the terminal."""


class GuardedEvaluation:
    """One configuration of a task; from its first failure on, every step of it has failed.

    ``CELL_ERRORS`` are let through: no configuration could mend those, so not the training but the
    cell has failed.
    """

    def __init__(self, task: Task, config: Config, seed: int, start: Start | None = None) -> None:
        """Nothing is started before the first step.

        Args:
            task: what is optimised.
            config: hyperparameters in plain Python types.
            seed: the study's seed.
            start: begins the evaluation; ``task.start`` where not given.
        """
        self._task = task
        self._config = config
        self._seed = seed
        self._start = start or task.start
        self._evaluation: Evaluation | None = None
        self._failed = ""

    def advance(self, level: int, units: int) -> Report:
        """Go to ``level``, a step that is charged ``units``, and report finite losses.

        Raises:
            StudyError, UsageError: the cell cannot go on, say for want of data.
        """
        begin = perf_counter()
        if not self._failed:
            try:
                if self._evaluation is None:
                    self._evaluation = self._start(self._config, self._seed)
                report = self._evaluation.advance(level)
                if math.isfinite(report.val_loss) and math.isfinite(report.test_loss):
                    return report
                self._fail(ValueError(f"loss {report.val_loss}, test loss {report.test_loss}"))
            except CELL_ERRORS:
                raise
            except Exception as error:
                self._fail(error)
        # it counts as executed whole, so that failing is never cheaper than training
        return self._task.failure(units, perf_counter() - begin, message=self._failed)

    def _fail(self, error: Exception) -> None:
        lines = str(error).strip().splitlines() or [""]
        self._failed = f"{type(error).__name__}: {lines[0][:200]}"
        self._evaluation = None

    def state(self) -> dict[str, Any]:
        """Everything that ``restore`` needs to go on exactly; picklable."""
        state = None
        if self._evaluation is not None:
            try:
                state = self._evaluation.state()
            except CELL_ERRORS:
                raise
            except Exception as error:
                self._fail(error)
        return {"failed": self._failed, "state": state}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken.

        Raises:
            UsageError: as by ``advance``.
        """
        self._failed = state["failed"]
        if state["state"] is not None:
            try:
                self._evaluation = self._start(self._config, self._seed)
                self._evaluation.restore(state["state"])
            except CELL_ERRORS:
                raise
            except Exception as error:
                self._fail(error)
