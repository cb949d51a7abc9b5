"""The ledger of a cell as a Ray actor.

In a module of its own because its process imports what the module imports, and all it needs is to
count.
"""

from typing import Any

import ray

from bohb_study.budget import Ledger


class LedgerHost:
    """The one ledger of a cell, asked by trainables wherever they run."""

    def __init__(self, allowed: int) -> None:
        """Open a ledger over ``allowed`` units."""
        self._ledger = Ledger(allowed)

    def charge(self, units: int) -> bool:
        """Charge a step to the ledger, as ``Ledger.charge`` does."""
        return self._ledger.charge(units)

    def ledger(self) -> Ledger:
        """The ledger as it stands."""
        return self._ledger


LedgerActor: Any = ray.remote(num_cpus=0)(LedgerHost)
