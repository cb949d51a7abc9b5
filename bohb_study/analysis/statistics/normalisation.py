"""Losses on one scale for all tasks: 0 is the best known, 1 the median random configuration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """What the losses of a task are normalised with; stored, so that no method moves it."""

    best: float
    """Loss that becomes 0: the optimum where known, else the best of the random evaluations."""
    median: float
    """Loss that becomes 1: of the median random configuration at full fidelity."""
    source: str
    """One sentence: where the two come from."""
    count: int
    """Random configurations behind the median."""
