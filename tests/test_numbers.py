"""Numbers as text: significant digits at every size, and the last bit decides nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb_study.numbers import (
    counted,
    distance,
    fixed,
    interval,
    none_in,
    number,
    stable,
    stables,
    with_error,
)

NAN, INF = math.nan, math.inf
FINITE = st.floats(-1e300, 1e300).filter(lambda x: x == 0 or abs(x) > 1e-300)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234, "0.1234"), (0.25, "0.2500"), (0.99999, "1.000"), (12.345678, "12.35"),
        (123456.7, "123457"), (0.00012345, "0.0001234"), (1.2345678e-5, "1.235e-05"),
        (1e-12, "1.000e-12"), (1e300, "1.000e+300"), (-1e9, "-1.000e+09"), (-0.5, "-0.5000"),
        (0.0, "0"), (-0.0, "0"), (NAN, "-"), (INF, "infinite"), (-INF, "-infinite"),
    ],
)  # fmt: skip
def test_four_significant_digits_at_every_size(value: float, text: str) -> None:
    assert number(value) == text


def test_signs_digits_and_zeros_that_are_not_wanted() -> None:
    assert [number(x, sign=True) for x in (0.5, -0.5, 0.0, INF)] == [
        "+0.5000", "-0.5000", "+0", "+infinite",
    ]  # fmt: skip
    assert [number(x, zeros=False) for x in (0.25, 100.0, 1.2e-5, 1e300, 10.5, 0.0, 1e6)] == [
        "0.25", "100", "1.2e-05", "1e+300", "10.5", "0", "1e+06",
    ]  # fmt: skip
    assert [number(x, 2) for x in (0.0123, 12.3, 342.8)] == ["0.012", "12", "343"]


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.1234, 0.12, 0.13), "0.1234 [0.120, 0.130]"),  # as ever
        ((4.62e-5, 2.479e-5, 6.761e-5), "4.620e-05 [2.48e-05, 6.76e-05]"),
        ((1.25e-4, 1.148e-4, 1.351e-4), "0.0001250 [0.000115, 0.000135]"),
        ((0.5, 1e-5, 1.2), "0.5000 [1.00e-05, 1.200]"),  # an end that is not 0
        ((0.1, 0.0, 0.2), "0.1000 [0.000, 0.200]"),  # one that is
        ((0.0, 0.0, 0.0), "0 [0, 0]"),
        ((0.0, -0.1, 0.2), "0 [-0.100, 0.200]"),
        ((1e300, 1e299, 2e300), "1.000e+300 [1.00e+299, 2.00e+300]"),
        ((-1e9, -2e9, -1e8), "-1.000e+09 [-2.00e+09, -1.00e+08]"),
        ((123456.7, 1e5, 2e5), "123457 [100000, 200000]"),
        ((0.5, -INF, INF), "0.5000 [-infinite, infinite]"),
        ((NAN, NAN, NAN), "-"),
    ],
)
def test_intervals_say_something_at_every_size(ends: tuple[float, float, float], text: str) -> None:
    assert interval(*ends) == text


@given(value=FINITE, digits=st.integers(1, 6))
def test_what_is_written_is_the_number_to_so_many_digits(value: float, digits: int) -> None:
    assert float(number(value, digits)) == pytest.approx(value, rel=0.51 * 10.0 ** (1 - digits))
    assert float(number(value, digits, zeros=False)) == float(number(value, digits))


@given(centre=FINITE, low=FINITE, high=FINITE)
def test_no_end_of_an_interval_is_lost(centre: float, low: float, high: float) -> None:
    middle, _, ends = interval(centre, low, high).partition(" ")
    shown = [float(part) for part in ends.strip("[]").split(", ")]
    assert float(middle) == pytest.approx(centre, rel=1e-3)
    assert shown == pytest.approx([low, high], rel=0.051)
    assert len(f"{middle} {ends}") <= 37  # a column does not grow with the numbers


@given(value=FINITE.filter(bool), ulps=st.integers(-3, 3))
def test_the_last_bits_decide_nothing(value: float, ulps: int) -> None:
    short = float(f"{value:.7g}")  # as rows give them: often halfway between two of six digits
    other = short
    for _ in range(abs(ulps)):
        other = math.nextafter(other, math.copysign(INF, ulps))
    assert stable(short, 6) == stable(other, 6)
    assert number(short) == number(other)
    assert interval(short, other, short) == interval(other, short, other)


def test_halfway_goes_one_way() -> None:
    mean = (0.1234 + 0.1235) / 2
    assert {number(x) for x in (mean, math.nextafter(mean, 0), math.nextafter(mean, 1))} == {
        number(mean)
    }


def test_arrays_round_as_their_numbers_do() -> None:
    values = np.array([[0.1, NAN, -0.0], [INF, 1 / 3, 1 / 3]])
    got = stables(values, 3)
    np.testing.assert_array_equal(got, [[0.1, NAN, 0.0], [INF, 0.333, 0.333]])
    assert not np.signbit(got[0, 2])


def test_a_distance_of_last_bits_is_none() -> None:
    reference = -10.207914130145
    values = np.array([reference, math.nextafter(reference, 0), reference + 0.25])
    same, alike, further = distance(values, reference)
    assert same == alike == 0
    assert further == pytest.approx(0.25, rel=1e-9)
    np.testing.assert_array_equal(distance(values, 0.0), values)


def test_of_known_size_with_errors_and_none() -> None:
    assert [fixed(x) for x in (0.704, -0.001, NAN, 9.8)] == ["0.70", "0.00", "-", "9.80"]
    assert fixed(0.72, 1, sign=True) == "+0.7"
    assert with_error(0.16512, 0.00519) == "0.1651 +- 0.0052"
    assert with_error(NAN, NAN) == "-"
    assert (none_in(1, 3), none_in(1, 1)) == ("none in 1 of 3 seeds", "none in 1 of 1 seed")


def test_one_of_a_thing_is_no_several() -> None:
    assert [counted(n, "cells") for n in (0, 1, 2, 1000)] == [
        "0 cells", "1 cell", "2 cells", "1,000 cells",
    ]  # fmt: skip
    assert counted(1, "trainings off the ledger") == "1 training off the ledger"
