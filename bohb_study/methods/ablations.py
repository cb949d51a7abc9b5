"""BOHB with one thing changed: what each mend is worth, and each share of random draws.

Everything else is as in ``bohb``; ``hyperband`` is BOHB without its model, ``bohb-stock`` without
either mend, ``hpbandster-bohb`` with the other rule for brackets.
"""

from functools import partial

from ray.tune.schedulers import HyperBandForBOHB

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.bohb import bohb_searcher
from bohb_study.methods.hpbandster.generator import bohb_model_after
from bohb_study.methods.hyperband import (
    FillsBracketsOnce,
    PatchedHyperBandForBOHB,
    TellsOfEnds,
    hyperband_scheduler,
    ray_plan,
)

NO_HALVING = "at one trial at a time it stops halving after its first bracket"
SOURCE = "an ablation of bohb"


def _build(
    problem: Problem, scheduler: type[HyperBandForBOHB], random_fraction: float | None = None
) -> Pair:
    config = {} if random_fraction is None else {"random_fraction": random_fraction}
    return Pair(bohb_searcher(problem, config), hyperband_scheduler(problem, scheduler))


def _one_mend(
    name: str, scheduler: type[HyperBandForBOHB], text: str, defect: str | None = None
) -> Method:
    return Method(
        name=name,
        searcher="TuneBOHB with its own random state",
        scheduler=f"Ray's HyperBandForBOHB, {text}",
        uses_fidelity=True,
        source=SOURCE,
        build=partial(_build, scheduler=scheduler),
        plan=ray_plan,
        model_after=bohb_model_after,
        pauses=True,
        known_defect=defect,
    )


def _random_fraction(name: str, share: float) -> Method:
    return Method(
        name=name,
        searcher=f"TuneBOHB, a share of {share:g} drawn at random (its own: 1/3)",
        scheduler="Ray's HyperBandForBOHB, two defects mended",
        uses_fidelity=True,
        source=SOURCE,
        build=partial(_build, scheduler=PatchedHyperBandForBOHB, random_fraction=share),
        plan=ray_plan,
        model_after=bohb_model_after,
        pauses=True,
    )


HALVING_MENDED = _one_mend(
    "bohb-halving-mended", FillsBracketsOnce, "brackets mended, ends not told"
)
ENDS_TOLD = _one_mend("bohb-ends-told", TellsOfEnds, "ends told, brackets not mended", NO_HALVING)
RANDOM_0 = _random_fraction("bohb-random-0", 0.0)
RANDOM_10 = _random_fraction("bohb-random-10", 0.1)
RANDOM_67 = _random_fraction("bohb-random-67", 2 / 3)
