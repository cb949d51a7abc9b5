"""Losses on one scale for all tasks: 0 is the best known, 1 the median random configuration."""

from dataclasses import dataclass

import numpy as np

from bohb_study.arrays import Floats


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


def normalised(losses: Floats, reference: Reference) -> Floats:
    """``losses`` of any shape with 0 at the reference's best and 1 at its median.

    Undefined losses (NaN) count as 1: a method without any result is as good as a random draw.
    """
    scaled = (losses - reference.best) / (reference.median - reference.best)
    return np.where(np.isnan(losses), 1.0, scaled)
