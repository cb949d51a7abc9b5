"""numpy's legacy random numbers, taken from the Mersenne Twister's words by the block.

``RandomState`` makes one number a call, and to give its state back takes longer than a hundred
numbers. HpBandSter draws up to a thousand for one suggestion, and how many depends on their values.
Here words are read ahead, so that a whole suggestion is read from one block, and only what it used
of it is taken.
"""

import numpy as np
from numpy.typing import NDArray

from bohb_study.arrays import Floats

Words = NDArray[np.uint64]
"""The generator's outputs, 32 bits each."""
_AT_ONCE = 4 * 624
"""Words that are made at once; the generator makes 624 at a time itself."""


class Twister:
    """The stream of ``np.random.RandomState(seed)``: the same numbers, from the same words."""

    def __init__(self, seed: int) -> None:
        """``seed`` is in [0, 2**32)."""
        self._generator = np.random.MT19937()
        np.random.RandomState(self._generator).seed(seed)
        self._ahead: Words = np.empty(0, dtype=np.uint64)
        self.taken = 0
        """Words taken since the beginning: the stream's position."""

    def ahead(self, count: int) -> Words:
        """The next ``count`` words, which are not taken yet; a view, to be read only."""
        missing = count - len(self._ahead)
        if missing > 0:
            more = self._generator.random_raw(max(missing, _AT_ONCE))
            self._ahead = np.concatenate([self._ahead, more])
        return self._ahead[:count]

    def take(self, count: int) -> None:
        """Pass over the next ``count`` words, which ``ahead`` has given."""
        self._ahead = self._ahead[count:]
        self.taken += count

    def random_sample(self) -> float:
        """As ``RandomState.random_sample()``, in [0, 1)."""
        uniform = float(uniforms(self.ahead(2))[0])
        self.take(2)
        return uniform

    def randint(self, below: int) -> int:
        """As ``RandomState.randint(below)``, with ``below`` from 1 to 2**32 - 1."""
        if below == 1:
            return 0
        mask = mask_of(below)
        while True:
            value = int(self.ahead(1)[0]) & mask
            self.take(1)
            if value < below:
                return value


def mask_of(below: int) -> int:
    """The bits that ``randint(below)`` looks at; a word that is too large in them is passed over.

    (``buffered_bounded_masked_uint32`` in numpy/random/src/distributions/distributions.c. For
    ``below`` = 1 no word is taken.)
    """
    return (1 << (below - 1).bit_length()) - 1


def uniforms(words: Words) -> Floats:
    """The double that ``random_sample`` makes of each word and the next: 27 and 26 bits of them.

    (``mt19937_next_double`` in numpy/random/src/mt19937/mt19937.h.)

    Args:
        words: shape (n,).

    Returns:
        Shape (n - 1,).
    """
    high, low = words[:-1] >> np.uint64(5), words[1:] >> np.uint64(6)
    made: Floats = (high * 67108864.0 + low) / 9007199254740992.0
    return made
