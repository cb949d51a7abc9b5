"""Where the journal of a cell is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class JournalPlace:
    """Where the journal of a cell is, and what it must be of; picklable."""

    path: Path
    within: Path
    """The study's folder: no link below it is followed."""
    head: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What its reports depend on, as far as the engine does not know it: JSON values."""
    by_step: bool = True
    """Whether each report is recorded by itself, and which step is under way; else once a second
    what was computed until then."""

    @property
    def states(self) -> Path:
        """Where the states of its trials are."""
        return self.path.with_suffix(".states")
