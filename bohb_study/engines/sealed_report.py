"""A report of which a method can see what it may see, and nothing else.

Searchers and schedulers are told the validation loss and whether there is one. A test loss that
reached them would be chosen by, and nothing in the rows would say so. So engines never hold a whole
report: from the training to the recorder it is sealed, and whoever decides, the trial and the
result that methods are given included, has ``SealedReport``, a type without a test loss. Only what
stores reports opens them; a test names those modules.
"""

from collections.abc import Iterable

from bohb_study.tasks import Report
from bohb_study.tasks.base import Status


class SealedReport:
    """A report on its way to the recorder; picklable."""

    __slots__ = ("_sealed",)

    def __init__(self, report: Report) -> None:
        """Seal ``report``."""
        self._sealed = report

    @property
    def val_loss(self) -> float:
        """As ``Report.val_loss``."""
        return self._sealed.val_loss

    @property
    def status(self) -> Status:
        """As ``Report.status``."""
        return self._sealed.status


def opened(sealed: SealedReport) -> Report:
    """The whole report, for those who store it."""
    return sealed._sealed


def opened_all(sealed: Iterable[SealedReport]) -> list[Report]:
    """The same of many, at a fraction of the time."""
    return [one._sealed for one in sealed]
