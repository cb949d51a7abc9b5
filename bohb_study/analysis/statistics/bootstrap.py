"""Resampling with replacement, seeded: what the intervals of all analyses are made with.

Percentile intervals (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). How
often each observation is in a resample is drawn once and serves whatever is computed of it: every
point of a curve, both ends of a pair. Callers sort their observations first, so that their order
changes nothing, not even the last bit.
"""

from functools import lru_cache

import numpy as np

from bohb_study.arrays import Floats, Ints

RESAMPLES = 2000
_ENDS = (2.5, 97.5)
"""Of a 95 % interval, in percent."""


@lru_cache(maxsize=64)  # the cells of a study have the same numbers of seeds
def resampled_counts(n: int, *seed: int) -> Ints:
    """How often each of n observations is in each resample.

    Args:
        n: number of observations.
        seed: one number, or several where one analysis draws more than once.

    Returns:
        Shape (RESAMPLES, n), read-only: of the indices that ``scipy.stats.bootstrap`` would draw
        with ``numpy.random.default_rng(seed)``. Every row sums to n.
    """
    generator = np.random.default_rng(seed[0] if len(seed) == 1 else seed)
    drawn = generator.integers(n, size=(RESAMPLES, n))
    rows = n * np.arange(RESAMPLES)[:, None]
    counts = np.bincount((drawn + rows).ravel(), minlength=n * RESAMPLES).reshape(RESAMPLES, n)
    counts.flags.writeable = False
    return counts


def interval(resampled: Floats) -> tuple[Floats, Floats]:
    """The ends of the 95 % percentile interval: (RESAMPLES, ...) to two of shape (...)."""
    low, high = np.percentile(resampled, _ENDS, axis=0)
    return low, high


def observed_interval(low: Floats, high: Floats) -> tuple[float, float]:
    """The same of order statistics, which may be infinite: its ends are values, none between two.

    Args:
        low: the least that each resample can be, shape (RESAMPLES,).
        high: the most; the same array where every resample is known.
    """
    return (
        float(np.percentile(low, _ENDS[0], method="lower")),
        float(np.percentile(high, _ENDS[1], method="higher")),
    )
