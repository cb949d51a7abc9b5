"""Distances between rows for the kernel of an SVM, and the rows that each rung trains on."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bohb_study.arrays import Floats, Ints
from bohb_study.tasks.training.features import data_sets
from bohb_study.tasks.training.features.parts import split


class Distances(NamedTuple):
    """What an SVM needs of its rows; shared by all evaluations of a process, never written to."""

    train: NDArray[np.int32]
    """Squared distances between the rows of the training part, shape (n, n)."""
    others: NDArray[np.int32]
    """From the rows of the validation part, then the test part, to them: shape (m, n)."""
    train_labels: Ints
    """Shape (n,)."""
    val_labels: Ints
    test_labels: Ints
    """Together of shape (m,)."""
    scale: int
    """The largest value in the training part: 255 of images. Rows are meant divided by it."""

    def kernel(self, distances: NDArray[np.int32], gamma: float) -> Floats:
        """exp(-gamma d), d being the squared distance of rows that are divided by ``scale``."""
        made: Floats = np.multiply(distances, -gamma / self.scale**2, dtype=np.float64)
        np.exp(made, out=made)
        return made


@lru_cache(maxsize=1)
def load_distances(
    name: str, data: str, subset: int, seed: int, *, whole: bool = False
) -> Distances:
    """The distances of a split, computed once per process.

    Features are whole numbers: so are squared distances, and float64 has them exactly, in
    whatever order a library adds.

    Args:
        name: of the data set.
        data: folder that is given for it; "" to look where it may be.
        subset: as in ``parts``.
        seed: ``seeding.split_seed``.
        whole: as in ``indices``.

    Raises:
        UsageError: the data are not there, or damaged.
    """
    table = data_sets.load(name, data)
    parts = indices(table.labels, subset, seed, whole=whole)
    rows = table.features[np.concatenate(parts)].astype(np.float64)
    n = len(parts[0])
    squares = np.einsum("ij,ij->i", rows, rows)
    distances = squares[:, None] + squares[None, :n] - 2 * (rows @ rows[:n].T)
    exact = distances.astype(np.int32)
    train, val, test = (table.labels[part] for part in parts)
    scale = int(np.abs(rows[:n]).max())
    return Distances(exact[:n], exact[n:], train, val, test, scale)


def indices(
    labels: Ints, subset: int, seed: int, *, whole: bool = False
) -> tuple[Ints, Ints, Ints]:
    """Indices of the training, validation and test part.

    Args:
        labels: of the data set.
        subset: rows for training and validation; 0 for all that are not held out for testing.
        seed: ``seeding.split_seed``.
        whole: train on the validation part as well, and on no rows beyond: all rows of a large data
            set would take hours. Validation then means the test part.
    """
    train, val, test = split(labels, subset, seed)
    return (np.concatenate((train, val)), test, test) if whole else (train, val, test)


def nested_order(labels: Ints, seed: int) -> Ints:
    """An order of rows of which each beginning is a stratified subset.

    One row of each class comes first; the rest is such that any number of first rows has of each
    class its share, to within one row, or the one.

    Args:
        labels: shape (n,).
        seed: draws which rows of a class come before others.

    Returns:
        A permutation of 0, ..., n - 1.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        own = drawn[labels[drawn] == label]
        place[own] = (np.arange(len(own)) + 0.5) / len(own)
        place[own[0]] = 0.0
    order: Ints = drawn[np.argsort(place[drawn], kind="stable")]
    return order
