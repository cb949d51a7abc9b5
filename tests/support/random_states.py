"""States of numpy's legacy generator, to compare positions in its stream."""

from typing import Any

import numpy as np


def state_after(seed: int, words: int) -> Any:
    """The state of ``RandomState(seed)`` after so many words."""
    rng = np.random.RandomState(seed)
    if words:  # asked for no bytes, it takes a word all the same
        rng.bytes(4 * words)
    return rng.get_state()
