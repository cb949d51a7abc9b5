"""Adam and stochastic gradient descent on one array of parameters, in place."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Optimiser(Protocol):
    """Takes steps, and has a state that it can go on from."""

    def step(self, parameters: Array, gradient: Array, rate: float) -> None:
        """Move ``parameters`` against ``gradient``, which may be overwritten."""

    def state(self) -> dict[str, Array | int]:
        """What the steps so far have left; not a copy."""

    def restore(self, state: dict[str, Array | int]) -> None:
        """Go on from a state."""


class Adam:
    """Kingma and Ba (arXiv 1412.6980), with their constants."""

    FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, parameters: int) -> None:
        """Moments are 0 at first.

        Args:
            parameters: how many there are.
        """
        self._mean = np.zeros(parameters, dtype=np.float32)
        self._square = np.zeros_like(self._mean)
        self._scratch = np.zeros_like(self._mean)
        self._steps = 0

    def step(self, parameters: Array, gradient: Array, rate: float) -> None:
        """One step, with both moments corrected for their start at 0."""
        self._steps += 1
        mean, square, scratch = self._mean, self._square, self._scratch
        np.subtract(gradient, mean, out=scratch)
        scratch *= np.float32(1 - self.FIRST)
        mean += scratch
        np.multiply(gradient, gradient, out=scratch)
        scratch -= square
        scratch *= np.float32(1 - self.SECOND)
        square += scratch
        np.multiply(square, np.float32(1 / (1 - self.SECOND**self._steps)), out=scratch)
        np.sqrt(scratch, out=scratch)
        scratch += np.float32(self.EPSILON)
        np.divide(mean, scratch, out=scratch)
        scratch *= np.float32(rate / (1 - self.FIRST**self._steps))
        parameters -= scratch

    def state(self) -> dict[str, Array | int]:
        """Both moments, and how many steps were taken."""
        return {"mean": self._mean, "square": self._square, "steps": self._steps}

    def restore(self, state: dict[str, Array | int]) -> None:
        """Go on from a state."""
        self._mean[:] = state["mean"]
        self._square[:] = state["square"]
        self._steps = int(state["steps"])


class SGD:
    """Stochastic gradient descent with momentum (as PyTorch has it) and L2 regularisation."""

    def __init__(self, parameters: int, momentum: float, l2: float, penalised: int) -> None:
        """Velocities are 0 at first.

        Args:
            parameters: how many there are.
            momentum: share of a velocity that a step keeps; below 1.
            l2: factor of half the sum of squares, which is added to the loss.
            penalised: how many parameters, from the first, are in that sum.
        """
        self._velocity = np.zeros(parameters, dtype=np.float32)
        self._momentum = np.float32(momentum)
        self._l2 = np.float32(l2)
        self._penalised = penalised

    def step(self, parameters: Array, gradient: Array, rate: float) -> None:
        """One step."""
        first = slice(self._penalised)
        gradient[first] += self._l2 * parameters[first]
        self._velocity *= self._momentum
        self._velocity += gradient
        parameters -= np.float32(rate) * self._velocity

    def state(self) -> dict[str, Array | int]:
        """The velocities."""
        return {"velocity": self._velocity}

    def restore(self, state: dict[str, Array | int]) -> None:
        """Go on from a state."""
        self._velocity[:] = state["velocity"]
