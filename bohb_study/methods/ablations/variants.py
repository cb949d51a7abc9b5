"""BOHB with one thing changed: what each fix is worth, and each share of random draws.

Everything else is as in ``bohb``; ``hyperband`` is BOHB without its model, ``bohb-stock`` without
either fix, ``hpbandster-bohb`` with the other rule for brackets.
"""

from functools import partial
from typing import Any

from ray.tune.schedulers import HyperBandForBOHB

from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.hpbandster.model_after import bohb_model_after
from bohb_study.methods.ray.hyperband_for_bohb import PatchedHyperBandForBOHB, hyperband_scheduler
from bohb_study.methods.ray.ray_plan import ray_plan
from bohb_study.methods.ray.tune_bohb import bohb_searcher


def _build(
    problem: Problem, scheduler: type[HyperBandForBOHB], random_fraction: float | None = None
) -> Pair:
    config = {} if random_fraction is None else {"random_fraction": random_fraction}
    return Pair(bohb_searcher(problem, config), hyperband_scheduler(problem, scheduler))


def with_scheduler(
    name: str, scheduler: type[HyperBandForBOHB], described: str, **changes: Any
) -> Method:
    """BOHB under another scheduler.

    Args:
        name: of the method.
        scheduler: Ray's own, or a subclass with one of the fixes.
        described: in a few words.
        changes: further fields of ``Method``.
    """
    return _variant(
        name=name,
        searcher="TuneBOHB with its own random state",
        scheduler=f"Ray's HyperBandForBOHB, {described}",
        build=partial(_build, scheduler=scheduler),
        **changes,
    )


def with_random_fraction(name: str, share: float, label: str) -> Method:
    """BOHB with another share of configurations that are drawn at random."""
    return _variant(
        name=name,
        label=label,
        searcher=f"TuneBOHB, a share of {share:g} drawn at random (its own: 1/3)",
        scheduler="Ray's HyperBandForBOHB, two defects patched",
        build=partial(_build, scheduler=PatchedHyperBandForBOHB, random_fraction=share),
    )


def _variant(**fields: Any) -> Method:
    return Method(
        uses_fidelity=True,
        source="an ablation of bohb",
        plan=ray_plan,
        model_after=bohb_model_after,
        halving="brackets",
        pauses=True,
        **fields,
    )
