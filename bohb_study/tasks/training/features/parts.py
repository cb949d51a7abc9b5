"""Training, validation and test part of a table: stratified, and scaled by the training part."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bohb_study.arrays import Ints
from bohb_study.tasks.training.features import data_sets

TESTED = 0.2
"""Share of a data set's rows that are held out for testing, whatever the subset."""


class Sizes(NamedTuple):
    """Rows of each part."""

    train: int
    val: int
    test: int


class Part(NamedTuple):
    """One part; shared by all evaluations of a process, so never written to."""

    features: NDArray[np.float32]
    """Scaled to mean 0 and variance 1 over the training part, shape (n, d)."""
    labels: Ints
    """Classes 0, 1, ..., shape (n,)."""


class Parts(NamedTuple):
    """The three parts of a table."""

    train: Part
    val: Part
    test: Part


def sizes(rows: int, subset: int, *, whole: bool = False) -> Sizes:
    """How many rows each part has: 60, 20 and 20 %.

    Args:
        rows: of the data set.
        subset: rows for training and validation; 0 for all that are not held out for testing.
        whole: train on all rows that are not held out; validation then means the test part.
    """
    test = round(TESTED * rows)
    if whole:
        return Sizes(rows - test, test, test)
    used = subset or rows - test
    return Sizes(used - used // 4, used // 4, min(test, used // 4))


def split(labels: Ints, subset: int, seed: int, *, whole: bool = False) -> tuple[Ints, Ints, Ints]:
    """Indices of the three parts, each in random order.

    What is held out for testing is drawn first, so that no ``whole`` trains on a row that any
    subset is tested on.

    Args:
        labels: of the data set, shape (n,).
        subset: as in ``sizes``.
        seed: ``seeding.split_seed``.
        whole: as in ``sizes``.
    """
    count = sizes(len(labels), subset, whole=whole)
    rng = np.random.default_rng(seed)
    everything = np.arange(len(labels))
    held_out, rest = _draw(everything, labels, round(TESTED * len(labels)), rng)
    if whole:
        return rest, held_out, held_out
    used, _ = _draw(rest, labels, count.train + count.val, rng)
    train, val = _draw(used, labels, count.train, rng)
    return train, val, held_out[: count.test]


def _draw(rows: Ints, labels: Ints, count: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """``count`` of ``rows``, and the others, each in random order.

    Every class has its share of what is drawn, to within one row. Unlike scikit-learn's, this draw
    takes classes of which there are one or two rows, as in small subsets of ``shuttle``.
    """
    order = rng.permutation(rows)
    order = order[np.argsort(labels[order], kind="stable")]
    marks = (np.arange(len(order) + 1) * count + rng.integers(len(order))) // len(order)
    drawn = np.diff(marks) == 1
    return rng.permutation(order[drawn]), rng.permutation(order[~drawn])


@lru_cache(maxsize=4)
def load_parts(name: str, data: str, subset: int, seed: int, *, whole: bool = False) -> Parts:
    """The parts of a data set under one split, made once per process.

    Mean and variance come from the training part alone: the other parts are unseen. A feature that
    is constant there is 0 everywhere.

    Args:
        name: of the data set.
        data: folder that is given for it; "" to look where it may be.
        subset: as in ``sizes``.
        seed: ``seeding.split_seed``.
        whole: as in ``sizes``.

    Raises:
        UsageError: it is not there, or damaged.
    """
    table = data_sets.load(name, data)
    indices = split(table.labels, subset, seed, whole=whole)
    features = [table.features[part].astype(np.float64) for part in indices]
    train = features[0]
    varies = train.min(axis=0) < train.max(axis=0)
    scale = varies / np.where(varies, train.std(axis=0), 1.0)
    mean = train.mean(axis=0)
    return Parts(
        *(
            Part(((values - mean) * scale).astype(np.float32), table.labels[part])
            for values, part in zip(features, indices, strict=True)
        )
    )
