"""How probably a run of one method is better than a run of another."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bohb_study.analysis.statistics.aggregate import LEAST_FOR_INTERVAL
from bohb_study.analysis.statistics.bootstrap import RESAMPLES, interval, resampled_counts
from bohb_study.arrays import Floats
from bohb_study.errors import StudyError


class Improvement(NamedTuple):
    """A probability with its 95 % interval."""

    probability: float
    low: float
    """NaN under ten runs: a bootstrap would not cover."""
    high: float


def improvement(mine: Sequence[Floats], others: Sequence[Floats], seed: int) -> Improvement:
    """P(X < Y) + P(X = Y) / 2 over all pairs of a run X of ``mine`` and a run Y of ``others``.

    rliable's probability of improvement (Agarwal et al., NeurIPS 2021, section 4.3; its
    ``metrics.probability_of_improvement``, there of scores, here of losses): all n x m pairs of
    runs, not those of equal seeds, then the mean over tasks. The interval is its stratified
    bootstrap: the runs of either method are drawn anew within each task.

    Args:
        mine: one array of losses a task, shape (n,); infinite where undefined.
        others: the same of the other method, shape (m,).
        seed: of the bootstrap; see ``aggregate.BOOTSTRAP_SEED``.

    Raises:
        StudyError: there is no task, or a method has no run on one.
    """
    if not len(mine) or not all(len(x) and len(y) for x, y in zip(mine, others, strict=True)):
        raise StudyError("nothing to compare: no run")
    centre, resampled = 0.0, np.zeros(RESAMPLES)
    for task, (x, y) in enumerate(zip(mine, others, strict=True)):
        # sorted, the order of the seeds changes nothing, not even the last bit
        x, y = np.sort(x)[:, None], np.sort(y)[None, :]
        better = (x < y) + 0.5 * (x == y)
        centre += float(better.mean()) / len(mine)
        # how often each run was drawn: sums over all drawn pairs are then two small products
        drawn, against = (
            resampled_counts(n, seed, task, side) for side, n in enumerate(better.shape)
        )
        sums = ((drawn @ better) * against).sum(axis=1)
        resampled += sums / better.size / len(mine)
    if min(map(len, [*mine, *others])) < LEAST_FOR_INTERVAL:
        return Improvement(centre, float("nan"), float("nan"))
    low, high = interval(resampled, [*map(len, mine), *map(len, others)])
    return Improvement(centre, float(low), float(high))
