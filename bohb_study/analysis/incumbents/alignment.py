"""Step functions of several cells on one grid, so that they can be aggregated.

Between reports the previous value holds; before the first report and after the cell's last one
there is no value, and none is made up.
"""

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from bohb_study.analysis.incumbents.step_functions import Axis, StepFunction


def align(steps: Mapping[Hashable, StepFunction], axis: Axis = "full_evals") -> pd.DataFrame:
    """The step functions of several cells on the union of their places on the axis.

    Args:
        steps: per cell (any key, usually the seed) its incumbents, from ``IncumbentTrace.steps``.
        axis: what they run along; the name of the index.

    Returns:
        g rows, indexed by ``axis`` (ascending, each once), and one column of values a cell.
    """
    grid = np.unique(np.concatenate([np.empty(0), *(own.x for own in steps.values())]))
    return pd.DataFrame(
        {key: own.at(grid) for key, own in steps.items()}, index=pd.Index(grid, name=axis)
    )
