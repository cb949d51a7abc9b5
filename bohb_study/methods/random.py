"""Random search: ``sample_configuration`` of the task's one space, each trial at full fidelity.

Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13, 2012.
"""

from bohb_study.methods.base import Method, Pair, Problem


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.ray.full_fidelity import full_fidelity
    from bohb_study.methods.ray.random_search import random_searcher

    return Pair(random_searcher(problem), full_fidelity(problem))


METHOD = Method(
    name="random",
    searcher="independent draws from the space",
    scheduler="none: every trial at full fidelity",
    uses_fidelity=False,
    source="Bergstra & Bengio, JMLR 2012",
    build=_build,
)
