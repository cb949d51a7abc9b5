"""What a Wilcoxon signed-rank test of few pairs can show at all."""

from functools import cache
from math import inf

import numpy as np
from scipy.stats import rankdata

from bohb_study.arrays import Floats

ALPHA = 0.05
POWER = 0.8
SIMULATIONS = 4000
"""Samples behind a detectable effect: its power is known to 1.3 % (two standard errors)."""


def smallest_p(family: int, nonzero: int) -> float:
    """The least p that ``nonzero`` pairs can reach after Holm's correction for ``family`` tests.

    All differences of one sign are one of 2^n equally probable patterns, and their mirror image
    another: 2 / 2^n, times the size of the family for the smallest of them.
    """
    return min(1.0, family * 2.0 ** (1 - nonzero))


def critical(n: int, alpha: float) -> int:
    """The largest smaller sum of ranks whose exact two-sided p is at most ``alpha``; -1: none.

    Args:
        n: pairs with a difference, without ties.
        alpha: level.
    """
    chances = np.ones(1)
    for rank in range(1, n + 1):  # each rank belongs to either sign with probability 1/2
        padded = np.pad(chances, (0, rank))
        chances = (padded + np.roll(padded, rank)) / 2
    return int(np.searchsorted(2 * np.cumsum(chances), alpha, side="right")) - 1


@cache
def detectable(n: int, alpha: float) -> float:
    """The shift, in standard deviations of the differences, found with a probability of 80 %.

    Of normal differences, by simulation of the exact two-sided test: the approximation by the
    asymptotic relative efficiency (3 / pi of the t-test's pairs) is too hopeful at few pairs and
    small levels, where the test's p has few values. One set of samples serves every shift, so
    that the power rises with it.

    Args:
        n: pairs.
        alpha: level of one test: 0.05 over the family's size, Holm's first step.

    Returns:
        The shift; infinite where no sample of n pairs can reach ``alpha``.
    """
    limit = critical(n, alpha)
    if limit < 0:
        return inf
    noise = np.random.default_rng(n).standard_normal((SIMULATIONS, n))
    low, high = 0.0, 16.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if _power(noise + middle, limit) >= POWER else (middle, high)
    return high


def _power(differences: Floats, limit: int) -> float:
    """Share of the samples, shape (samples, n), whose smaller sum of ranks is within ``limit``."""
    ranks = rankdata(np.abs(differences), axis=1)
    above = np.where(differences > 0, ranks, 0.0).sum(axis=1)
    smaller = np.minimum(above, ranks.sum(axis=1) - above)
    return float(np.mean(smaller <= limit))
