"""How scikit-learn's digits are split; apart from the training, so that no torch is imported."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split


def split_indices(
    digits: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the training, validation and test part: 60/20/20, stratified by digit.

    Args:
        digits: labels of all images, shape (n,).
        seed: ``seeding.split_seed``.
    """
    everything = np.arange(len(digits))
    rest, test = train_test_split(everything, test_size=0.2, stratify=digits, random_state=seed)
    train, val = train_test_split(rest, test_size=0.25, stratify=digits[rest], random_state=seed)
    return train, val, test
