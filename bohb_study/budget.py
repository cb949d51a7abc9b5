"""The ledger: what a cell may still spend.

A step is charged when it starts, never when it ends, so a budget cannot be overdrawn by steps
that are in flight. The first step that does not fit is refused and closes the ledger for good:
were a cheaper step let in afterwards, what a method gets would depend on what it happens to ask
for next.
"""

import math
from dataclasses import dataclass
from typing import Literal

from bohb_study.errors import UsageError

Ended = Literal["budget", "space"]


def exact(number: float) -> str:
    """A number as people write it, with every digit that distinguishes it from its neighbours."""
    short = f"{number:.15g}"
    return short if float(short) == number or math.isnan(number) else repr(number)


def units_allowed(budget: float, top_cost: int) -> int:
    """Units of fidelity that ``budget`` full evaluations of ``top_cost`` units each allow.

    Raises:
        UsageError: the budget is not a number, is below one full evaluation, or is not a whole
            number of units.
    """
    given = exact(budget)
    if not math.isfinite(budget * top_cost):
        raise UsageError(
            f"{given}: must be a finite number of full evaluations, at least 1", parameter="budget"
        )
    if budget < 1:
        raise UsageError(
            f"{given}: must be at least 1 full evaluation (= {top_cost} units)", parameter="budget"
        )
    units = round(budget * top_cost)
    if abs(budget * top_cost - units) > 1e-9 * units:
        raise UsageError(
            f"{given}: {given} x {top_cost} = {exact(budget * top_cost)} units; "
            f"the budget must be a whole number of units (a multiple of 1/{top_cost})",
            parameter="budget",
        )
    return units


@dataclass(frozen=True)
class Account:
    """What became of a cell's budget, in units; stored with the cell."""

    allowed: int
    """Units that the budget allows."""
    charged: int
    """Units of all steps that were let in."""
    executed: int
    """Units that the evaluations themselves counted while running."""
    unspent: int
    """Units that were left over."""
    refused: int | None
    """Units of the step that did not fit; None where no step was refused."""
    ended: Ended
    """Why the cell ended: its budget or its search space was used up."""

    def violations(self) -> list[str]:
        """Every equation of the ledger that does not hold, a sentence each; empty when all hold."""
        broken = []
        if self.allowed != self.charged + self.unspent:
            broken.append(
                f"allowed {self.allowed} != charged {self.charged} + unspent {self.unspent} units"
            )
        if self.charged > self.allowed:
            broken.append(f"charged {self.charged} of {self.allowed} allowed units")
        if self.executed != self.charged:
            broken.append(f"executed {self.executed} units, but {self.charged} were charged")
        if self.ended == "budget" and (self.refused is None or self.unspent >= self.refused):
            broken.append(
                f"{self.unspent} units unspent although the refused step cost {self.refused}"
            )
        return broken


class Ledger:
    """Counts what a cell spends; the only place that says whether a step may start."""

    def __init__(self, allowed: int) -> None:
        """Open a ledger over ``allowed`` units (at least 1)."""
        if allowed < 1:
            raise ValueError(f"a ledger needs at least 1 unit, not {allowed}")
        self.allowed = allowed
        self.charged = 0
        self.granted = 0
        self.refused: int | None = None
        self.closed = False
        """True once a step has been refused; nothing is let in after that."""

    def charge(self, units: int) -> bool:
        """Ask to start a step of ``units`` units (at least 1); True when it may start."""
        if units < 1:
            raise ValueError(f"a step costs at least 1 unit, not {units}")
        if self.closed:
            return False
        if self.charged + units > self.allowed:
            self.refused, self.closed = units, True
            return False
        self.charged += units
        self.granted += 1
        return True

    def account(self, executed: int) -> Account:
        """Close the account: ``executed`` is the sum of units that the evaluations counted."""
        return Account(
            allowed=self.allowed,
            charged=self.charged,
            executed=executed,
            unspent=self.allowed - self.charged,
            refused=self.refused,
            ended="budget" if self.closed else "space",
        )
