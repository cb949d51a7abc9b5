"""How often intervals of the interquartile mean hold what they should, by simulation.

Samples of a few runs are drawn from populations of many shapes; an interval covers where the mean
of the interquartile mean over all such samples lies in it. Beside the interval of this project
(``statistics.bootstrap``) stand those that others would take:

* ``percentile`` and ``bca``: ``scipy.stats.bootstrap``;
* ``studentised``: bootstrap-t with the standard error of a trimmed mean from winsorised deviations
  (Wilcox, Introduction to Robust Estimation and Hypothesis Testing, 2012, section 4.4.2);
* ``t``: Tukey and McLaughlin's, Student's t with the same standard error, no bootstrap.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, t

from bohb_study.analysis.statistics.aggregate import BOOTSTRAP_SEED, TRIM, aggregate, iqm
from bohb_study.analysis.statistics.bootstrap import RESAMPLES
from bohb_study.arrays import Floats

Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
POPULATIONS: Mapping[str, Draw] = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "t, 3 degrees of freedom": lambda random, shape: random.standard_t(3, shape),
    "uniform": lambda random, shape: random.random(shape),
    "exponential": lambda random, shape: random.exponential(size=shape),
    "lognormal": lambda random, shape: np.exp(random.standard_normal(shape)),
    "normal, 10 % outliers": lambda random, shape: (
        random.standard_normal(shape) * np.where(random.random(shape) < 0.1, 10.0, 1.0)
    ),
    "two groups": lambda random, shape: np.where(
        random.random(shape) < 0.7,
        0.2 * random.standard_normal(shape),
        2.0 + random.standard_normal(shape),
    ),
    "40 % ties": lambda random, shape: np.where(
        random.random(shape) < 0.4, 0.0, random.standard_normal(shape)
    ),
}
"""What runs, or their differences, may be distributed like."""
METHODS = ("here", "percentile", "bca", "studentised", "t")
"""The intervals that are compared, this project's first."""
NOMINAL = 0.95
MANY = 200_000
"""Samples that give the value which intervals should hold."""
_SHOWN = 500
"""Samples whose resamples are in memory at the same time."""


class Coverage(NamedTuple):
    """One interval on samples of one size from one population."""

    population: str
    n: int
    interval: str
    covered: float
    """Share of the samples."""
    width: float | None
    """Median width over that of the plain percentile interval; None where it is infinite."""


def coverages(sizes: tuple[int, ...], samples: int, seed: int) -> list[Coverage]:
    """Simulate all intervals on all populations.

    Args:
        sizes: runs in a sample.
        samples: of each size from each population; a share of 0.95 is known to
            2 sqrt(0.95 x 0.05 / samples).
        seed: of the samples.
    """
    found = []
    for n in sizes:
        for name, draw in POPULATIONS.items():
            random = np.random.default_rng([seed, n, *name.encode()])
            target = float(iqm(draw(random, (n, MANY))).mean())
            values = np.sort(draw(random, (n, samples)), axis=0)
            ends = {method: _INTERVALS[method](values) for method in METHODS}
            usual = _width(ends["percentile"])
            for method, (low, high) in ends.items():
                covered = float(np.mean((low <= target) & (target <= high)))
                width = _width((low, high)) / usual
                ratio = width if np.isfinite(width) else None
                found.append(Coverage(name, n, method, covered, ratio))
    return found


def _width(ends: tuple[Floats, Floats]) -> float:
    low, high = ends
    return float(np.median(high - low))


def _here(values: Floats) -> tuple[Floats, Floats]:
    frame = pd.DataFrame(values.T, index=pd.Index(np.arange(values.shape[1]), name="sample"))
    over = aggregate(frame, BOOTSTRAP_SEED)
    return over.low, over.high


def _of_scipy(method: str) -> Callable[[Floats], tuple[Floats, Floats]]:
    def ends(values: Floats) -> tuple[Floats, Floats]:
        parts = []
        for first in range(0, values.shape[1], _SHOWN):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of samples whose middle is all ties
                found = bootstrap(
                    (values[:, first : first + _SHOWN],),
                    lambda x, axis: iqm(np.moveaxis(x, axis, 0)),
                    n_resamples=RESAMPLES,
                    confidence_level=NOMINAL,
                    method=method,
                    axis=0,
                    vectorized=True,
                    rng=np.random.default_rng(BOOTSTRAP_SEED),
                ).confidence_interval
            parts.append((found.low, found.high))
        low, high = (np.concatenate(part) for part in zip(*parts, strict=True))
        return low, high

    return ends


def _error(values: Floats) -> Floats:
    """Standard errors of the interquartile means of samples, shape (n, k) to (k,)."""
    n = len(values)
    cut = int(TRIM * n)
    ordered = np.sort(values, axis=0)
    ordered[:cut], ordered[n - cut :] = ordered[cut], ordered[n - cut - 1]
    spread: Floats = ordered.std(axis=0, ddof=1) / ((1 - 2 * cut / n) * np.sqrt(n))
    return spread


def _studentised(values: Floats) -> tuple[Floats, Floats]:
    n = len(values)
    drawn = np.random.default_rng(BOOTSTRAP_SEED).integers(n, size=(n, RESAMPLES))
    low, high = np.empty((2, values.shape[1]))
    centres, errors = iqm(values), _error(values)
    for i, sample in enumerate(values.T):
        resampled = sample[drawn]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = (iqm(resampled) - centres[i]) / _error(resampled)
        ratios = np.where(np.isnan(ratios), 0.0, ratios)  # neither differs nor spreads
        first, last = np.quantile(ratios, [(1 - NOMINAL) / 2, (1 + NOMINAL) / 2], method="nearest")
        with np.errstate(invalid="ignore"):
            low[i], high[i] = centres[i] - last * errors[i], centres[i] - first * errors[i]
    # nothing times an infinite ratio: the sample's middle is all ties
    return np.where(np.isnan(low), centres, low), np.where(np.isnan(high), centres, high)


def _students_t(values: Floats) -> tuple[Floats, Floats]:
    n = len(values)
    reach = t.ppf((1 + NOMINAL) / 2, n - 2 * int(TRIM * n) - 1) * _error(values)
    return iqm(values) - reach, iqm(values) + reach


_INTERVALS: Mapping[str, Callable[[Floats], tuple[Floats, Floats]]] = {
    "here": _here,
    "percentile": _of_scipy("percentile"),
    "bca": _of_scipy("BCa"),
    "studentised": _studentised,
    "t": _students_t,
}
