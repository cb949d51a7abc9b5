"""Losses as a person knows them: a score of which more is better is stored negated.

Methods minimise, so that a task whose metric is to be maximised stores it with a minus, in its
losses and in the metric's name. What is shown has its own sign and its own name again. Validation
and test are each of their own kind.
"""

from dataclasses import dataclass
from typing import Any

from bohb_study.arrays import Floats
from bohb_study.numbers import interval

NEGATED = "-"
"""How the name of a metric begins that is stored negated."""


@dataclass(frozen=True)
class Score:
    """A metric as it is shown."""

    name: str
    """Without the mark of what is negated."""
    negated: bool = False
    """Whether losses hold it negated: more is better."""

    @classmethod
    def of(cls, metric: str) -> "Score":
        """The score behind the name of a task's metric, such as ``-accuracy``."""
        return cls(metric.removeprefix(NEGATED), metric.startswith(NEGATED))

    @property
    def better(self) -> str:
        """Which way it is better, in words."""
        return "higher is better" if self.negated else "lower is better"

    @property
    def best(self) -> str:
        """What the best of several is called."""
        return "highest" if self.negated else "lowest"

    def shown(self, loss: float) -> float:
        """A loss with the score's own sign."""
        return 0.0 - loss if self.negated else loss

    def all_shown(self, losses: Floats) -> Floats:
        """Losses of any shape with the score's own sign."""
        return 0.0 - losses if self.negated else losses

    def ends(self, low: Any, high: Any) -> tuple[Any, Any]:
        """The ends of an interval of losses, or of several, with the score's own sign."""
        return (0.0 - high, 0.0 - low) if self.negated else (low, high)

    def interval(self, centre: float, low: float, high: float) -> str:
        """An interval of losses in words, with the score's own sign."""
        return interval(self.shown(centre), *self.ends(low, high))

    def __str__(self) -> str:
        """The name, and where more is better that it is so."""
        return f"{self.name} ({self.better})" if self.negated else self.name
