"""Who had spent its budget, and which tasks are compared."""

import pytest

from bohb_study.analysis.comparisons.spending import in_words, spent_shares, underspent
from bohb_study.budget import Account, Ended


def account(charged: int, ended: Ended = "space", allowed: int = 100) -> Account:
    return Account(allowed, charged, charged, allowed - charged, 50, ended)


def test_shares_are_of_all_seeds_together() -> None:
    found = spent_shares(
        {
            ("one", "asha", 0): account(10),
            ("one", "asha", 1): account(30),
            ("two", "asha", 0): account(100, "budget"),
            ("two", "grid", 0): account(90, allowed=200),
        }
    )
    assert found == {"one": {"asha": 0.2}, "two": {"asha": 1.0, "grid": 0.45}}


def test_what_a_refused_step_left_over_counts_as_spent() -> None:
    assert spent_shares({("one", "bohb", 0): account(60, "budget")}) == {"one": {"bohb": 1.0}}


def test_under_nine_tenths_a_method_is_named() -> None:
    shares = {"bohb": 1.0, "random": 0.9, "asha": 0.899, "random-2x": 0.5}
    assert underspent(shares) == {"asha": 0.899, "random-2x": 0.5}
    assert underspent(shares, ["random-2x"]) == {"asha": 0.899}
    assert underspent({"bohb": 1.0}) == {}


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"grid": 0.4, "asha": 0.118, "random": 0.4}, "asha 12 %, grid and random 40 %"),
        ({"a": 0.5, "b": 0.5, "c": 0.5}, "a, b and c 50 %"),
        ({}, ""),
    ],
)
def test_methods_of_equal_shares_stand_together(shares: dict[str, float], words: str) -> None:
    assert in_words(shares) == words
