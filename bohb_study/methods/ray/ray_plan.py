"""The brackets that Ray's HyperBandForBOHB plans; imports no Ray."""

import math

from bohb_study.methods.base import Rung
from bohb_study.tasks import Ladder


def ray_plan(ladder: Ladder) -> list[list[Rung]]:
    """The brackets of one band by Ray's rule: n0 = ceil((k+1)/(s+1) eta^s), then ceil(n / eta).

    (HpBandSter takes floor((k+1)/(s+1)) eta^s and int(n0 eta^-i).) k is the number of steps of
    the ladder; the bracket that halves most is opened first.
    """
    steps = len(ladder.costs) - 1
    band = []
    for s in range(steps, -1, -1):
        trials = math.ceil((steps + 1) / (s + 1) * ladder.eta**s)
        bracket = []
        for level in ladder.costs[steps - s :]:
            bracket.append(Rung(level, trials))
            trials = math.ceil(trials / ladder.eta)
        band.append(bracket)
    return band
