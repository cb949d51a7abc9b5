"""A regression network with two tanh layers, its prior, and the gradient of its posterior.

Written out in numpy, for at these sizes an automatic gradient takes longer than the arithmetic.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LOG_VARIANCE, LOG_VARIANCE_SD = -2.0, 1.0
"""Prior of the logarithm of the noise's variance, normal; the targets have variance 1."""


class Weights(NamedTuple):
    """Views of one vector: three layers' weights and biases, and the noise's log variance."""

    w1: Array
    b1: Array
    w2: Array
    b2: Array
    w3: Array
    b3: Array
    log_variance: Array
    """Shape (1,)."""


class Network:
    """f(x) = w3 tanh(w2 tanh(w1 x + b1) + b2) + b3, and y ~ N(f(x), exp(log_variance)).

    Prior: biases N(0, 1), weights N(0, 1 / inputs of their layer), so that what the prior says of f
    does not depend on the number of units.
    """

    def __init__(self, inputs: int, units: tuple[int, int]) -> None:
        """A network of ``units`` in two layers over ``inputs`` features."""
        first, second = units
        self._shapes = ((inputs, first), (first,), (first, second), (second,), (second, 1), (1,))
        self.size = sum(map(math.prod, self._shapes)) + 1
        """Parameters, the noise's among them."""
        self._precision = np.ones(self.size, dtype=np.float32)
        parts = self.parts(self._precision)
        for matrix in (parts.w1, parts.w2, parts.w3):
            matrix[:] = len(matrix)
        parts.log_variance[:] = LOG_VARIANCE_SD**-2
        self._prior_term = np.empty_like(self._precision)

    def parts(self, vector: Array) -> Weights:
        """Views of a vector of ``size`` parameters, or of their gradient."""
        views, start = [], 0
        for shape in (*self._shapes, (1,)):
            end = start + math.prod(shape)
            views.append(vector[start:end].reshape(shape))
            start = end
        return Weights(*views)

    def drawn(self, rng: np.random.Generator) -> Array:
        """Parameters from the prior, but for the noise, which is at its prior's mean."""
        found: Array = rng.standard_normal(self.size, dtype=np.float32)
        found /= np.sqrt(self._precision)
        self.parts(found).log_variance[:] = LOG_VARIANCE
        return found

    def predict(self, weights: Weights, x: Array) -> Array:
        """The network at ``x`` of shape (n, inputs); shape (n,)."""
        first = np.tanh(x @ weights.w1 + weights.b1)
        second = np.tanh(first @ weights.w2 + weights.b2)
        found: Array = (second @ weights.w3 + weights.b3)[:, 0]
        return found

    def gradient(
        self, vector: Array, weights: Weights, x: Array, y: Array, scale: float, out: Array
    ) -> None:
        """The gradient of the negative log posterior, estimated on a batch.

        Args:
            vector: parameters, shape (size,).
            weights: their parts.
            x: shape (batch, inputs).
            y: shape (batch,).
            scale: examples in all, over those in the batch.
            out: shape (size,); written to.
        """
        grad = self.parts(out)
        first: Array = x @ weights.w1
        first += weights.b1
        np.tanh(first, out=first)
        second: Array = first @ weights.w2
        second += weights.b2
        np.tanh(second, out=second)
        error = second @ weights.w3
        error += weights.b3
        error -= y[:, None]
        log_variance = float(weights.log_variance[0])
        precision = math.exp(-log_variance) if log_variance > -80 else math.inf
        squares = float(np.vdot(error, error)) * precision
        grad.log_variance[:] = scale * 0.5 * (len(y) - squares) - (
            LOG_VARIANCE / LOG_VARIANCE_SD**2
        )
        error *= scale * precision
        np.matmul(second.T, error, out=grad.w3)
        grad.b3[:] = error.sum()
        back = error @ weights.w3.T
        back *= _slope(second)
        np.matmul(first.T, back, out=grad.w2)
        np.sum(back, axis=0, out=grad.b2)
        back = back @ weights.w2.T
        back *= _slope(first)
        np.matmul(x.T, back, out=grad.w1)
        np.sum(back, axis=0, out=grad.b1)
        np.multiply(self._precision, vector, out=self._prior_term)
        out += self._prior_term


def _slope(activation: Array) -> Array:
    """The derivative of tanh where it is ``activation``, in whose place it is put."""
    np.multiply(activation, activation, out=activation)
    return np.subtract(1, activation, out=activation)
