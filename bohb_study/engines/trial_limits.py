"""What a step of a trial may take."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bohb_study import interrupts

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class TrialLimits:
    """What a step of a trial may take; None: whatever it takes."""

    seconds: float | None = None
    gigabytes: float | None = None
    """Resident memory of the process that trains, and of those that it has started."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self.seconds is not None or self.gigabytes is not None


def exceeded(limits: TrialLimits, seconds: float, steps: int, process: int | None) -> str:
    """Which limit is exceeded, in a few words; empty where none is.

    Args:
        limits: of the trial.
        seconds: since it was given what it trains.
        steps: how many steps that takes: more than one where a trial is trained again.
        process: in which it trains; None where that is not on this machine, so that nobody can say
            what memory it has.
    """
    if limits.seconds is not None and seconds > limits.seconds * steps:
        return f"took longer than trial_timeout={limits.seconds:g} s"
    if limits.gigabytes is not None and process is not None:
        taken = resident(process) / 1e9
        if taken > limits.gigabytes:
            return f"took {taken:.2g} GB, more than trial_memory={limits.gigabytes:g}"
    return ""


def resident(process: int) -> int:
    """Bytes of memory that a process and its descendants have."""
    total = 0
    for one in (process, *interrupts.descendants(process)):
        with suppress(OSError, ValueError, IndexError):
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE
    return total
