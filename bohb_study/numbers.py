"""Numbers as text, in one way everywhere: significant digits, whatever the unit of a loss is.

A loss may be 1e-12, 0.1234 or -1e9, so that no fixed number of decimals will do. What is printed
is first rounded to ``STABLE`` digits: statistics of the same rows differ in their last bits from
processor to processor, and a value that lies halfway between two printed ones, such as the mean of
0.1234 and 0.1235, would else be printed as either.
"""

import re
from math import isfinite, isnan, log10

import numpy as np
import numpy.typing as npt

from bohb_study.arrays import Floats

STABLE = 12
"""Significant digits that no rounding of a computation reaches, and few numbers are halfway at."""
DIGITS = 4
"""Significant digits of a loss."""
LEAST_DIGITS = 2
"""Of the end of an interval, however near to 0 it lies."""
SMALLEST, LARGEST = 1e-4, 1e6
"""Where numbers without an exponent begin and end."""
NONE = "-"
"""What stands for a number that is not there."""


def stable(value: float, digits: int = STABLE) -> float:
    """The number with so many significant digits; the last bits that it came with change nothing.

    Two roundings: the first makes one of all that differ by the rounding of a computation, so that
    the second, halfway or not, goes one way for all of them. A number that happens to be halfway
    between two of ``STABLE`` digits can still go either way, and then differs by one unit of the
    twelfth digit; that shows in fewer digits once in 1e6 such cases.
    """
    if not isfinite(value):
        return value
    once = float(f"{value:.{STABLE}g}")
    return (once if digits >= STABLE else float(f"{once:.{digits}g}")) + 0.0  # no -0.0


def stables(values: npt.ArrayLike, digits: int = STABLE) -> Floats:
    """``stable`` of each number of an array."""
    given = np.asarray(values, dtype=np.float64)
    distinct, back = np.unique(given, return_inverse=True)  # steps hold long: equals are many
    rounded = np.array([stable(value, digits) for value in distinct.tolist()], dtype=np.float64)
    return rounded[back].reshape(given.shape)


def distance(values: npt.ArrayLike, reference: float) -> Floats:
    """Values less a reference, where a difference of last bits is none.

    A logarithmic axis would show such a difference as sixteen decades.
    """
    given = np.asarray(values, dtype=np.float64)
    return stables(given) - stable(reference) if reference else given


def number(value: float, digits: int = DIGITS, *, sign: bool = False, zeros: bool = True) -> str:
    """A number of so many significant digits: 0.1234, 12.30, 123456, 1.234e-05, -1.000e+09.

    Args:
        value: any; what is no number is ``NONE``, an infinity is one in words.
        digits: a whole number up to ``LARGEST`` keeps all of its digits.
        sign: write a plus, too.
        zeros: keep those at the end, as of a measurement; else 0.25, 1.2e-05.
    """
    if isnan(value):
        return NONE
    plus = "+" * sign
    if not isfinite(value):
        return f"{'-' if value < 0 else plus}infinite"
    value = stable(value)
    if value == 0:
        return f"{0:{plus}}"
    written = _written(value, _decimals(value, digits), digits, plus)
    return written if zeros else _TRAILING.sub(r"\1", written)


def fixed(value: float, decimals: int = 2, *, sign: bool = False) -> str:
    """A number whose size is known, such as a rank or a correlation, with so many decimals."""
    if not isfinite(value):
        return number(value, sign=sign)
    rounded = round(stable(value), decimals) + 0.0  # no -0.00
    return f"{rounded:{'+' * sign}.{decimals}f}"


def interval(centre: float, low: float, high: float, *, sign: bool = False) -> str:
    """A number with the ends of its interval: ``0.1234 [0.120, 0.130]``.

    The ends have one decimal less than the centre, but never less than ``LEAST_DIGITS``
    significant digits, for an end of 0.000 that is not 0 says nothing; and never more than
    ``DIGITS``.

    Args:
        centre: any; ``NONE`` where it is no number.
        low: the lower end.
        high: the upper end.
        sign: write a plus before the centre, too.
    """
    if isnan(centre):
        return NONE
    largest = max(map(abs, filter(isfinite, map(stable, (centre, low, high)))), default=0.0)
    decimals = _decimals(stable(centre) or largest, DIGITS) if largest else 0
    ends = ", ".join(_end(stable(end), decimals - 1) for end in (low, high))
    return f"{number(centre, sign=sign)} [{ends}]"


def with_error(mean: float, error: float) -> str:
    """A mean with an error that is not an interval: ``0.1234 +- 0.0051``."""
    return NONE if isnan(mean) else f"{number(mean)} +- {number(error, LEAST_DIGITS)}"


def none_in(undefined: int, seeds: int) -> str:
    """What stands for a number that some seeds do not have: ``none in 1 of 3 seeds``."""
    return f"none in {undefined} of {seeds} seed{'' if seeds == 1 else 's'}"


_TRAILING = re.compile(r"\.0+(?=$|e)|(?<=\.)(\d*[1-9])0+(?=$|e)")
"""Zeros at the end of decimals, with the point where nothing else is left."""


def _end(value: float, decimals: int) -> str:
    if not isfinite(value) or not value:
        return f"{0.0:.{max(0, decimals)}f}" if not value and decimals < _MOST else number(value)
    kept = min(max(decimals, _decimals(value, LEAST_DIGITS)), _decimals(value, DIGITS))
    return _written(value, kept, DIGITS - 1, "")


def _decimals(value: float, digits: int) -> int:
    """Decimals with which a number other than 0 has so many significant digits."""
    written = f"{abs(value):.{digits - 1}e}"  # rounded: 0.99999 is of the next power
    return digits - 1 - int(written.partition("e")[2])


_MOST = DIGITS - 1 - round(log10(SMALLEST))
"""Decimals of the smallest number that is written without an exponent."""


def _written(value: float, decimals: int, digits: int, plus: str) -> str:
    """With so many decimals, or with an exponent and so many significant digits."""
    if SMALLEST <= abs(value) < LARGEST:
        return f"{value:{plus}.{max(0, decimals)}f}"
    return f"{value:{plus}.{digits - 1}e}"


def counted(count: int, plural: str) -> str:
    """A count and what is counted: ``1 cell``, ``2 cells``.

    Args:
        count: how many.
        plural: of a regular noun; further words may follow it.
    """
    noun, space, rest = plural.partition(" ")
    return f"{count:,} {noun.removesuffix('s') if count == 1 else noun}{space}{rest}"
