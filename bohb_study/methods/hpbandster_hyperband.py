"""Hyperband as HpBandSter runs it: its brackets over its random sampling.

Li et al., Hyperband, JMLR 18, 2018, arXiv 1603.06560. A finite space is sampled with replacement.
"""

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.hpbandster.hpbandster_plan import hpbandster_plan
from bohb_study.seeding import space_seed


def _build(problem: Problem) -> Pair:
    from bohb_study.methods.hpbandster.master import LocalHyperBand
    from bohb_study.methods.hpbandster.master_pair import hpbandster_pair

    space = problem.space(space_seed(problem.task.name, problem.seed))
    return hpbandster_pair(problem, LocalHyperBand(space, problem.ladder))


METHOD = Method(
    name="hpbandster-hyperband",
    searcher="HpBandSter's independent draws from the space",
    scheduler="HpBandSter's master and successive halving",
    uses_fidelity=True,
    source="Li et al., arXiv 1603.06560; hpbandster.optimizers.HyperBand",
    build=_build,
    plan=hpbandster_plan,
    halving="brackets",
    pauses=True,
)
