"""What schedulers share that are led by somebody else: HpBandSter's master, a user's optimiser.

They keep the trials that have not ended, and run those first that their leader resumes.
"""

from collections.abc import Iterable
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler


class LedScheduler(FIFOScheduler):
    """Knows the trials that have not ended; subclasses say when one pauses or stops."""

    def __init__(self) -> None:
        """Start without trials."""
        super().__init__()
        self._trials: dict[str, Trial] = {}
        """Those that have not ended, in order of suggestion."""

    def next_trial(self, resumed: Iterable[str]) -> Trial | None:
        """The first trial among ``resumed`` that waits, else the first new one."""
        for trial_id in resumed:
            if self._trials[trial_id].status in (Trial.PAUSED, Trial.PENDING):
                return self._trials[trial_id]
        for trial in self._trials.values():
            if trial.status == Trial.PENDING:
                return trial
        return None

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Remember a trial until it ends."""
        self._trials[trial.trial_id] = trial

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Forget a trial that has ended."""
        self._trials.pop(trial.trial_id, None)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Forget a trial that was ended while it waited."""
        self._trials.pop(trial.trial_id, None)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Forget a trial that has failed in Ray."""
        self._trials.pop(trial.trial_id, None)
