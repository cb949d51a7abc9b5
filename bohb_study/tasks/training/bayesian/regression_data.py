"""The regression data of the Bayesian neural networks: points of a formula, and scikit-learn's.

scikit-learn takes a second to import, so only what reads its set imports it.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bohb_study.tasks.fingerprints import indices_sha256

TOY = "toy"
POINTS = 1000
NOISE = 0.02
"""Standard deviation of e in the toy formula."""
PARTS: dict[str, tuple[int, int, int]] = {TOY: (600, 200, 200), "diabetes": (265, 88, 89)}
"""Examples of the training, validation and test part."""


class Part(NamedTuple):
    """One part of the data; shared by all evaluations of a process, so never written to."""

    x: NDArray[np.float32]
    """Features, shape (n, d), standardised as in the training part."""
    y: NDArray[np.float32]
    """Targets, shape (n,), standardised as in the training part."""


class Data(NamedTuple):
    """The three parts of the data."""

    train: Part
    val: Part
    test: Part


def toy_targets(x: NDArray[np.float64], e: NDArray[np.float64]) -> NDArray[np.float64]:
    """The targets at ``x`` where the noise is ``e``, which enters inside the sines as well."""
    sines = np.sin(2 * np.pi * (x + e)) + np.sin(4 * np.pi * (x + e))
    found: NDArray[np.float64] = x + 0.3 * sines + e
    return found


@lru_cache(maxsize=4)
def load_data(name: str, seed: int) -> Data:
    """The data under one split, made or read once per process.

    Args:
        name: a key of ``PARTS``.
        seed: ``seeding.split_seed``; draws the toy points themselves, or how the set is split.
    """
    x, y = _toy(seed) if name == TOY else _diabetes()
    split = split_indices(name, seed)
    train = split[0]
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    y = (y - y[train].mean()) / y[train].std()
    return Data(*(Part(x[part].astype(np.float32), y[part].astype(np.float32)) for part in split))


def split_indices(name: str, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Indices of the three parts; the toy points are independent, so they stand in their order."""
    sizes = PARTS[name]
    total = sum(sizes)
    order = np.arange(total) if name == TOY else np.random.default_rng(seed).permutation(total)
    return tuple(np.split(order, np.cumsum(sizes)[:-1]))


def split_sha256(name: str, seed: int) -> str:
    """Over the indices of all parts; over the places of the toy points, which are drawn afresh.

    A place is a whole number of 2**-53, of which there are as many as ``rng.random`` can draw.
    """
    if name == TOY:
        places = (_toy_draws(seed)[0] * 2.0**53).astype(np.int64)
        return indices_sha256([places[part] for part in split_indices(name, seed)])
    return indices_sha256(split_indices(name, seed))


def _toy_draws(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return rng.random(POINTS), rng.normal(0, NOISE, POINTS)


def _toy(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, e = _toy_draws(seed)
    return x[:, None], toy_targets(x, e)


def _diabetes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    return x, y
