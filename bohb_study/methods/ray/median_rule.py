"""Ray's MedianStoppingRule: its decisions in time that does not grow, and an end at the top."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from math import copysign, nextafter
from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import MedianStoppingRule, TrialScheduler

from bohb_study.methods.base import METRIC, MODE, TIME, WORST, Problem, succeeded
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler

_CONTINUE: str = TrialScheduler.CONTINUE
_PAUSE: str = TrialScheduler.PAUSE
_STOP: str = TrialScheduler.STOP

AT_LEAST = 3
"""Other trials that must have come as far before one is judged."""


@dataclass
class _History:
    """What one trial reported, in order."""

    worst: float
    """What a failure counts as."""
    times: list[float] = field(default_factory=list)
    """Never falling; of the results from the grace period on."""
    values: list[float] = field(default_factory=list)
    last: float = float("-inf")
    """Time of the last result of all."""
    best: float | None = None
    """Of all results since it last failed, those within the grace period as well."""
    failed: float = float("inf")
    """Time of its first failure."""

    def mean(self, time: float) -> float:
        """The running mean up to ``time``, from a failure on the worst; NaN where it begins later.

        By itself a mean with one ``WORST`` in it could lie below a mean of very large losses.
        """
        if time >= self.failed:
            return self.worst
        until = bisect_right(self.times, time)
        return float(np.mean(self.values[:until])) if until else float("nan")


class IncrementalMedian(MedianStoppingRule):
    """Ray's MedianStoppingRule, the same decisions in time that does not grow, and an end.

    Ray takes the running means of all trials anew at each result. Here those of the trials that
    came as far are kept sorted, for each time at which any trial reported. And a trial that has
    reached ``max_t`` stops, as a trainable must not report ``done`` itself. Times must not fall
    from one result of a trial to the next.

    One decision is not Ray's: a trial that fails after good epochs would live on by its best loss
    of before, and pull the median with a mean over both. From its failure on it is worse than all
    that have a result.
    """

    def __init__(self, *args: Any, max_t: float, **kwargs: Any) -> None:
        """As MedianStoppingRule; trials whose ``time_attr`` has reached ``max_t`` stop."""
        super().__init__(*args, **kwargs)
        self._max_t = max_t
        self._failure = copysign(WORST, self._worst)
        self._histories: defaultdict[str, _History] = defaultdict(partial(_History, self._failure))
        self._times: list[float] = []
        """At which any trial was judged, ascending."""
        self._means: dict[float, list[float]] = {}
        """Of each such time: the finite running means of the trials that came as far, ascending."""

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """STOP at the top, and where the trial's best is worse than the others' median."""
        if self._time_attr not in result or self._metric not in result:
            return _CONTINUE
        if trial.trial_id in self._stopped_trials:  # paused, and resumed
            return _CONTINUE
        time, value = result[self._time_attr], self._value(result)
        decision = _CONTINUE
        if time >= self._grace_period:
            if time not in self._means:
                self._open(time)
            # its own is there where it reports twice at one time
            self._withdraw(trial.trial_id, time)
            decision = self._judge(tune_controller, trial, time, value)
        self._record(trial.trial_id, time, value)
        return _STOP if time >= self._max_t else decision

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Count the last result once more, as Ray does."""
        if self._time_attr not in result or self._metric not in result:
            return
        time = result[self._time_attr]
        self._withdraw(trial.trial_id, time)
        self._record(trial.trial_id, time, self._value(result))

    def reached(self, trial_id: str) -> float:
        """Time of a trial's last result; below all times before its first."""
        history = self._histories.get(trial_id)
        return float("-inf") if history is None else history.last

    def _value(self, result: dict[str, Any]) -> float:
        value: float = result[self._metric]
        return value if succeeded(result) else self._failure

    def _judge(self, tune_controller: Any, trial: Trial, time: float, value: float) -> str:
        means = self._means[time]
        if len(means) < self._min_samples_required:
            action: str = self._on_insufficient_samples(tune_controller, trial, time)
            if action == TrialScheduler.PAUSE:
                self._last_pause[trial] = time
            return action
        best = self._better(self._histories[trial.trial_id].best, value)
        median = self._median(means)
        if self._compare_op(median, best) == best:
            return _CONTINUE
        self._stopped_trials.add(trial.trial_id)  # not the trial, with all that it holds
        return _STOP if self._hard_stop else _PAUSE

    def _median(self, means: list[float]) -> float:
        middle = len(means) // 2
        if len(means) % 2:
            return means[middle]
        below, above = means[middle - 1], means[middle]
        if (below == self._failure) != (above == self._failure):
            # at any scale: what has a result is better, what has none is worse
            return nextafter(self._failure, 0.0)
        return (below + above) / 2

    def _better(self, best: float | None, value: float) -> float:
        """The better of a trial's best so far and its new value; a failure takes all back."""
        if best is None or value == self._failure:
            return value
        better: float = self._compare_op(best, value)
        return better

    def _open(self, time: float) -> None:
        """Collect the means of all trials at a time that is new."""
        came = (h.mean(time) for h in self._histories.values() if h.last >= time)
        insort(self._times, time)
        self._means[time] = sorted(mean for mean in came if np.isfinite(mean))

    def _withdraw(self, trial_id: str, time: float) -> None:
        """Take out the trial's mean at the time of its last result, which is about to change."""
        history = self._histories[trial_id]
        if history.last == time and time in self._means:
            mean = history.mean(time)
            if np.isfinite(mean):
                del self._means[time][bisect_left(self._means[time], mean)]

    def _record(self, trial_id: str, time: float, value: float) -> None:
        """Record a result, and the trial's mean at each time that it has come to since its last."""
        history = self._histories[trial_id]
        before = history.last
        passed = self._times[bisect_right(self._times, before) : bisect_left(self._times, time)]
        for earlier in passed:
            self._insert(earlier, history)
        history.last, history.best = time, self._better(history.best, value)
        if value == self._failure:
            history.failed = min(history.failed, time)
        if time >= self._grace_period:
            history.times.append(time)
            history.values.append(value)
        if time in self._means:
            self._insert(time, history)

    def _insert(self, time: float, history: _History) -> None:
        mean = history.mean(time)
        if np.isfinite(mean):
            insort(self._means[time], mean)


class RecordingMedian(RecordingScheduler):
    """Records IncrementalMedian: each trial goes from rung to rung; it can stop between them."""

    def due(self, trial: Trial) -> int | None:
        """The lowest rung that the trial has not reached; None at the top."""
        reached = self.scheduler.reached(trial.trial_id)
        return next((time for time in self.ladder.times if time > reached), None)


def median_scheduler(problem: Problem) -> RecordingMedian:
    """The rule from the second rung of the ladder on, recording its decisions."""
    ladder = problem.ladder
    scheduler = IncrementalMedian(
        time_attr=TIME,
        metric=METRIC,
        mode=MODE,
        grace_period=ladder.times[1],
        min_samples_required=AT_LEAST,
        min_time_slice=float("inf"),  # else trials are paused while few have come as far
        hard_stop=True,
        max_t=ladder.max_time,
    )
    return RecordingMedian(scheduler, ladder)
