"""The ledger of a cell as a Ray actor, which keeps the cell's journal as well.

In a module of its own because its process imports what the module imports, and most of the time all
it needs is to count.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import ray

from bohb_study.budget import Ledger

if TYPE_CHECKING:
    from bohb_study.engines.journal import Journal, Step
    from bohb_study.engines.journal_place import JournalPlace
    from bohb_study.tasks import Report


class Paid(NamedTuple):
    """What becomes of a step."""

    granted: bool
    """Whether the ledger lets it in."""
    known: "Report | None" = None
    """Its report, where the journal has it: it need not be trained."""
    limited: bool = False
    """Whether that step was ended from outside."""


class JournalFacts(NamedTuple):
    """What is to be said of a journal once its cell has ended."""

    resumed: int
    given: int
    limited: int
    repeated: int
    before: float
    broken: str


class LedgerHost:
    """The one ledger of a cell, asked by trainables wherever they run."""

    def __init__(self, allowed: int) -> None:
        """Open a ledger over ``allowed`` units."""
        self._ledger = Ledger(allowed)
        self._journal: Journal | None = None
        self._step: Step | None = None
        self._repeated = 0

    def keep(self, place: "JournalPlace", depends_on: Mapping[str, Any]) -> None:
        """Keep the journal of the cell, which takes its steps one after the other.

        Args:
            place: where it is.
            depends_on: what its reports depend on.

        Raises:
            StudyError: it is of something else.
        """
        from bohb_study.engines.journal import Journal

        self._journal = Journal(place, depends_on)

    def charge(self, units: int, config: str = "", level: int = 0) -> Paid:
        """Charge a step to the ledger, as ``Ledger.charge`` does.

        Args:
            units: that it costs.
            config: ``config_id`` of its configuration.
            level: that it reaches.

        Raises:
            StudyError: the journal has another step here.
        """
        granted = self._ledger.charge(units)
        if self._journal is None or not granted:
            return Paid(granted)
        from bohb_study.engines.journal import Step

        if self._journal.replays:
            entry = self._journal.next()
            self._journal.check(entry, Step("", config, level, units))
            return Paid(granted, entry.report, entry.limited)
        self._step = Step(config, config, level, units)
        self._journal.add_step(self._step)
        return Paid(granted)

    def record(self, report: "Report", repeated: int) -> None:
        """Record the report of the step that was charged last.

        Args:
            report: what it gave.
            repeated: units that were trained again before it.
        """
        assert self._journal is not None
        assert self._step is not None
        self._repeated += repeated
        self._journal.add_report(self._step, report)

    def ledger(self) -> Ledger:
        """The ledger as it stands."""
        return self._ledger

    def journal(self) -> JournalFacts | None:
        """What is to be said of the journal; None where there is none."""
        one = self._journal
        if one is None:
            return None
        return JournalFacts(
            one.resumed, one.given, len(one.limited), self._repeated, one.before, one.broken
        )


LedgerActor: Any = ray.remote(num_cpus=0)(LedgerHost)
