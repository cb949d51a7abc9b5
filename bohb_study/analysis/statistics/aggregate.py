"""Many seeds as one curve or one number, with an honest statement of the spread.

The centre is the interquartile mean (Agarwal et al., NeurIPS 2021). Under 4 seeds trimming a
quarter removes nothing: it is the mean, and called so. From 10 seeds the spread is a 95 %
bootstrap interval (``bootstrap``); with fewer a plain one does not cover (72 % at n = 3, 90 % at
n = 5), and the range of the seeds stands in, and is called a range.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import trim_mean

from bohb_study import numbers, seeding
from bohb_study.analysis.statistics.bootstrap import interval, resampled_counts
from bohb_study.arrays import Floats, Ints
from bohb_study.errors import StudyError
from bohb_study.scores import Score

SpreadKind = Literal["95 % interval", "range, not an interval"]
Label = Literal["mean", "interquartile mean"]

TRIM = 0.25
"""Share of the seeds that the interquartile mean leaves out at either end."""
LEAST_FOR_INTERVAL = 10
"""Seeds from which a bootstrap interval is given."""
BOOTSTRAP_SEED = seeding.derive("bootstrap")
"""Of all resampling: the same values have the same interval wherever they are shown."""


@dataclass(frozen=True, eq=False)
class Aggregate:
    """A curve over seeds: all arrays of shape (g,), where every seed is defined and only there."""

    x: Floats
    centre: Floats
    low: Floats
    high: Floats
    kind: SpreadKind
    """What ``low`` and ``high`` are."""
    label: Label
    """What ``centre`` is."""
    n: int
    """Number of seeds."""


@dataclass(frozen=True)
class Estimate:
    """One number over seeds; NaN where a seed is undefined."""

    centre: float
    low: float
    high: float
    kind: SpreadKind
    label: Label
    n: int
    undefined: int = 0
    """Seeds without a value."""

    def in_words(self, score: Score | None = None, *, sign: bool = False) -> str:
        """Centre and interval, or in how many seeds there is none.

        Args:
            score: what it measures, of a loss; not given of what has no other sign.
            sign: write a plus before the centre, too.
        """
        if self.undefined:
            return numbers.none_in(self.undefined, self.n)
        if score is not None:
            return score.interval(self.centre, self.low, self.high)
        return numbers.interval(self.centre, self.low, self.high, sign=sign)


class _Spread(NamedTuple):
    centre: Floats
    low: Floats
    high: Floats


def label_of(n: int) -> Label:
    """What trimming a quarter of ``n`` seeds at either end leaves."""
    return "interquartile mean" if int(TRIM * n) else "mean"


def kind_of(n: int) -> SpreadKind:
    """Which statement of spread ``n`` seeds allow."""
    return "95 % interval" if n >= LEAST_FOR_INTERVAL else "range, not an interval"


def iqm(values: Floats) -> Floats:
    """Interquartile mean over the first axis: (n, g) to (g,)."""
    centre: Floats = np.asarray(trim_mean(values, TRIM, axis=0), dtype=np.float64)
    return centre


def aggregate(aligned: pd.DataFrame, seed: int) -> Aggregate:
    """The curve over seeds of an aligned frame.

    Args:
        aligned: g rows indexed by x, one column a seed, from ``align``.
        seed: of the bootstrap, usually ``BOOTSTRAP_SEED``.

    Raises:
        StudyError: there is no seed, or a seed has a gap in the middle.
    """
    values = aligned.to_numpy(dtype="float64").T
    if not len(values):
        raise StudyError("nothing to aggregate: no seed")
    defined = np.isfinite(values).all(axis=0)
    if np.any(np.diff(np.flatnonzero(defined)) > 1):
        raise StudyError("a seed's curve has a gap: the incumbent's value is not always known")
    n = len(values)
    return Aggregate(
        aligned.index.to_numpy(dtype="float64")[defined],
        *_spread(values[:, defined], seed),
        kind=kind_of(n),
        label=label_of(n),
        n=n,
    )


def estimate(values: Floats, seed: int) -> Estimate:
    """One number over seeds: ``values`` of shape (n,); NaN when any of them is NaN.

    Raises:
        StudyError: there is no seed.
    """
    n = len(values)
    if not n:
        raise StudyError("nothing to aggregate: no seed")
    # An undefined seed is not left out: the rest would be a better-looking, selected sample.
    if np.isfinite(values).all():
        centre, low, high = (float(part[0]) for part in _spread(values[:, None], seed))
    else:
        centre = low = high = float("nan")
    undefined = n - int(np.isfinite(values).sum())
    return Estimate(centre, low, high, kind_of(n), label_of(n), n, undefined)


def _spread(values: Floats, seed: int) -> _Spread:
    """Centre, low and high of finite values: (n, g) to three of shape (g,)."""
    # Sorted, the order of the seeds changes nothing, not even the last bit. Steps hold long, so
    # equal columns are many: each is resampled once.
    ordered, back = np.unique(np.sort(values, axis=0), axis=1, return_inverse=True)
    if not ordered.shape[1]:
        return _Spread(np.empty(0), np.empty(0), np.empty(0))
    low, high = ordered[0], ordered[-1]
    n = len(values)
    if kind_of(n) == "95 % interval":
        low, high = interval(_weights(resampled_counts(n, seed)) @ ordered, [n])
    return _Spread(iqm(ordered)[back], low[back], high[back])


def _weights(counts: Ints) -> Floats:
    """What each of n sorted values weighs in the interquartile mean of each resample.

    A resample of sorted values is sorted as well, so that the trimmed mean of a resample is a sum
    of weights times values, and one draw serves every grid point.

    Args:
        counts: how often each is in each resample, shape (r, n).

    Returns:
        Shape (r, n).
    """
    n = counts.shape[1]
    cut = int(TRIM * n)
    up_to = np.clip(np.cumsum(counts, axis=1), cut, n - cut)  # places that are kept, so far
    weights: Floats = np.diff(up_to, prepend=cut, axis=1) / (n - 2 * cut)
    return weights
