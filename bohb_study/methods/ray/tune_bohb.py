"""Ray's TuneBOHB with a random state of its own."""

from typing import Any

from ConfigSpace import ConfigurationSpace
from ray.tune.search.bohb import TuneBOHB

from bohb_study.methods.base import METRIC, MODE, Problem
from bohb_study.methods.hpbandster.generator import SeededBOHB
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.seeding import space_seed


class SeededTuneBOHB(TuneBOHB):
    """TuneBOHB whose ``seed`` seeds all of BOHB, and which leaves numpy's global state alone.

    A drop-in replacement. Stock TuneBOHB seeds the ConfigSpace only; which candidates the model
    draws comes from numpy's global generator.
    """

    none_means_full = True

    def __init__(
        self,
        space: ConfigurationSpace,
        bohb_config: dict[str, Any] | None = None,
        metric: str | None = None,
        mode: str | None = None,
        seed: int = 0,
        space_seed: int | None = None,
        max_concurrent: int = 0,
    ) -> None:
        """Set up the searcher.

        Args:
            space: the search space.
            bohb_config: arguments of HpBandSter's generator (``random_fraction`` and the like).
            metric: the name of the loss that is minimised.
            mode: "min" or "max".
            seed: seeds the model's stream.
            space_seed: seeds the space's stream; default: ``seed``.
            max_concurrent: most trials that run at once; 0 for no limit.
        """
        super().__init__(
            space=space,
            bohb_config=bohb_config,
            metric=metric,
            mode=mode,
            seed=seed if space_seed is None else space_seed,
            max_concurrent=max_concurrent,
        )
        self.bohber = SeededBOHB(space, seed=seed, **(bohb_config or {}))

    @property
    def suggested_by_model(self) -> bool:
        """Whether the last suggestion was the model's."""
        return self.bohber.suggested_by_model


def bohb_searcher(problem: Problem, bohb_config: dict[str, Any] | None = None) -> RecordingSearcher:
    """BOHB's searcher: until its model exists, the draws that random makes.

    Args:
        problem: what it is built for.
        bohb_config: arguments of HpBandSter's generator.
    """
    seed = space_seed(problem.task.name, problem.seed)
    searcher = SeededTuneBOHB(
        problem.space(seed),
        bohb_config,
        metric=METRIC,
        mode=MODE,
        seed=problem.model_seed,
        space_seed=seed,
    )
    return problem.recording(searcher)
