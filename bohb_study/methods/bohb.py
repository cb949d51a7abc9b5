"""BOHB: Ray's TuneBOHB with a random state of its own, under the patched HyperBandForBOHB.

Falkner, Klein, Hutter, BOHB: Robust and Efficient Hyperparameter Optimization at Scale, ICML
2018, arXiv 1807.01774.

A failed training reaches scheduler and model as ``WORST``, a finite number above every loss. The
paper says nothing of crashes; its code (HpBandSter) counts them as infinite losses in the model,
which ranks losses and so makes the same of either. Its iterations never promote them; Ray's do
where too few others are left.
"""

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.hpbandster.model_after import bohb_model_after
from bohb_study.methods.ray.ray_plan import ray_plan


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.ray.hyperband_for_bohb import hyperband_scheduler
    from bohb_study.methods.ray.tune_bohb import bohb_searcher

    return Pair(bohb_searcher(problem), hyperband_scheduler(problem))


METHOD = Method(
    name="bohb",
    searcher="TuneBOHB with its own random state",
    scheduler="Ray's HyperBandForBOHB, two defects patched",
    uses_fidelity=True,
    source="Falkner et al., arXiv 1807.01774; ray.tune.search.bohb.TuneBOHB",
    build=_build,
    plan=ray_plan,
    model_after=bohb_model_after,
    halving="brackets",
    pauses=True,
)
