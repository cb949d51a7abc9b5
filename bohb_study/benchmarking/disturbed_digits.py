"""Digits under disturbances that must change no row: random delays, and processes to be killed."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bohb_study.seeding import Config
from bohb_study.tasks import Evaluation, Report
from bohb_study.tasks.training.digits import Digits


@dataclass(frozen=True)
class DisturbedDigits(Digits):
    """The task ``digits``, with the same name and so the same seeds."""

    delay: float = 0.0
    """Each step takes up to so many seconds longer, drawn anew each time."""
    folder: str = ""
    """Where each process that trains leaves a file that is called by its id; "" for nowhere."""

    def start(self, config: Config, seed: int) -> Evaluation:
        """Begin a training, disturbed."""
        if self.folder:
            Path(self.folder, str(os.getpid())).touch()
        return _Disturbed(super().start(config, seed), self.delay)


class _Disturbed(Evaluation):
    def __init__(self, evaluation: Evaluation, delay: float) -> None:
        self._evaluation, self._delay = evaluation, delay

    def advance(self, level: int) -> Report:
        # of the operating system, not of a seed: no two runs are delayed alike
        pause = float(np.random.default_rng().uniform(0, self._delay))
        time.sleep(pause)
        report = self._evaluation.advance(level)
        return report._replace(seconds=report.seconds + pause)

    def state(self) -> dict[str, Any]:
        return self._evaluation.state()

    def restore(self, state: dict[str, Any]) -> None:
        self._evaluation.restore(state)
