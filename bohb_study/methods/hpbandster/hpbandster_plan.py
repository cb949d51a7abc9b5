"""The brackets that HpBandSter plans; imports no HpBandSter."""

import math

from bohb_study.methods.base import Rung
from bohb_study.tasks import Ladder


def hpbandster_plan(ladder: Ladder) -> list[list[Rung]]:
    """The brackets of one band by HpBandSter's rule, in its own floating-point expressions.

    n0 = floor((k+1)/(s+1)) eta^s, then int(n0 eta^-i), at least 1. (Ray takes the ceiling of
    (k+1)/(s+1) eta^s and of n / eta.) k is the number of steps of the ladder; the bracket that
    halves most is opened first.
    """
    steps = len(ladder.costs) - 1
    band = []
    for s in range(steps, -1, -1):
        n0 = int(math.floor((steps + 1) / (s + 1)) * ladder.eta**s)
        levels = ladder.costs[steps - s :]
        band.append(
            [Rung(level, max(int(n0 * ladder.eta ** (-i)), 1)) for i, level in enumerate(levels)]
        )
    return band
