"""A grid laid out for its budget, as a searcher of Ray Tune."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from ConfigSpace.exceptions import ForbiddenValueError
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Hyperparameter,
    IntegerHyperparameter,
)
from ConfigSpace.util import deactivate_inactive_hyperparameters

from bohb_study.methods.base import METRIC, MODE, Problem
from bohb_study.methods.ray.self_limiting import SelfLimitingSearcher
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.seeding import canonical, derive
from bohb_study.tasks.encoding import encoding


def most_values(hyperparameter: Hyperparameter[Any, Any]) -> float:
    """How many different values a hyperparameter can take; infinite for a float."""
    return float(hyperparameter.size)


def next_counts(counts: dict[str, int], limits: dict[str, float]) -> dict[str, int] | None:
    """One more value for the hyperparameter that has the fewest; first named wins a tie.

    Args:
        counts: values per hyperparameter, most important first.
        limits: most values that each can take.

    Returns:
        The new counts, or None where every hyperparameter has all its values.
    """
    open_ = [name for name in counts if counts[name] < limits[name]]
    if not open_:
        return None
    least = min(open_, key=lambda name: counts[name])
    return {**counts, least: counts[least] + 1}


def layout(order: Sequence[str], limits: dict[str, float], points: int) -> dict[str, int]:
    """Values per hyperparameter so that the grid has at most ``points`` points.

    Args:
        order: hyperparameters, most important first.
        limits: most values that each can take.
        points: full evaluations that the budget allows, at least 1.
    """
    counts = dict.fromkeys(order, 1)
    while (more := next_counts(counts, limits)) and math.prod(more.values()) <= points:
        counts = more
    return counts


def grid_values(hyperparameter: Hyperparameter[Any, Any], count: int, seed: int) -> list[Any]:
    """``count`` values of one hyperparameter.

    Numbers: at the middles (i + 0.5) / count of the unit interval on their own scale, rounded,
    duplicates dropped; as many as there are integers are all of them. Choices: ``count`` of them
    drawn by ``seed``, so that a finer grid keeps those of a coarser one; a single one is the
    middle.
    """
    if isinstance(hyperparameter, CategoricalHyperparameter):
        choices = list(hyperparameter.choices)
        if count == 1:
            return [choices[len(choices) // 2]]
        drawn = np.random.default_rng(derive(seed, hyperparameter.name)).permutation(len(choices))
        return [choices[i] for i in sorted(drawn[:count])]
    if isinstance(hyperparameter, IntegerHyperparameter) and count >= most_values(hyperparameter):
        # on a log scale as many middles as there are integers would leave some of them out
        return list(range(hyperparameter.lower, hyperparameter.upper + 1))
    middles = (np.arange(count) + 0.5) / count
    return list(dict.fromkeys(hyperparameter.to_value(middles).tolist()))


class GridSearch(SelfLimitingSearcher):
    """Grid search over a ConfigSpace, visited in an order shuffled by the seed."""

    none_means_full = True

    def __init__(
        self,
        space: ConfigurationSpace,
        order: Sequence[str],
        points: int,
        seed: int = 0,
        metric: str | None = None,
        mode: str | None = None,
    ) -> None:
        """Lay out the grid.

        Args:
            space: the search space.
            order: all its hyperparameters, most important first.
            points: how many points the budget allows, at least 1.
            seed: draws which choices of a categorical are taken, and the visiting order.
            metric: only kept for Ray.
            mode: only kept for Ray.

        Raises:
            ValueError: ``order`` does not name exactly the hyperparameters of the space.
        """
        super().__init__(metric=metric, mode=mode)
        if sorted(order) != sorted(space):
            raise ValueError(f"grid order {list(order)} does not name exactly {sorted(space)}")
        self._space = space
        self._seed = seed
        self._limits = {name: most_values(space[name]) for name in order}
        self.counts: dict[str, int] | None = layout(order, self._limits, points)
        """Values per hyperparameter of the grid being visited; None once the space is used up."""
        self._visited: set[str] = set()
        self._left: list[dict[str, Any]] = list(self._points())

    def next_config(self) -> dict[str, Any] | None:
        """The next unvisited point, of the next finer grid if need be."""
        while self.counts is not None and not self._left:
            self.counts = next_counts(self.counts, self._limits)
            self._left = list(self._points())
        return self._left.pop() if self._left else None

    def _points(self) -> Iterator[dict[str, Any]]:
        """The unvisited points of the current grid, shuffled; marks them visited."""
        if self.counts is None:
            return
        # the same order whenever the grid is the same, whatever came before it
        rng = np.random.default_rng([self._seed, *self.counts.values()])
        values = [grid_values(self._space[name], n, self._seed) for name, n in self.counts.items()]
        points = list(itertools.product(*values))
        for i in rng.permutation(len(points)):
            point = dict(zip(self.counts, points[i], strict=True))
            try:
                config = dict(deactivate_inactive_hyperparameters(point, self._space))
            except ForbiddenValueError:
                continue
            if (key := canonical(config)) not in self._visited:
                self._visited.add(key)
                yield config


def grid_searcher(problem: Problem) -> RecordingSearcher:
    """A grid laid out for the problem's budget."""
    task = problem.task
    grid = encoding(task, 0)
    searcher = GridSearch(
        grid.space,  # a grid draws nothing from the space's stream
        [grid.names[name] for name in task.grid_order if name in grid.names],
        points=problem.full_evaluations,
        seed=problem.model_seed,
        metric=METRIC,
        mode=MODE,
    )
    return problem.recording(searcher)
