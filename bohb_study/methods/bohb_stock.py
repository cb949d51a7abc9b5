"""BOHB as Ray ships it: what a naive comparison would have run.

At one trial at a time its scheduler stops halving after the first bracket, and results that end a
trial never reach its model. Reported under its own name, never as BOHB.
"""

from bohb_study.methods.base import METRIC, MODE, Method, Pair, Problem
from bohb_study.methods.hpbandster.model_after import bohb_model_after
from bohb_study.methods.ray.ray_plan import ray_plan
from bohb_study.seeding import space_seed


def _build(problem: Problem) -> Pair:
    from ray.tune.schedulers import HyperBandForBOHB

    from bohb_study.methods.ray.hyperband_for_bohb import hyperband_scheduler
    from bohb_study.methods.ray.stock_tune_bohb import StockTuneBOHB

    seed = space_seed(problem.task.name, problem.seed)
    searcher = StockTuneBOHB(problem.space(seed), metric=METRIC, mode=MODE, seed=seed)
    return Pair(problem.recording(searcher), hyperband_scheduler(problem, HyperBandForBOHB))


METHOD = Method(
    name="bohb-stock",
    searcher="TuneBOHB as shipped",
    scheduler="Ray's HyperBandForBOHB as shipped",
    uses_fidelity=True,
    source="ray.tune.search.bohb.TuneBOHB, ray.tune.schedulers.HyperBandForBOHB",
    build=_build,
    plan=ray_plan,
    model_after=bohb_model_after,
    halving="brackets",
    pauses=True,
    known_defect="at one trial at a time it stops halving after its first bracket",
)
