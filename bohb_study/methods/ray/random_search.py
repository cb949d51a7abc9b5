"""Random search as a searcher of Ray Tune: independent draws from the task's one space."""

import math
from typing import Any

from ConfigSpace import ConfigurationSpace

from bohb_study.methods.base import METRIC, MODE, Problem
from bohb_study.methods.ray.random_draws import Draws
from bohb_study.methods.ray.self_limiting import SelfLimitingSearcher
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.seeding import canonical, space_seed

PATIENCE = 20
"""Repeats in a row, for each configuration of a finite space, after which it counts as empty.

One of n equally likely configurations is then overlooked with probability exp(-20).
"""


class RandomSearch(SelfLimitingSearcher):
    """Independent draws from ``space``; without replacement where the space is finite."""

    none_means_full = True

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
