"""The median stopping rule over random search: a trial that never beat the others' median stops.

Golovin et al., Google Vizier, KDD 2017, section 3.2.1. The lowest rung is never judged. Of failed
trainings the paper says nothing: here such a trial is the worst of all from then on.
"""

from bohb_study.methods.base import Method, Pair, Problem


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.ray.median_rule import median_scheduler
    from bohb_study.methods.ray.random_search import random_searcher

    return Pair(random_searcher(problem), median_scheduler(problem))


METHOD = Method(
    name="median",
    searcher="independent draws from the space",
    scheduler="Ray's MedianStoppingRule from the second rung on; its decisions, with means sorted",
    uses_fidelity=True,
    source="Golovin et al., KDD 2017; ray.tune.schedulers.MedianStoppingRule",
    build=_build,
)
