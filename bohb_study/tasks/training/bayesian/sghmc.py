"""Stochastic gradient Hamiltonian Monte Carlo with scale adaptation.

Chen, Fox and Guestrin, "Stochastic Gradient Hamiltonian Monte Carlo", ICML 2014; the adaptation is
that of Springenberg, Klein, Falkner and Hutter, "Bayesian Optimization with Robust Bayesian Neural
Networks", NIPS 2016, sections 4.1 and 4.2.
"""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32] | NDArray[np.float64]


class SGHMC:
    """One chain that samples from exp(-U), given noisy gradients of U.

    With step length e, momentum decay a and V, the mean square of the gradient's components, a step
    is ::

        v <- v - e^2 V^(-1/2) grad U - a v + N(0, 2 e^2 a V^(-1/2) - e^4)
        x <- x + v

    which is the paper's equation (9) with friction C such that e V^(-1/2) C = a, and gradient noise
    estimated by e V / 2. Where the variance would be negative there is no noise.

    While it adapts, each component keeps exponential means of the gradient, g, and of its square,
    V, over a time t that adapts itself (equations 7 and 8): long where the gradient is mostly
    noise. All start at 1, and their rate is 1 / (t + 1) rather than 1 / t, so that the first
    gradient does not replace what is there and no V is ever zero.
    """

    def __init__(
        self,
        position: Vector,
        step_length: float,
        momentum_decay: float,
        rng: np.random.Generator,
    ) -> None:
        """Start at rest.

        Args:
            position: shape (n,), float32 or float64; moved in place.
            step_length: e above.
            momentum_decay: a above, 0 to 1.
            rng: gives the noise.
        """
        self.position = position
        self._step_length = step_length
        self._decay = momentum_decay
        self._rng = rng
        self._momentum = np.zeros_like(position)
        self._mean, self._square, self._time = (np.ones_like(position) for _ in range(3))
        self._one, self._two = np.empty_like(position), np.empty_like(position)
        self._drift, self._noise = np.empty_like(position), np.empty_like(position)
        self._rescale()

    def step(self, gradient: Vector, *, adapt: bool) -> None:
        """Move the position once.

        Args:
            gradient: of U at the position, or an unbiased estimate of it; shape (n,).
            adapt: whether the scale follows this gradient. What is sampled while it does is not
                distributed as exp(-U).
        """
        if adapt:
            self._adapt(gradient)
            self._rescale()
        momentum, change = self._momentum, self._one
        momentum *= 1 - self._decay
        np.multiply(self._drift, gradient, out=change)
        momentum -= change
        self._rng.standard_normal(out=change, dtype=change.dtype)  # type: ignore[arg-type]
        change *= self._noise
        momentum += change
        self.position += momentum

    def _adapt(self, gradient: Vector) -> None:
        """Let the exponential means and their time follow ``gradient``."""
        mean, square, time, one, two = (
            self._mean, self._square, self._time, self._one, self._two,
        )  # fmt: skip
        np.add(time, 1, out=one)
        np.divide(1, one, out=one)  # the rate
        np.multiply(mean, mean, out=two)
        two /= square
        np.subtract(1, two, out=two)
        time *= two
        time += 1  # t <- t - t g^2 / V + 1, by the means before this gradient
        np.subtract(gradient, mean, out=two)
        two *= one
        mean += two
        np.multiply(gradient, gradient, out=two)
        two -= square
        two *= one
        square += two

    def _rescale(self) -> None:
        """What multiplies gradient and noise, by the mean squares so far."""
        squared = self._step_length**2
        np.sqrt(self._square, out=self._drift)
        np.divide(squared, self._drift, out=self._drift)
        np.multiply(self._drift, 2 * self._decay, out=self._noise)
        self._noise -= squared**2
        np.maximum(self._noise, 0, out=self._noise)
        np.sqrt(self._noise, out=self._noise)
