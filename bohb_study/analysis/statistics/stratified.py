"""Means over tasks of means over seeds, and their spread: seeds are drawn anew within each task."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bohb_study.analysis.comparisons.families import family_of
from bohb_study.analysis.statistics.aggregate import SpreadKind, kind_of
from bohb_study.analysis.statistics.bootstrap import RESAMPLES, interval, resampled_counts
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError


class Runs(NamedTuple):
    """All seeds of one task."""

    seeds: tuple[int, ...]
    """Shape (n,), each once."""
    outcomes: Floats
    """Shape (n, ...): of each seed the same quantities, as of every other task."""


class Spread(NamedTuple):
    """Of the means over tasks, shape (...)."""

    low: Floats
    high: Floats
    kind: SpreadKind
    """Over the task with the fewest seeds."""


def family_weights(tasks: Sequence[str]) -> dict[str, float]:
    """What each task counts for in a mean over families of means over their tasks."""
    families = [family_of(task) for task in tasks]
    each = 1 / len(set(families))
    return {
        task: each / families.count(family) for task, family in zip(tasks, families, strict=True)
    }


def spread(runs: Mapping[str, Runs], weights: Mapping[str, float], seed: int) -> Spread:
    """The 95 % interval from ten seeds a task on, else the range of the seeds.

    Args:
        runs: of each task.
        weights: what each task counts for.
        seed: of the bootstrap, stratified by task; see ``aggregate.BOOTSTRAP_SEED``.

    Raises:
        StudyError: seeds are few, and none has all tasks: there is no range.
    """
    kind = kind_of(min(len(own.seeds) for own in runs.values()))
    ends = _interval(runs, weights, seed) if kind == "95 % interval" else _range(runs, weights)
    return Spread(*ends, kind)


def _interval(
    runs: Mapping[str, Runs], weights: Mapping[str, float], seed: int
) -> tuple[Floats, Floats]:
    shape = next(iter(runs.values())).outcomes.shape[1:]
    resampled = np.zeros((RESAMPLES, int(np.prod(shape))))
    for number, task in enumerate(sorted(runs)):
        flat = runs[task].outcomes.reshape(len(runs[task].seeds), -1)
        # sorted, the order of the seeds changes nothing, not even the last bit
        flat = flat[np.lexsort(flat.T)]
        drawn = resampled_counts(len(flat), seed, number) * (weights[task] / len(flat))
        resampled += drawn @ flat
    low, high = interval(resampled, [len(own.seeds) for own in runs.values()])
    return low.reshape(shape), high.reshape(shape)


def _range(runs: Mapping[str, Runs], weights: Mapping[str, float]) -> tuple[Floats, Floats]:
    """The least and the most that any seed has, averaged over tasks as the centre is."""
    shared = sorted(set.intersection(*(set(own.seeds) for own in runs.values())))
    if not shared:
        raise StudyError("no seed has all tasks: so few seeds have no range")
    by_seed = [
        np.sum([weights[task] * own.outcomes[own.seeds.index(n)] for task, own in runs.items()], 0)
        for n in shared
    ]
    return np.min(by_seed, axis=0), np.max(by_seed, axis=0)
