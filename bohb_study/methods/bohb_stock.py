"""BOHB as Ray ships it: what a naive comparison would have run.

At one trial at a time its scheduler stops halving after the first bracket, and results that end a
trial never reach its model. Reported under its own name, never as BOHB.
"""

from typing import Any

from hpbandster.optimizers.config_generators.bohb import BOHB
from ray.tune.schedulers import HyperBandForBOHB
from ray.tune.search.bohb import TuneBOHB

from bohb_study.methods.base import METRIC, MODE, Method, Pair, Problem
from bohb_study.methods.hpbandster.generator import bohb_model_after
from bohb_study.methods.hyperband import hyperband_scheduler, ray_plan
from bohb_study.seeding import space_seed


class TellingBOHB(BOHB):
    """HpBandSter's generator as shipped; keeps the flag that TuneBOHB throws away."""

    picked_by_model = False

    def get_config(self, budget: float | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """HpBandSter's own pick."""
        config, info = super().get_config(budget)
        self.picked_by_model = bool(info.get("model_based_pick", False))
        return config, info


class TellingTuneBOHB(TuneBOHB):
    """TuneBOHB as shipped; tells whether its last suggestion was the model's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As TuneBOHB, which must be given its space."""
        super().__init__(*args, **kwargs)
        self.bohber = TellingBOHB(self._space, **(self._bohb_config or {}))

    @property
    def picked_by_model(self) -> bool:
        """Whether the last suggestion was the model's."""
        return bool(self.bohber.picked_by_model)


def _build(problem: Problem) -> Pair:
    seed = space_seed(problem.task.name, problem.seed)
    searcher = TellingTuneBOHB(problem.space(seed), metric=METRIC, mode=MODE, seed=seed)
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
    pauses=True,
    known_defect="at one trial at a time it stops halving after its first bracket",
    global_numpy=True,
)
