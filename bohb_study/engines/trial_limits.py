"""What a step of a trial may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrialLimits:
    """What a step of a trial may take; None: whatever it takes."""

    seconds: float | None = None
    gigabytes: float | None = None
    """Resident memory of the process that trains, and of those that it has started."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self.seconds is not None or self.gigabytes is not None
