"""ASHA as in its paper: asynchronous successive halving that pauses trials and promotes them later.

Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020, arXiv 1810.05934,
Algorithm 2. Ray's ASHAScheduler (method ``asha``) is the stopping variant: it must decide when a
trial reports, and lets the first ones at a rung go on whatever their losses.

Of failed trainings the paper says nothing. Here they count as reports, rank last and are never
promoted: their trials stop at the rung. Once a finite space is used up, trials are promoted until
none is left that may be; then the cell ends.
"""

from bohb_study.methods.base import Method, Pair, Problem


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.ray.promotion_scheduler import promotion_scheduler
    from bohb_study.methods.ray.random_search import random_searcher

    return Pair(random_searcher(problem), promotion_scheduler(problem))


METHOD = Method(
    name="asha-promotion",
    searcher="independent draws from the space",
    scheduler="ASHA's promotion variant: trials are paused at rungs and promoted later",
    uses_fidelity=True,
    source="Li et al., arXiv 1810.05934, Algorithm 2",
    build=_build,
    halving="promotion",
    pauses=True,
)
