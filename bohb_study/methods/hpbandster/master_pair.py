"""HpBandSter's master as a Ray Tune searcher and scheduler.

The searcher asks the master for runs and reports their results; the scheduler resumes, pauses and
ends trials as the master says.
"""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from bohb_study.methods.base import METRIC, MODE, TIME, Pair, Problem, succeeded
from bohb_study.methods.hpbandster.master import LocalMaster
from bohb_study.methods.ray.led_scheduler import LedScheduler
from bohb_study.methods.ray.self_limiting import SelfLimitingSearcher
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler


class HpBandSterSearcher(SelfLimitingSearcher):
    """Suggests the master's new configurations. Needs HpBandSterScheduler and no num_samples.

    HpBandSter halves a rung when it is asked for the next run, so it must be asked to the end.
    """

    def __init__(self, master: LocalMaster, metric: str, time_attr: str) -> None:
        """Minimise ``metric``; ``time_attr`` is the scheduler's."""
        super().__init__(metric=metric, mode=MODE)
        self.master = master
        self._time_attr = time_attr

    @property
    def suggested_by_model(self) -> bool | None:
        """Whether the last suggestion was the model's; None where there is no model."""
        return getattr(self.master.config_generator, "suggested_by_model", None)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next new configuration; None while enough trials run or are about to go on."""
        return self.master.new_config(trial_id, self._max_concurrent)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Report what is due to the master; it observes nothing in between."""
        if result[self._time_attr] >= self.master.due(trial_id):
            self.master.observe(trial_id, result[self.metric] if succeeded(result) else None)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Forget a trial that has ended."""
        self.master.forget(trial_id)


class HpBandSterScheduler(LedScheduler):
    """Pauses trials at the rungs, and resumes or ends them when the master has judged."""

    def __init__(self, master: LocalMaster, time_attr: str, max_t: int) -> None:
        """Follow ``master``; ``time_attr`` is 1 at the first rung and ``max_t`` at the top."""
        super().__init__()
        self.master = master
        self._time_attr = time_attr
        self._max_t = max_t

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """PAUSE at the rung that is due, STOP at the top."""
        time = result[self._time_attr]
        decision: str = TrialScheduler.CONTINUE
        if time >= self._max_t:
            # the controller reports no result to the searcher that ends a trial
            tune_controller.search_alg.on_trial_result(trial.trial_id, result)
            decision = TrialScheduler.STOP
        elif time >= self.master.due(trial.trial_id):
            decision = TrialScheduler.PAUSE
        return decision

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Promoted trials first, in HpBandSter's order, then new ones; ends those left behind."""
        # the one that reported last may still be saving its state: then it ends another time
        for trial in list(self._trials.values()):
            if trial.status == Trial.PAUSED and self.master.dropped(trial.trial_id):
                tune_controller.stop_trial(trial)
        return self.next_trial(self.master.resumed)


class RecordingHpBandSter(RecordingScheduler):
    """Records HpBandSter's decisions: a trial is judged at the budget of its run."""

    restarts = True

    def rung_times(self) -> tuple[int, ...]:
        """The budgets of HpBandSter, in ascending order."""
        return tuple(round(budget) for budget in self.scheduler.master.budgets)

    def due(self, trial: Trial) -> int | None:
        """The budget to which the trial was sent."""
        due: int = self.scheduler.master.due(trial.trial_id)
        return due

    def bracket_of(self, trial: Trial) -> object:
        """The iteration of HpBandSter that the trial belongs to."""
        iteration: object = self.scheduler.master.iteration_of(trial.trial_id)
        return iteration


def hpbandster_pair(problem: Problem, master: LocalMaster) -> Pair:
    """Searcher and scheduler for a problem, both of ``master``."""
    ladder = problem.ladder
    searcher = HpBandSterSearcher(master, METRIC, TIME)
    scheduler = HpBandSterScheduler(master, TIME, ladder.max_time)
    return Pair(problem.recording(searcher), RecordingHpBandSter(scheduler, ladder))
