"""Which tasks' methods can be compared: those on which each had spent its budget.

A cell ends when its next step does not fit its budget, or when its method has no configuration
left. What a refused step leaves over is less than that step, the same rule for everyone, and counts
as spent. A method that ends before, as those do that draw from a small finite space without
repetition, has had less than the others: what it might have found with the rest is not known.

A configuration that is suggested again is charged again, whoever suggests it: the ledger counts
what is trained, and that a repetition has nothing new to say, in a finite space without noise, is
for the method to know. So on such a space one method ends when it has seen everything, and another
goes on paying for what it has seen; neither is a comparison at equal spend.
"""

from collections.abc import Collection, Mapping

from bohb_study.budget import Account
from bohb_study.schema import CellKey

ENOUGH = 0.9
"""Share of its budget that a method must have spent on a task to be compared there."""


def spent_shares(accounts: Mapping[CellKey, Account]) -> dict[str, dict[str, float]]:
    """What each method has spent of its budget, over its seeds.

    Args:
        accounts: of each (task, method, seed).

    Returns:
        Task -> method -> share; 1 where every cell ended because a step did not fit.
    """
    sums: dict[str, dict[str, tuple[int, int]]] = {}
    for (task, method, _), account in accounts.items():
        spent = account.allowed if account.ended == "budget" else account.charged
        before = sums.setdefault(task, {}).get(method, (0, 0))
        sums[task][method] = (before[0] + spent, before[1] + account.allowed)
    return {
        task: {method: spent / allowed for method, (spent, allowed) in methods.items()}
        for task, methods in sums.items()
    }


def underspent(shares: Mapping[str, float], without: Collection[str] = ()) -> dict[str, float]:
    """The methods of a task that spent too little, and their shares, in the order given.

    Where there is one the task is not compared: not in ranks, not in counts, not in tests.

    Args:
        shares: method -> share of its budget that it spent.
        without: methods that are compared with none.
    """
    return {m: share for m, share in shares.items() if share < ENOUGH and m not in without}


def in_words(shares: Mapping[str, float]) -> str:
    """``asha 12 %, grid and random 40 %``: methods of equal shares together, the least first."""
    by_share: dict[str, list[str]] = {}
    for method, share in sorted(shares.items(), key=lambda one: (one[1], one[0])):
        by_share.setdefault(f"{100 * share:.0f} %", []).append(method)
    return ", ".join(
        f"{' and '.join([', '.join(names[:-1]), names[-1]] if names[:-1] else names)} {share}"
        for share, names in by_share.items()
    )
