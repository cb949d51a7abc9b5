"""BOHB as HpBandSter, the package of its authors, runs it.

Falkner, Klein, Hutter, BOHB: Robust and Efficient Hyperparameter Optimization at Scale, ICML
2018, arXiv 1807.01774. Against ``bohb`` it differs in the sizes of brackets and rungs.
"""

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.hpbandster.hpbandster_plan import hpbandster_plan
from bohb_study.methods.hpbandster.model_after import bohb_model_after
from bohb_study.seeding import space_seed


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.hpbandster.master import LocalBOHB
    from bohb_study.methods.hpbandster.master_pair import hpbandster_pair

    space = problem.space(space_seed(problem.task.name, problem.seed))
    return hpbandster_pair(problem, LocalBOHB(space, problem.ladder, problem.model_seed))


METHOD = Method(
    name="hpbandster-bohb",
    searcher="HpBandSter's BOHB with its own random state",
    scheduler="HpBandSter's master and successive halving",
    uses_fidelity=True,
    source="Falkner et al., arXiv 1807.01774; hpbandster.optimizers.BOHB",
    build=_build,
    plan=hpbandster_plan,
    model_after=bohb_model_after,
    halving="brackets",
    pauses=True,
)
