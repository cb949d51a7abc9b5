"""ASHA: asynchronous successive halving over random search.

Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020, arXiv 1810.05934.
Ray's ASHAScheduler is the STOPPING variant: at a rung a trial is stopped or goes on at once; none
is paused and promoted later. It must not be held against the paper's scaling claims.
"""

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler

from bohb_study.methods.base import METRIC, MODE, TIME, Method, Pair, Problem
from bohb_study.methods.noted import NotedScheduler
from bohb_study.methods.random import random_searcher


class NotedASHA(NotedScheduler):
    """Notes of Ray's ASHAScheduler with one bracket: every rung judges."""

    def rung_times(self) -> tuple[int, ...]:
        """The milestones of Ray's only bracket, ascending."""
        return tuple(
            int(milestone) for milestone, _ in reversed(self.scheduler._brackets[0]._rungs)
        )

    def due(self, trial: Trial) -> int | None:
        """The lowest rung that has not recorded the trial yet."""
        for milestone, recorded in reversed(self.scheduler._brackets[0]._rungs):
            if trial.trial_id not in recorded:
                return int(milestone)
        return None


def _build(problem: Problem) -> Pair:
    ladder = problem.ladder
    scheduler = ASHAScheduler(
        time_attr=TIME,
        metric=METRIC,
        mode=MODE,
        max_t=ladder.max_time,
        grace_period=1,
        reduction_factor=ladder.eta,
    )
    return Pair(random_searcher(problem), NotedASHA(scheduler, ladder))


METHOD = Method(
    name="asha",
    searcher="independent draws from the space",
    scheduler="Ray's ASHAScheduler (asynchronous halving, stopping variant)",
    uses_fidelity=True,
    source="Li et al., arXiv 1810.05934; ray.tune.schedulers.ASHAScheduler",
    build=_build,
    global_numpy=True,
)
