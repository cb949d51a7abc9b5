"""Fully connected networks with their gradients, written out in numpy.

On tables, layers are so small and batches so many that most of a step is the fixed cost of calls:
a step takes a third of what it takes through autograd.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bohb_study.arrays import Ints

Array = NDArray[np.float32]


class Network:
    """Hidden layers with rectifiers, and a softmax; without hidden layers, logistic regression.

    All parameters lie in one array, and their gradients in another, so that an optimiser takes one
    step for all: the weights of all layers first, then the biases.
    """

    def __init__(self, widths: Sequence[int], rng: np.random.Generator) -> None:
        """Weights from N(0, 2 / inputs) (He et al., arXiv 1502.01852), biases 0.

        Without hidden layers the loss is convex, and all starts at 0.

        Args:
            widths: of the layers: features, units of each hidden layer, classes.
            rng: draws the weights.
        """
        shapes = list(pairwise(widths))
        self.weights = sum(inputs * units for inputs, units in shapes)
        """How many of the parameters are weights."""
        self.parameters: Array = np.zeros(self.weights + sum(widths[1:]), dtype=np.float32)
        self.gradient: Array = np.zeros_like(self.parameters)
        self._layers = _views(self.parameters, shapes)
        self._gradients = _views(self.gradient, shapes)
        for weights, _ in self._layers if len(shapes) > 1 else ():
            drawn = rng.standard_normal(weights.shape, dtype=np.float32)
            weights[...] = drawn * np.float32(np.sqrt(2 / len(weights)))

    def logits(self, features: Array) -> Array:
        """Of rows of shape (n, d): shape (n, classes)."""
        values = features
        for weights, biases in self._layers[:-1]:
            values = values @ weights
            values += biases
            np.maximum(values, 0, out=values)
        weights, biases = self._layers[-1]
        logits: Array = values @ weights
        logits += biases
        return logits

    def backward(
        self, features: Array, labels: Ints, dropout: float, rng: np.random.Generator
    ) -> float:
        """Put the gradient of the mean cross-entropy into ``gradient``.

        Args:
            features: of a batch, shape (n, d).
            labels: shape (n,).
            dropout: share of each hidden layer's activations that is set to zero; below 1.
            rng: draws which.

        Returns:
            The mean cross-entropy.
        """
        inputs, slopes = [features], []
        for weights, biases in self._layers[:-1]:
            values = inputs[-1] @ weights
            values += biases
            slope = values > 0
            if dropout:
                slope &= rng.random(values.shape, dtype=np.float32) >= dropout
            scaled = slope * np.float32(1 / (1 - dropout))
            values *= scaled
            inputs.append(values)
            slopes.append(scaled)
        weights, biases = self._layers[-1]
        logits = inputs[-1] @ weights
        logits += biases
        loss = cross_entropies(logits, labels)
        errors = logits  # in place: probabilities, less 1 at the label
        errors[np.arange(len(labels)), labels] -= 1
        errors /= np.float32(len(labels))
        for layer in range(len(inputs) - 1, -1, -1):
            np.matmul(inputs[layer].T, errors, out=self._gradients[layer][0])
            np.sum(errors, axis=0, out=self._gradients[layer][1])
            if layer:
                errors = errors @ self._layers[layer][0].T
                errors *= slopes[layer - 1]
        return float(loss.mean())


def cross_entropies(logits: Array, labels: Ints) -> Array:
    """Of each row, shape (n,); in ``logits``, shape (n, classes), are then its probabilities."""
    logits -= logits.max(axis=1, keepdims=True)
    at_label = logits[np.arange(len(labels)), labels]
    np.exp(logits, out=logits)
    total = logits.sum(axis=1, keepdims=True)
    logits /= total
    entropies: Array = np.log(total[:, 0]) - at_label
    return entropies


def _views(flat: Array, shapes: Sequence[tuple[int, int]]) -> list[tuple[Array, Array]]:
    """Weights and biases of each layer as views of one array."""
    sizes = [inputs * units for inputs, units in shapes] + [units for _, units in shapes]
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    weights = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=False)]
    return list(zip(weights, parts[len(shapes) :], strict=True))
