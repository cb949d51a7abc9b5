"""Which images a training sees: stratified parts, drawn by the study's seed."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from bohb_study.tasks.training.images.formats import Part
from bohb_study.tasks.training.images.sources import VALIDATION

BLOCK = 4096
"""Images that are looked at together."""

Indices = NDArray[np.int64]


class Split(NamedTuple):
    """Indices of the images of each part."""

    train: Indices
    """Into the data set's training images."""
    val: Indices
    """Into the training images; into the test images where ``whole``."""
    test: Indices
    """Into the data set's test images."""


def split(train: Indices, test: Indices, subset: int, seed: int, *, whole: bool = False) -> Split:
    """Stratified parts.

    Args:
        train: labels of the data set's training images.
        test: labels of its test images.
        subset: how many of the training images to use, a fifth of them for validation, and at
            most as many of the test images; 0 for all.
        seed: ``seeding.split_seed``.
        whole: train on all training images; validation then means the test images.
    """
    tested = _draw(test, subset, seed)
    if whole:
        return Split(np.arange(len(train)), tested, tested)
    chosen = _draw(train, subset, seed)
    parts = train_test_split(
        chosen, test_size=VALIDATION, stratify=train[chosen], random_state=seed
    )
    return Split(parts[0], parts[1], tested)


def _draw(labels: Indices, count: int, seed: int) -> Indices:
    """``count`` of the images with these labels; all where it is 0 or not below their number."""
    everything = np.arange(len(labels))
    if not 0 < count < len(labels):
        return everything
    drawn: Indices
    drawn, _ = train_test_split(everything, train_size=count, stratify=labels, random_state=seed)
    return drawn


def moments(part: Part, indices: Indices) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each channel's values 0..255 over some images, exactly.

    Returns:
        Two arrays of shape (channels,).
    """
    channels = part.images.shape[1]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for begin in range(0, len(indices), BLOCK):
        block = part.images[np.sort(indices[begin : begin + BLOCK])]
        for channel in range(channels):
            counts[channel] += np.bincount(block[:, channel].ravel(), minlength=256)
    values = np.arange(256)
    total = counts.sum(axis=1)
    mean = counts @ values / total
    variance = counts @ values**2 / total - mean**2
    return mean.astype(np.float32), np.sqrt(np.maximum(variance, 1e-6)).astype(np.float32)
