"""The ledger: what is let in, what is refused, and whether the accounting adds up."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bohb_study.budget import Account, Ledger, units_allowed
from bohb_study.errors import UsageError

STEPS = st.lists(st.integers(1, 50), max_size=60)


class LedgerMachine(RuleBasedStateMachine):
    """A ledger against the plainest possible model of it: the list of steps that were let in."""

    @initialize(allowed=st.integers(1, 200))
    def open(self, allowed: int) -> None:
        self.ledger = Ledger(allowed)
        self.let_in: list[int] = []
        self.first_refused: int | None = None

    @rule(units=st.integers(1, 60))
    def ask(self, units: int) -> None:
        fits = sum(self.let_in) + units <= self.ledger.allowed
        granted = self.ledger.charge(units)
        assert granted == (fits and self.first_refused is None)
        if granted:
            self.let_in.append(units)
        elif self.first_refused is None:
            self.first_refused = units

    @precondition(lambda self: self.first_refused is not None)
    @rule()
    def even_the_smallest_step_is_refused_once_closed(self) -> None:
        assert not self.ledger.charge(1)

    @invariant()
    def counts_what_was_let_in(self) -> None:
        assert self.ledger.charged == sum(self.let_in) <= self.ledger.allowed
        assert self.ledger.granted == len(self.let_in)
        assert self.ledger.closed == (self.first_refused is not None)
        assert self.ledger.refused == self.first_refused

    @invariant()
    def accounting_adds_up_at_every_moment(self) -> None:
        account = self.ledger.account(executed=sum(self.let_in))
        assert account.violations() == []
        assert account.allowed == account.charged + account.unspent
        assert account.ended == ("budget" if self.first_refused is not None else "space")
        if account.refused is not None:
            assert account.unspent < account.refused


TestLedgerMachine = LedgerMachine.TestCase


@given(allowed=st.integers(1, 200))
def test_steps_of_one_unit_leave_nothing_unspent(allowed: int) -> None:
    ledger = Ledger(allowed)
    while ledger.charge(1):
        pass
    assert ledger.account(allowed) == Account(allowed, allowed, allowed, 0, 1, "budget")


@given(allowed=st.integers(1, 200), steps=STEPS)
def test_refused_step_is_not_charged(allowed: int, steps: list[int]) -> None:
    ledger = Ledger(allowed)
    granted = [units for units in steps if ledger.charge(units)]
    assert granted == steps[: len(granted)]
    assert ledger.charged == sum(granted)


@pytest.mark.parametrize("units", [0, -1])
def test_ledger_takes_only_whole_steps(units: int) -> None:
    with pytest.raises(ValueError, match="at least 1 unit"):
        Ledger(units)
    with pytest.raises(ValueError, match="at least 1 unit"):
        Ledger(10).charge(units)


SPENT = Account(allowed=100, charged=95, executed=95, unspent=5, refused=9, ended="budget")
USED_UP = Account(allowed=100, charged=95, executed=95, unspent=5, refused=None, ended="space")


@pytest.mark.parametrize("account", [SPENT, USED_UP])
def test_sound_accounting_has_no_violations(account: Account) -> None:
    assert account.violations() == []


@pytest.mark.parametrize(
    ("damaged", "sentence"),
    [
        (replace(SPENT, unspent=6), "allowed 100 != charged 95 + unspent 6 units"),
        (replace(SPENT, allowed=101), "allowed 101 != charged 95 + unspent 5 units"),
        (
            replace(SPENT, charged=104, executed=104, unspent=-4),
            "charged 104 of 100 allowed units",
        ),
        (replace(SPENT, executed=96), "executed 96 units, but 95 were charged"),
        (replace(USED_UP, executed=94), "executed 94 units, but 95 were charged"),
        (replace(SPENT, refused=5), "5 units unspent although the refused step cost 5"),
        (replace(SPENT, refused=None), "5 units unspent although the refused step cost None"),
    ],
)
def test_each_planted_violation_is_found_alone(damaged: Account, sentence: str) -> None:
    assert damaged.violations() == [sentence]


@pytest.mark.parametrize(
    ("budget", "top", "units"), [(1, 27, 27), (50, 27, 1350), (1.5, 200, 300), (4 / 3, 27, 36)]
)
def test_budget_in_units(budget: float, top: int, units: int) -> None:
    assert units_allowed(budget, top) == units


@given(units=st.integers(1, 10**6), top=st.integers(1, 1000))
def test_every_whole_number_of_units_is_a_budget(units: int, top: int) -> None:
    assert units_allowed((top + units) / top, top) == top + units


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (1e308, "finite"),
        (0, "at least 1 full evaluation"),
        (-3, "at least 1 full evaluation"),
        (0.999, "at least 1 full evaluation"),
        (1.01, "a multiple of 1/27"),
    ],
)
def test_impossible_budgets_are_refused_in_one_line(budget: float, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as refused:
        units_allowed(budget, 27)
    assert str(refused.value).startswith("budget ")
    assert "\n" not in str(refused.value)
