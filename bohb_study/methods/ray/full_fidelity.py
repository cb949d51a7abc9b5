"""The scheduler of methods that use one fidelity: no halving, an end at the top."""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from bohb_study.methods.base import TIME, Problem
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler


class FullFidelity(FIFOScheduler):
    """Ray's FIFOScheduler, and STOP at ``max_t``.

    A trainable must not report ``done`` itself (Ray would then ask no scheduler about that
    report), so somebody has to end a trial at the top.
    """

    def __init__(self, time_attr: str = "training_iteration", max_t: int = 100) -> None:
        """Stop trials whose ``time_attr`` has reached ``max_t``."""
        super().__init__()
        self._time_attr = time_attr
        self._max_t = max_t

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """STOP at the top, else go on."""
        decision: str = super().on_trial_result(tune_controller, trial, result)
        stop: str = TrialScheduler.STOP
        return stop if result[self._time_attr] >= self._max_t else decision


class RecordingFullFidelity(RecordingScheduler):
    """Records that nothing is decided before the top."""

    silent_between_rungs = True


def full_fidelity(problem: Problem) -> RecordingScheduler:
    """The scheduler for a problem, recording its decisions."""
    ladder = problem.ladder
    return RecordingFullFidelity(FullFidelity(time_attr=TIME, max_t=ladder.max_time), ladder)
