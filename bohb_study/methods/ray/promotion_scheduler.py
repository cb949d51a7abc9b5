"""ASHA's promotion variant as a Ray Tune scheduler, and what it records.

Ray has the stopping variant alone. Here a trial waits at each rung until it is among the best of
all that have come there, be it long after.
"""

from bisect import bisect_left, insort
from heapq import heappop, heappush
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from bohb_study.methods.base import METRIC, MODE, TIME, Problem, succeeded
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler

_Entry = tuple[float, int, str]
"""Loss, place in order of arrival, trial: in this order best first, and ties to who came first."""


class PromotionRung:
    """What was reported at one rung; the time that a report takes hardly grows with their number.

    Failed trainings rank below all others, so that of them the number alone matters.
    """

    def __init__(self, eta: int) -> None:
        """One of ``eta`` may go on."""
        self.reported = 0
        """Reports so far, those of failed trainings included."""
        self._eta = eta
        self._ranked: list[_Entry] = []
        """Trials that have a loss, best first."""
        self._waiting: list[_Entry] = []
        """Those of them that were not promoted, as a heap."""

    def add(self, trial_id: str, loss: float | None) -> None:
        """Take in a report; no loss means that the training failed."""
        if loss is not None:
            entry = (loss, self.reported, trial_id)
            insort(self._ranked, entry)
            heappush(self._waiting, entry)
        self.reported += 1

    def promote(self) -> str | None:
        """The best trial not promoted yet, which now is, if it is a candidate; else None."""
        # if the best of them is no candidate, none is
        candidates = self.reported // self._eta
        if self._waiting and bisect_left(self._ranked, self._waiting[0]) < candidates:
            return heappop(self._waiting)[2]
        return None


class PromotionASHA(FIFOScheduler):
    """Asynchronous successive halving as in its paper: trials are paused, and promoted later.

    Algorithm 2 of Li et al., MLSys 2020, arXiv 1810.05934. A worker that is free asks from the rung
    below the top downwards whether one of the ``floor(n / eta)`` best of the ``n`` trials that have
    reported there was not promoted yet. The best such trial goes on to the next rung; where there
    is none, a new configuration starts at the lowest.

    A worker becomes free with the report of its trial, and that is when the rule is asked: on all
    reports so far, its own included. So it is known whether a new configuration is due before the
    searcher is asked for one.

    A failed training (``STATUS`` says so, or the loss is NaN) counts as a report, ranks last and is
    never promoted: its trial stops at the rung. Where nothing runs nor is going to, the searcher
    has no more configurations, and as no rule will ever promote them the paused trials are ended.

    Needs a searcher that is told of pauses and that limits running trials itself, as TuneBOHB.
    """

    def __init__(
        self, time_attr: str, metric: str, mode: str, max_t: int, reduction_factor: int
    ) -> None:
        """Rungs at 1, ``reduction_factor``, its square and so on, the last one at ``max_t``.

        Args:
            time_attr: key of a result under which its time stands.
            metric: key of its loss.
            mode: "min" or "max".
            max_t: time at which a trial ends.
            reduction_factor: eta of the paper, at least 2.
        """
        super().__init__()
        self._metric = metric
        self._time_attr = time_attr
        self._sign = 1.0 if mode == "min" else -1.0
        times = [1]
        while times[-1] < max_t:
            times.append(times[-1] * reduction_factor)
        self.rung_times = tuple(times)
        """Of all rungs, the top included."""
        self._rungs = [PromotionRung(reduction_factor) for _ in times[:-1]]
        self._targets: dict[str, int] = {}
        """Trial that has not ended -> rung to which it was last sent."""
        self._busy: dict[str, Trial] = {}
        """Trials that run or are to run, in the order in which that was decided."""
        self._paused: dict[str, Trial] = {}

    def due(self, trial_id: str) -> int:
        """Time of the rung to which the trial was last sent."""
        return self.rung_times[self._targets[trial_id]]

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Send a new trial to the lowest rung."""
        self._targets[trial.trial_id] = 0
        self._busy[trial.trial_id] = trial

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """PAUSE at the rung that is due, STOP at the top or failed; then give the worker a job."""
        trial_id = trial.trial_id
        if result[self._time_attr] < self.due(trial_id):
            return str(TrialScheduler.CONTINUE)
        searcher = tune_controller.search_alg.searcher
        target, decision = self._targets[trial_id], TrialScheduler.STOP
        if target < len(self._rungs):
            loss = self._loss(result)
            self._rungs[target].add(trial_id, loss)
            if loss is not None:
                decision = TrialScheduler.PAUSE
                # one that stops stays busy until it has ended
                self._paused[trial_id] = self._busy.pop(trial_id)
                searcher.on_pause(trial_id)
        promoted = self.get_job()
        if promoted is not None:
            self._targets[promoted] += 1
            self._busy[promoted] = self._paused.pop(promoted)
            # so that it suggests no new configuration for this worker
            searcher.on_unpause(promoted)
        return str(decision)

    def _loss(self, result: dict[str, Any]) -> float | None:
        loss = self._sign * result[self._metric]
        return loss if succeeded(result) and loss == loss else None

    def get_job(self) -> str | None:
        """The paper's: the trial that is promoted now; None for a new configuration."""
        # a report makes one trial promotable at most, which goes on at once: asked with every
        # report, as here, the order of the rungs never matters
        for rung in reversed(self._rungs):
            promoted = rung.promote()
            if promoted is not None:
                return promoted
        return None

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The first job that no worker has taken; ends all trials where there are no jobs left."""
        for trial in self._busy.values():
            if trial.status in (Trial.PAUSED, Trial.PENDING):
                return trial
        if not self._busy:
            # the one that reported last may still be saving its state: then it ends another time
            for trial in list(self._paused.values()):
                if trial.status == Trial.PAUSED:
                    tune_controller.stop_trial(trial)
        return None

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Forget a trial that has ended; its reports count further on."""
        self._forget(trial)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Forget a trial that was ended while it waited."""
        self._forget(trial)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Forget a trial that has failed in Ray."""
        self._forget(trial)

    def _forget(self, trial: Trial) -> None:
        for kept in (self._targets, self._busy, self._paused):
            kept.pop(trial.trial_id, None)

    def debug_string(self) -> str:
        """How many trials have reported at each rung below the top."""
        counts = zip(self.rung_times, (rung.reported for rung in self._rungs), strict=False)
        return "ASHA (promotion): " + ", ".join(f"{n} at {time}" for time, n in counts)


class RecordingPromotion(RecordingScheduler):
    """Records PromotionASHA: a trial is judged at the rung to which it was last sent."""

    restarts = True

    # nothing is kept of a report between rungs
    silent_between_rungs = True

    def rung_times(self) -> tuple[int, ...]:
        """Its rungs, the top included."""
        times: tuple[int, ...] = self.scheduler.rung_times
        return times

    def due(self, trial: Trial) -> int | None:
        """Time of the rung to which the trial was last sent."""
        time: int = self.scheduler.due(trial.trial_id)
        return time


def promotion_scheduler(problem: Problem) -> RecordingPromotion:
    """ASHA's promotion variant on the ladder of a problem, recording its decisions."""
    ladder = problem.ladder
    return RecordingPromotion(
        PromotionASHA(
            time_attr=TIME,
            metric=METRIC,
            mode=MODE,
            max_t=ladder.max_time,
            reduction_factor=ladder.eta,
        ),
        ladder,
    )
