"""Ray's ASHAScheduler: its decisions in time that does not grow, and what it records and reports.

A failed training has the worst reward of all: its trial stops at every rung at which enough others
have a result, and goes on where hardly any has.
"""

from bisect import insort
from collections.abc import Iterable
from math import nextafter
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.schedulers.async_hyperband import _Bracket

from bohb_study.methods.base import METRIC, MODE, TIME, WORST, Problem
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler

_ABOVE_FAILURES = nextafter(-WORST, 0.0)
"""The lowest reward above those of failures."""


class SortedRung(dict[str, float]):
    """The rewards that one rung recorded, by trial, and the same rewards in ascending order."""

    def __init__(self, recorded: Iterable[tuple[str, float]] = ()) -> None:
        """Begin with what was recorded already."""
        super().__init__()
        self.ascending: list[float] | None = []
        """None once a reward cannot be sorted (NaN), or is no double."""
        for trial_id, reward in recorded:
            self[trial_id] = reward

    def __setitem__(self, trial_id: str, reward: float) -> None:
        """Record a trial, as Ray does once for each."""
        if self.ascending is not None:
            if isinstance(reward, float) and reward == reward and trial_id not in self:
                insort(self.ascending, float(reward))
            else:
                self.ascending = None
        super().__setitem__(trial_id, reward)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as what was recorded: a dict's items come back before its attributes do."""
        return SortedRung, (list(self.items()),)


class SortedBracket(_Bracket):
    """Ray's bracket, whose cutoff needs two of a rung's rewards instead of all."""

    def __init__(self, stock: _Bracket) -> None:
        """Take the place of a bracket of Ray's that has recorded nothing yet."""
        self.__dict__.update(vars(stock))
        self._rungs = [(milestone, SortedRung()) for milestone, _ in stock._rungs]
        # through per cent, for the same rounding
        self._quantile: float = (1 - 1 / self.rf) * 100 / 100

    def cutoff(self, recorded: SortedRung) -> float | None:
        """``numpy.nanpercentile(rewards, (1 - 1 / rf) * 100)``, to the last bit.

        Its method "linear", from ``_quantile`` and ``_lerp`` in numpy's _function_base_impl.py.
        Between a failure and a result it lies just above the failure: whatever the scale of the
        losses, the one stops and no result does.
        """
        ascending = recorded.ascending
        if not ascending:
            stock: float | None = super().cutoff(recorded)
            return stock
        last = len(ascending) - 1
        position = last * self._quantile
        index = int(position)
        below, above = ascending[index], ascending[min(index + 1, last)]
        weight = position - index
        if below == -WORST < above and weight > 0:
            return _ABOVE_FAILURES
        if weight >= 0.5:
            return above - (above - below) * (1 - weight)
        return below + (above - below) * weight


class IncrementalASHA(ASHAScheduler):
    """Ray's ASHAScheduler, the same decisions in time that does not grow; a drop-in replacement.

    Ray takes a percentile of the whole rung anew for each trial that reaches it. Here a rung
    keeps its rewards sorted. And with one bracket nothing is drawn: Ray draws the only bracket
    from numpy's global generator for each trial.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of Ray's ASHAScheduler."""
        super().__init__(*args, **kwargs)
        self._brackets: list[Any] = [SortedBracket(bracket) for bracket in self._brackets]

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Put the trial into a bracket."""
        # without a metric or a mode Ray has something to say
        if len(self._brackets) == 1 and self._metric and self._metric_op:
            self._trial_info[trial.trial_id] = self._brackets[0]
        else:
            super().on_trial_add(tune_controller, trial)


class ReportingASHA(IncrementalASHA):
    """Ray's ASHAScheduler, the same decisions, which also reports each rung to TuneBOHB.

    TuneBOHB learns from results that name a budget under ``hyperband_info``, which only
    HyperBandForBOHB writes there. And the controller passes no result on whose decision is STOP,
    so those are passed on here.
    """

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Name the rung that records this result, if one does; ASHA decides."""
        rung = self._recording(trial, result[self._time_attr])
        result["hyperband_info"] = {} if rung is None else {"budget": rung}
        decision: str = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.STOP and rung is not None:
            tune_controller.search_alg.on_trial_result(trial.trial_id, result)
        return decision

    def _recording(self, trial: Trial, time: int) -> int | None:
        """The highest milestone that is reached and has not recorded the trial, as Ray chooses."""
        for milestone, recorded in self._trial_info[trial.trial_id]._rungs:
            if time >= milestone and trial.trial_id not in recorded:
                return int(milestone)
        return None


class RecordingASHA(RecordingScheduler):
    """Records Ray's ASHAScheduler with one bracket: every rung judges."""

    # a milestone that is passed has recorded the trial, so Ray finds nothing to do
    silent_between_rungs = True

    def rung_times(self) -> tuple[int, ...]:
        """The milestones of Ray's only bracket, ascending."""
        return tuple(
            int(milestone) for milestone, _ in reversed(self.scheduler._brackets[0]._rungs)
        )

    def due(self, trial: Trial) -> int | None:
        """The lowest rung that has not recorded the trial yet."""
        trial_id = trial.trial_id
        for milestone, recorded in reversed(self.scheduler._brackets[0]._rungs):
            if trial_id not in recorded:
                return int(milestone)
        return None


def asha_scheduler(
    problem: Problem, scheduler: type[IncrementalASHA] = IncrementalASHA
) -> RecordingASHA:
    """ASHA with one bracket whose rungs are the ladder's, recording its decisions.

    Args:
        problem: what it is built for.
        scheduler: the class that decides.

    Raises:
        UsageError: Ray's rungs are not the ladder's.
    """
    ladder = problem.ladder
    return RecordingASHA(
        scheduler(
            time_attr=TIME,
            metric=METRIC,
            mode=MODE,
            max_t=ladder.max_time,
            grace_period=1,
            reduction_factor=ladder.eta,
        ),
        ladder,
    )
