"""Resampling with replacement, seeded: what the intervals of all analyses are made with.

Expanded percentile intervals (Hesterberg, What Teachers Should Know About the Bootstrap, The
American Statistician 69, 2015, arXiv 1411.5279). A plain percentile interval is too
narrow where runs are few: the bootstrap's variance is (n - 1) / n of what it should be, and its
tails are normal where Student's t is due. Here the percentiles are taken further out by as much as
either asks for. ``bohb-study bench intervals`` measures how often intervals cover.

How often each observation is in a resample is drawn once and serves whatever is computed of it:
every point of a curve, both ends of a pair. Callers sort their observations first, so that their
order changes nothing, not even the last bit.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt

import numpy as np
from scipy.stats import norm, t

from bohb_study.arrays import Floats, Ints

RESAMPLES = 2000
_TAIL = 0.025
"""Probability beyond either end of a 95 % interval."""


@lru_cache(maxsize=64)
def ends(*sizes: int) -> tuple[float, float]:
    """The percentiles, in percent, at which a 95 % interval ends.

    With one sample of n, normal quantiles are stretched by sqrt(n / (n - 1)) times Student's t of
    n - 1 degrees of freedom over the normal quantile. With several samples the smallest says how
    much variance the bootstrap lacks, and the degrees of freedom add up.

    Args:
        sizes: observations in each sample, at least two each.
    """
    least, freedom = min(sizes), sum(sizes) - len(sizes)
    tail = float(norm.cdf(sqrt(least / (least - 1)) * t.ppf(_TAIL, freedom)))
    return 100 * tail, 100 * (1 - tail)


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


def interval(resampled: Floats, sizes: Sequence[int]) -> tuple[Floats, Floats]:
    """The ends of the 95 % interval.

    Args:
        resampled: what each resample gives, shape (RESAMPLES, ...).
        sizes: observations in each sample that was resampled; see ``ends``.

    Returns:
        Two of shape (...).
    """
    low, high = np.percentile(resampled, ends(*sizes), axis=0)
    return low, high


def observed_interval(low: Floats, high: Floats, n: int) -> tuple[float, float]:
    """The same of order statistics, which may be infinite: its ends are values, none between two.

    Args:
        low: the least that each resample can be, shape (RESAMPLES,).
        high: the most; the same array where every resample is known.
        n: observations that were resampled.
    """
    first, last = ends(n)
    return (
        float(np.percentile(low, first, method="lower")),
        float(np.percentile(high, last, method="higher")),
    )
