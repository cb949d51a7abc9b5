"""Types of numpy arrays, each defined once; a docstring says the shape."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
"""Positions in another array; -1 where there is none."""
