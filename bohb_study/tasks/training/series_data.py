"""The time series that statsmodels ships, by month, and what is learnt from and measured on."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HORIZON = 6
"""Months that are forecast together."""
LONGEST = 36
"""Months of the longest window. No origin has less before it, so every configuration has the same
training examples."""
SHARES = (0.6, 0.8)
"""Where in the series the validation and the test part begin."""


class Origins(NamedTuple):
    """From which months the three parts forecast; int64, each with a length of its own.

    An origin is the last month that is known; all that is forecast from it, the next ``HORIZON``
    months, belongs to the part. What was known before may belong to an earlier one.
    """

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]


def split_origins(months: int, *, whole: bool = False) -> Origins:
    """The parts, one after the other in time.

    Args:
        months: of the series.
        whole: train on the validation part as well; validation then means the test part.
    """
    val, test = (int(share * months) for share in SHARES)
    parts = [
        np.arange(begin - 1, end - HORIZON)
        for begin, end in ((LONGEST, val), (val, test), (test, months))
    ]
    if whole:
        return Origins(np.arange(LONGEST - 1, test - HORIZON), parts[2], parts[2])
    return Origins(*parts)


@lru_cache(maxsize=2)
def monthly(name: str) -> NDArray[np.float64]:
    """A series by month, shape (months,); read once per process.

    ``co2``: carbon dioxide over Mauna Loa in ppm, 1958 to 2001, weekly values averaged; a month
    without any has that of the month before. ``elnino``: temperature of the sea surface off Peru in
    degrees Celsius, 1950 to 2010.
    """
    from statsmodels.datasets import co2, elnino  # imports pandas

    if name == "elnino":
        return elnino.load_pandas().data.to_numpy(dtype=np.float64)[:, 1:].ravel()
    weekly = co2.load_pandas().data["co2"]
    by_month: dict[tuple[int, int], list[float]] = {}
    for date, value in zip(weekly.index, weekly.tolist(), strict=True):
        by_month.setdefault((date.year, date.month), []).append(value)
    found: list[float] = []
    for values in by_month.values():
        known = [value for value in values if not math.isnan(value)]
        found.append(math.fsum(known) / len(known) if known else found[-1])
    return np.array(found)


def standardised(series: NDArray[np.float64], train: NDArray[np.int64]) -> NDArray[np.float64]:
    """By mean and standard deviation of the months up to the end of the training part."""
    seen = series[: train[-1] + HORIZON + 1]
    return (series - seen.mean()) / seen.std()
