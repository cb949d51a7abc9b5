"""ASHA: asynchronous successive halving over random search.

Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020, arXiv 1810.05934.
Ray's ASHAScheduler is the STOPPING variant: at a rung a trial is stopped or goes on at once; none
is paused and promoted later. It must not be held against the paper's scaling claims.

Of failed trainings the paper says nothing. Their trials have the worst reward of all: they stop at
every rung at which enough others have a result, and go on where hardly any has.
"""

from bohb_study.methods.base import Method, Pair, Problem


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.ray.asha_scheduler import asha_scheduler
    from bohb_study.methods.ray.random_search import random_searcher

    return Pair(random_searcher(problem), asha_scheduler(problem))


METHOD = Method(
    name="asha",
    searcher="independent draws from the space",
    scheduler="Ray's ASHAScheduler (stopping variant); its decisions, with rungs kept sorted",
    uses_fidelity=True,
    source="Li et al., arXiv 1810.05934; ray.tune.schedulers.ASHAScheduler",
    build=_build,
    halving="stopping",
)
