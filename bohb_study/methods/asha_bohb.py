"""ASHA-BOHB: BOHB's model, trials stopped by ASHA instead of halved in brackets.

HyperBandForBOHB waits for rungs to fill; ASHA waits for nothing, however many workers there are.
Syne Tune calls this combination BOHB.
"""

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.hpbandster.model_after import bohb_model_after


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.ray.asha_scheduler import ReportingASHA, asha_scheduler
    from bohb_study.methods.ray.tune_bohb import bohb_searcher

    return Pair(bohb_searcher(problem), asha_scheduler(problem, ReportingASHA))


METHOD = Method(
    name="asha-bohb",
    searcher="TuneBOHB with its own random state",
    scheduler="Ray's ASHAScheduler (stopping variant), which reports each rung to the searcher",
    uses_fidelity=True,
    source="the combination that Syne Tune calls BOHB; arXiv 1807.01774 and 1810.05934",
    build=_build,
    halving="stopping",
    model_after=bohb_model_after,
)
