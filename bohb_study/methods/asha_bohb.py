"""ASHA-BOHB: BOHB's model, trials stopped by ASHA instead of halved in brackets.

HyperBandForBOHB waits for rungs to fill; ASHA waits for nothing, however many workers there are.
Syne Tune calls this combination BOHB.
"""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from bohb_study.methods.asha import IncrementalASHA, RecordingASHA
from bohb_study.methods.base import METRIC, MODE, TIME, Method, Pair, Problem
from bohb_study.methods.bohb import bohb_searcher
from bohb_study.methods.hpbandster.generator import bohb_model_after


class TellingASHA(IncrementalASHA):
    """Ray's ASHAScheduler, the same decisions, which tells TuneBOHB of each report at a rung.

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


def _build(problem: Problem) -> Pair:
    ladder = problem.ladder
    scheduler = TellingASHA(
        time_attr=TIME,
        metric=METRIC,
        mode=MODE,
        max_t=ladder.max_time,
        grace_period=1,
        reduction_factor=ladder.eta,
    )
    return Pair(bohb_searcher(problem), RecordingASHA(scheduler, ladder))


METHOD = Method(
    name="asha-bohb",
    searcher="TuneBOHB with its own random state",
    scheduler="Ray's ASHAScheduler (stopping variant), which tells the searcher of each rung",
    uses_fidelity=True,
    source="the combination that Syne Tune calls BOHB; arXiv 1807.01774 and 1810.05934",
    build=_build,
    model_after=bohb_model_after,
)
