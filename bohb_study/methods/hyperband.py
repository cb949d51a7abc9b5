"""Hyperband: Ray's HyperBandForBOHB with its two defects patched, over random search.

Li et al., Hyperband, JMLR 18, 2018, arXiv 1603.06560. With the random searcher it isolates what
BOHB's model adds. A failed training is ranked last in its rung, and is promoted only where fewer
others are left than places.
"""

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.ray.ray_plan import ray_plan


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.ray.hyperband_for_bohb import hyperband_scheduler
    from bohb_study.methods.ray.random_search import random_searcher

    return Pair(random_searcher(problem), hyperband_scheduler(problem))


METHOD = Method(
    name="hyperband",
    searcher="independent draws from the space",
    scheduler="Ray's HyperBandForBOHB, two defects patched",
    uses_fidelity=True,
    source="Li et al., arXiv 1603.06560; ray.tune.schedulers.HyperBandForBOHB",
    build=_build,
    plan=ray_plan,
    halving="brackets",
    pauses=True,
)
