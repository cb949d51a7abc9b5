"""Median time to an event that some never had: the Kaplan-Meier estimator.

Kaplan and Meier, Nonparametric estimation from incomplete observations, JASA 53, 1958. The median
is the first time by which at least half are estimated to have had the event (Brookmeyer and
Crowley, Biometrics 38, 1982); infinite where that is never so: it is censored.
"""

import numpy as np
from scipy.stats import CensoredData, ecdf

from bohb_study.arrays import Bools, Floats, Ints

HALF = 0.5 + 1e-9
"""One half, with room for the rounding of a product of fractions."""


def median_time(times: Floats, happened: Bools) -> float:
    """The Kaplan-Meier median.

    Args:
        times: of the event, or else of the end of watching, shape (n,).
        happened: whether the event came, shape (n,).

    Returns:
        In the unit of ``times``; infinite where it is censored, or where n is 0.
    """
    if not happened.any():
        return float("inf")
    survival = ecdf(CensoredData.right_censored(times, ~happened)).sf
    over = np.flatnonzero(survival.probabilities <= HALF)
    return float(survival.quantiles[over[0]]) if len(over) else float("inf")


def resampled_medians(times: Floats, happened: Bools, counts: Ints) -> Floats:
    """``median_time`` of many resamples at once; for the bootstrap, where scipy takes too long.

    Args:
        times: as above, shape (n,).
        happened: as above, shape (n,).
        counts: how often each observation is in each resample, shape (r, n).

    Returns:
        Shape (r,).
    """
    order = np.lexsort([~happened, times])  # who leaves at the time of an event was still at risk
    drawn = counts[:, order]
    at_risk = np.cumsum(drawn[:, ::-1], axis=1)[:, ::-1]
    gone = np.where(happened[order], drawn, 0) / np.maximum(at_risk, 1)
    # events of one time follow each other: their product telescopes to that of the whole
    over = np.cumprod(1.0 - gone, axis=1) <= HALF
    medians: Floats = np.append(times[order], np.inf)[(~over).sum(axis=1)]
    return medians
