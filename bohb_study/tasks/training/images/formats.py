"""The formats of image data sets: what is in a file, or how it is damaged."""

import gzip
import pickle
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bohb_study.errors import UsageError

CLASSES = 10
"""Of each of the data sets; labels are 0..9."""


class Part(NamedTuple):
    """The training or the test images of a data set."""

    images: NDArray[np.uint8]
    """Shape (n, channels, height, width), 0..255."""
    labels: NDArray[np.int64]
    """Shape (n,), 0..9."""


def damaged(path: Path, why: str) -> UsageError:
    """The error that names a damaged file, and what to do."""
    return UsageError(f"{path}: damaged: {why}; remove it and get the data set again")


def _bytes(path: Path) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                return file.read()
        return path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, str(error)) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None


def _part(path: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Part:
    if len(images) != len(labels) or not len(images):
        raise damaged(path, f"{len(labels)} labels for {len(images)} images")
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise damaged(path, f"labels from {labels.min()} to {labels.max()}, not 0 to 9")
    return Part(images, labels)


# IDX, the format of MNIST: two zero bytes, the type (8: uint8), the number of dimensions, each
# dimension as a big-endian int32, then the values.


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file, plain or compressed.

    Raises:
        UsageError: the file cannot be read, is no such file or is cut short.
    """
    data = _bytes(path)
    begin = 4 + 4 * dimensions
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) < begin:
        raise damaged(path, f"no IDX file of bytes in {dimensions} dimensions")
    shape = np.frombuffer(data, ">u4", dimensions, offset=4).astype(np.int64)
    if len(data) - begin != shape.prod():
        wanted = " x ".join(map(str, shape))
        raise damaged(path, f"holds {len(data) - begin} values, its header says {wanted}")
    # torch warns of arrays that cannot be written, such as those over bytes
    return np.frombuffer(data, np.uint8, offset=begin).reshape(shape).copy()


def read_mnist(files: list[Path]) -> Part:
    """Grey images and labels from a pair of IDX files."""
    images, labels = read_idx(files[0], 3), read_idx(files[1], 1)
    return _part(files[1], images[:, None], labels.astype(np.int64))


# CIFAR-10 for Python: pickled dictionaries with images as rows of 3072 bytes, a colour at a time.


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays, numbers and text: no file of data may run code."""

    _ALLOWED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in images")
        # what old pickles call numpy.core
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _read_batch(path: Path) -> Part:
    try:
        with path.open("rb") as file:
            batch = _ArraysOnly(file, encoding="latin1").load()
        images = np.asarray(batch["data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
        labels = np.asarray(batch["labels"], dtype=np.int64)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # a damaged pickle can raise anything
        text = " ".join(str(error).split())[:100]
        raise damaged(path, f"{type(error).__name__}: {text}") from None
    return _part(path, images, labels)


def read_cifar(files: list[Path]) -> Part:
    """Colour images and labels from the batches of CIFAR-10."""
    batches = [_read_batch(path) for path in files]
    return Part(*(np.concatenate(arrays) for arrays in zip(*batches, strict=True)))
