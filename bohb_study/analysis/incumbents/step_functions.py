"""A cell's incumbent as a step function: it changes when a report arrives, and holds until then."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bohb_study.arrays import Floats
from bohb_study.numbers import stables

Axis = Literal["full_evals", "virtual_seconds"]
"""What a cell's reports are laid out along: its cost so far, or the modelled time of arrival."""


@dataclass(frozen=True, eq=False)
class StepFunction:
    """Values of shape (n,), each from its place on an axis up to the next."""

    x: Floats
    """Where the function changes, ascending; of equal x the last counts."""
    y: Floats
    """Its value from there on; NaN while there is no incumbent."""

    def at(self, grid: Floats) -> Floats:
        """The value at each place of a grid.

        Args:
            grid: shape (g,).

        Returns:
            Shape (g,): the last y whose x is at or before the grid point; NaN before the first x
            and after the last.
        """
        if not len(self.x):
            return np.full(len(grid), np.nan)
        # side="right" - 1 is the last x <= grid; side="left" would hand out a value not yet seen.
        last = np.searchsorted(self.x, grid, side="right") - 1
        known = (last >= 0) & (grid <= self.x[-1])
        return np.where(known, self.y[np.maximum(last, 0)], np.nan)

    def first_at_or_below(self, levels: Floats) -> Floats:
        """Where the running minimum is first at or below each level.

        Of several reports at one place the last counts, as where the steps are drawn: what workers
        report at the same second is one step, and a value between them held for no time.

        Args:
            levels: of any order, shape (k,); NaN is never reached.

        Returns:
            Shape (k,); infinite where it never is.
        """
        x, y = self._steps()
        return _first(x, np.minimum.accumulate(y), levels)

    def held_at_or_below(self, levels: Floats) -> Floats:
        """From where on the value is at or below each level, and stays so to the end.

        Args:
            levels: of any order, shape (k,); NaN is never reached.

        Returns:
            Shape (k,); infinite where the last value is above. Where values never rise it is
            ``first_at_or_below``.
        """
        x, y = self._steps()
        return _first(x, np.maximum.accumulate(y[::-1])[::-1], levels)

    def _steps(self) -> tuple[Floats, Floats]:
        """Each place once, with what holds from there on; infinite while there is no incumbent."""
        last = np.append(self.x[1:] != self.x[:-1], True)
        return self.x[last], np.where(np.isnan(self.y), np.inf, self.y)[last]


def _first(x: Floats, falling: Floats, levels: Floats) -> Floats:
    """The first x at which values that never rise are at or below each level."""
    # rounded: a target is a mean, whose last bits are not to decide whether it was reached
    # the negative ascends: the first that is not above -level from the left
    at = np.searchsorted(-stables(falling), -stables(levels), side="left")
    return np.append(x, np.inf)[at]
