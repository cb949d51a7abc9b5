"""Random search: ``sample_configuration`` of the task's one space, each trial at full fidelity.

Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13, 2012.
"""

import math
from typing import Any

from ConfigSpace import ConfigurationSpace

from bohb_study.methods.base import METRIC, MODE, TIME, Method, Pair, Problem
from bohb_study.methods.ray.full_fidelity import FullFidelity
from bohb_study.methods.ray.random_draws import Draws
from bohb_study.methods.ray.self_limiting import SelfLimitingSearcher
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.seeding import canonical, space_seed

PATIENCE = 20
"""Repeats in a row, for each configuration of a finite space, after which it counts as empty.

One of n equally likely configurations is then overlooked with probability exp(-20).
"""


class RandomSearch(SelfLimitingSearcher):
    """Independent draws from ``space``; without replacement where the space is finite."""

    def __init__(
        self,
        space: ConfigurationSpace,
        metric: str | None = None,
        mode: str | None = None,
        seed: int | None = None,
    ) -> None:
        """``seed`` seeds the space's own stream; None leaves it where it is."""
        super().__init__(metric=metric, mode=mode)
        if seed is not None:
            space.seed(seed)
        self._draws = Draws(space)
        self._size = space.estimate_size()
        self._drawn: set[str] = set()

    def next_config(self) -> dict[str, Any] | None:
        """The next draw; None once a finite space has been drawn empty."""
        if math.isinf(self._size):
            return self._draws.next()
        if len(self._drawn) == self._size:
            return None
        # with conditions or forbidden clauses the size is only an upper bound: give up some time
        for _ in range(PATIENCE * int(self._size)):
            config = self._draws.next()
            key = canonical(config)
            if key not in self._drawn:
                self._drawn.add(key)
                return config
        return None


def random_searcher(problem: Problem) -> RecordingSearcher:
    """The random searcher that random, asha and hyperband share: the same draws for all three."""
    seed = space_seed(problem.task.name, problem.seed)
    return problem.recording(RandomSearch(problem.space(seed), metric=METRIC, mode=MODE))


def _build(problem: Problem) -> Pair:
    scheduler = FullFidelity(time_attr=TIME, max_t=problem.ladder.max_time)
    return Pair(random_searcher(problem), RecordingScheduler(scheduler, problem.ladder))


METHOD = Method(
    name="random",
    searcher="independent draws from the space",
    scheduler="none: every trial at full fidelity",
    uses_fidelity=False,
    source="Bergstra & Bengio, JMLR 2012",
    build=_build,
)
