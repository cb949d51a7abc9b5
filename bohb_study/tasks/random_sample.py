"""Random configurations of a task, as it takes them and as points of the space that methods search.

They are drawn one by one from the stream that belongs to (task, study seed), so that a larger
sample begins with a smaller one.
"""

from dataclasses import dataclass

import numpy as np
from ConfigSpace.hyperparameters import CategoricalHyperparameter

from bohb_study.arrays import Floats
from bohb_study.seeding import Config, config_id, derive, plain
from bohb_study.tasks.base import Task
from bohb_study.tasks.encoding import encoding

MARGINAL = 4096
"""Draws that say how each hyperparameter is distributed."""


@dataclass(frozen=True, eq=False)
class RandomSample:
    """Distinct random configurations of one task."""

    configs: tuple[Config, ...]
    """The task's own values, shape (n,), in the order drawn."""
    names: tuple[str, ...]
    """The hyperparameters that vary, shape (d,), as methods know them."""
    categories: tuple[int, ...]
    """How many values each can take that have no order; 0 of a number. Shape (d,)."""
    points: Floats
    """Shape (n, d): numbers scaled to [0, 1], a choice by its index, NaN where a condition does not
    hold."""


def random_sample(task: Task, count: int, seed: int) -> RandomSample:
    """Draw configurations from a task's space.

    Args:
        task: whose space it is.
        count: draws; a configuration that is drawn again counts once.
        seed: the study's.

    Raises:
        UsageError: something in the space is not supported by any method.
    """
    coded = encoding(task, derive("correlations", task.name, seed))
    drawn = [coded.space.sample_configuration() for _ in range(count)]
    own = [plain(coded.decode(dict(one))) for one in drawn]
    first = {config_id(config): place for place, config in reversed([*enumerate(own)])}
    kept = sorted(first.values())
    kinds = coded.space.values()
    return RandomSample(
        tuple(own[place] for place in kept),
        tuple(coded.space),
        tuple(len(k.choices) if isinstance(k, CategoricalHyperparameter) else 0 for k in kinds),
        np.array([drawn[place].get_array() for place in kept]),
    )


def marginal_sample(task: Task, seed: int) -> Floats:
    """``MARGINAL`` further draws, repeated ones among them, as ``RandomSample.points``."""
    space = encoding(task, derive("marginal", task.name, seed)).space
    return np.array([one.get_array() for one in space.sample_configuration(MARGINAL)])
