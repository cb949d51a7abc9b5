"""Candidates around the good observations of BOHB's model, with HpBandSter's draws."""

from typing import Any, NamedTuple

import numpy as np
import scipy.special as sc
from numpy.typing import NDArray

from bohb_study.arrays import Floats
from bohb_study.methods.hpbandster.twister import Twister, mask_of, uniforms


class Drawn(NamedTuple):
    """Candidates, and how many of the stream's words they need."""

    points: Floats
    """Values in the unit cube or category indices, shape (m, d)."""
    ends: list[int]
    """Of how many words the first i of them are made, for i = 0, ..., m."""


class _Read(NamedTuple):
    """What the words say, before anything is computed of it."""

    rows: list[int]
    """The good observation that each candidate is near."""
    begins: list[int]
    """Where the words for a candidate's hyperparameters begin, two for each."""
    redrawn: list[tuple[int, int, int, int]]
    """Categories that are not the observation's: candidate, column, category, and how many words
    it took, by which all that follows in this candidate is further on."""
    ends: list[int]


class CandidateSampler:
    """Draws points near the good observations of one model.

    The numbers are drawn in HpBandSter's order, since how many there are depends on their values;
    what is costly, the truncated normals, is computed for all candidates at once.
    """

    def __init__(
        self,
        good: Any,
        choices: NDArray[np.int_],
        min_bandwidth: float,
        bandwidth_factor: float,
    ) -> None:
        """Prepare what all draws from a model share.

        Args:
            good: the density of the good observations: ``data`` of shape (n, d), ``bw`` of (d,).
            choices: of each hyperparameter, 0 for a continuous or integer one, shape (d,).
            min_bandwidth: least bandwidth.
            bandwidth_factor: widens the continuous bandwidths.
        """
        widths = np.maximum(good.bw, min_bandwidth)
        self.good = good
        self._categories = [
            (column, stay, levels, mask_of(levels))
            for column, (stay, levels) in enumerate(
                zip((1 - widths).tolist(), choices.tolist(), strict=True)
            )
            if levels
        ]
        self._real = np.flatnonzero(choices == 0)
        self._normals = TruncatedNormals(
            good.data[:, self._real], bandwidth_factor * widths[self._real]
        )

    def draw(self, twister: Twister, count: int) -> Drawn:
        """The next ``count`` candidates of the stream, of which no word is taken."""
        # an observation takes 2 words on average at most, and so does a category that is drawn
        block = count * (2 + 2 * self.good.data.shape[1] + 2 * len(self._categories))
        while True:
            words = twister.ahead(block)
            try:
                read = self._read(words, count)
                break
            except IndexError:
                # it happens to be too short: it is read again from its beginning, with more words
                block = 2 * len(words)
        points: Floats = self.good.data[read.rows]
        begins = np.array(read.begins)[:, np.newaxis] + 2 * np.arange(points.shape[1])
        for candidate, column, category, taken in read.redrawn:
            points[candidate, column] = category
            begins[candidate, column + 1 :] += taken
        if len(self._real):
            variates = uniforms(words)[begins[:, self._real]]
            points[:, self._real] = self._normals.ppf(variates, read.rows)
        return Drawn(points, read.ends)

    def _read(self, words: NDArray[np.uint64], count: int) -> _Read:
        """Read ``count`` candidates from the beginning of ``words``.

        Raises:
            IndexError: there are more words in them.
        """
        observed, columns = self.good.data.shape
        mask = mask_of(observed)
        word = words.tolist()
        uniform = uniforms(words).tolist() if self._categories else []
        read = _Read([], [], [], [0])
        at = 0
        for candidate in range(count):
            row, at = _randint(word, at, observed, mask)
            read.rows.append(row)
            read.begins.append(at)
            for column, stay, levels, bits in self._categories:
                begin = at + 2 * column
                if uniform[begin] < stay:
                    continue
                category, end = _randint(word, begin + 2, levels, bits)
                taken = end - begin - 2
                read.redrawn.append((candidate, column, category, taken))
                at += taken
            at += 2 * columns
            read.ends.append(at)
        if at > len(word):
            raise IndexError(at)
        return read


def _randint(word: list[int], at: int, below: int, mask: int) -> tuple[int, int]:
    """``Twister.randint(below)`` of the words from ``at`` on, and where the next number begins."""
    if below == 1:
        return 0, at
    while (value := word[at] & mask) >= below:
        at += 1
    return value, at + 1


class TruncatedNormals:
    """Normal distributions on the unit interval: ``scipy.stats.truncnorm``, bit for bit.

    What depends on the distributions alone is computed once, and ``ppf`` is without the checks
    around it. Source: scipy 1.17, ``truncnorm_gen._ppf`` and ``_log_gauss_mass`` in
    stats/_continuous_distns.py.
    """

    def __init__(self, means: Floats, widths: Floats) -> None:
        """Set up the distributions.

        Args:
            means: of the normal distributions before truncation, in [0, 1], shape (n, k).
            widths: their standard deviations, positive, shape (k,).
        """
        low, high = -means / widths, (1 - means) / widths
        self._means, self._widths = means, widths
        self._left = low < 0
        """From which tail is computed; from the right one where the mean is 0."""
        self._sign = np.where(self._left, 1.0, -1.0)
        self._tail = sc.log_ndtr(np.where(self._left, low, -high))
        # where the mean is 1 nothing lies above it, and scipy takes a difference of two tails
        at_end = high <= 0
        with np.errstate(divide="ignore"):
            self._mass = sc.log1p(-sc.ndtr(low) - sc.ndtr(-high))
            if at_end.any():
                tails = [sc.log_ndtr(high[at_end]), sc.log_ndtr(low[at_end]) + np.pi * 1j]
                self._mass[at_end] = np.real(sc.logsumexp(tails, axis=0))

    def ppf(self, variates: Floats, rows: Any) -> Floats:
        """What ``truncnorm.rvs`` makes of uniform variates.

        Args:
            variates: in (0, 1), shape (m, k). (At exactly 0, one draw in 2**53, scipy's two ways
                need not agree.)
            rows: which of the n distributions each row is drawn from, shape (m,).

        Returns:
            ``rvs(-mean/width, (1-mean)/width, loc=mean, scale=width)``, bit for bit, shape (m, k).
        """
        with np.errstate(divide="ignore"):
            of_tail = np.where(self._left[rows], np.log(variates), np.log1p(-variates))
        values = sc.ndtri_exp(_log_sum(self._tail[rows], of_tail + self._mass[rows]))
        drawn: Floats = self._sign[rows] * values * self._widths + self._means[rows]
        return drawn


def _log_sum(one: Floats, other: Floats) -> Floats:
    """log(exp(one) + exp(other)): ``scipy.special.logsumexp`` of two, bit for bit."""
    high = np.maximum(one, other)
    with np.errstate(all="ignore"):
        rest = np.exp(np.minimum(one, other) - high)
        # of two equal ones scipy takes both out of the sum, and adds the logarithm of 2
        total: Floats = np.where(one == other, np.log(2.0) + high, np.log1p(rest) + high)
    if not np.isfinite(total).all():
        total = sc.logsumexp([one, other], axis=0)
    return total
