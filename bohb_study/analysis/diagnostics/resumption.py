"""Did trainings go on after a pause, or did they start over?

A training that starts over after each pause is charged for epochs that it does not have. Its rows
give it away: the first report after a pause is, to the last bit, that of its first epochs.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from bohb_study.arrays import Bools, Ints
from bohb_study.schema import CELL


class Resumption(NamedTuple):
    """The trainings of some cells that were paused and went on."""

    resumed: Bools
    """Which of n rows, as given, were reported after a pause of their trial. Shape (n,)."""
    comparable: int
    """Pauses after which the first step was as long as the training's first one of all."""
    repeated: int
    """Of those, after which the training reported the losses of its first step again."""
    fell_back: int
    """Of those, before which it had come to another loss."""

    @property
    def starts_over(self) -> bool:
        """Whether nothing else explains the rows.

        A curve may come back to a loss by chance, or not move; all curves do not, all at once.
        """
        return self.comparable == self.repeated >= 2 and self.fell_back > 0

    @property
    def may_start_over(self) -> bool:
        """The same where something else is known to be wrong."""
        return self.comparable == self.repeated > 0

    def __str__(self) -> str:
        """What the rows show, in one line."""
        return (
            f"after {self.repeated} of {self.comparable} pauses a training reports its first "
            "losses again"
        )


def resumption(rows: pd.DataFrame) -> Resumption:
    """What became of paused trainings.

    Args:
        rows: n rows of any number of cells of one task that can resume, whole cells in any order.
    """
    cell = rows.groupby(list(CELL), sort=False, observed=True).ngroup().to_numpy()
    trial, level = rows["trial"].to_numpy(), rows["level"].to_numpy()
    order = np.lexsort((level, trial, cell))
    cell, trial, level = cell[order], trial[order], level[order]
    val, test = (rows[name].to_numpy(dtype=np.float64)[order] for name in ("val_loss", "test_loss"))
    paused = (rows["decision"] == "pause").to_numpy(dtype=bool)[order]
    n = len(order)
    place = np.arange(n)
    new = np.ones(n, dtype=bool)
    new[1:] = (np.diff(cell) != 0) | (np.diff(trial) != 0)
    first = np.maximum.accumulate(np.where(new, place, 0))
    # pauses before a row, in its own trial
    pauses: Ints = np.cumsum(paused) - paused
    since = pauses - pauses[first]
    after = np.flatnonzero(~new & np.roll(paused, 1))
    step = level[after] - level[after - 1]
    after = after[step == level[first[after]]]
    begin = first[after]
    ok = np.isfinite(val[after]) & np.isfinite(val[begin])
    after, begin = after[ok], begin[ok]
    tests = (test[after] == test[begin]) | (np.isnan(test[after]) & np.isnan(test[begin]))
    same = (val[after] == val[begin]) & tests
    resumed = np.zeros(n, dtype=bool)
    resumed[order] = since > 0
    fell = same & (val[after - 1] != val[begin])
    return Resumption(resumed, len(after), int(same.sum()), int(fell.sum()))
