"""Where the files of the image data sets are, and what is in them.

The files are those that torchvision downloads; they are read here without torch, which takes
seconds to import, and with a reason for each way in which a file can be damaged.
"""

import gzip
import os
import pickle
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bohb_study.errors import UsageError

CLASSES = 10
"""Of each of the data sets; labels are 0..9."""
VALIDATION = 0.2
"""Share of a data set's training images that validate; as in the PyTorch tutorial on Ray Tune."""


class Part(NamedTuple):
    """The training or the test images of a data set."""

    images: NDArray[np.uint8]
    """Shape (n, channels, height, width), 0..255."""
    labels: NDArray[np.int64]
    """Shape (n,), 0..9."""


@dataclass(frozen=True)
class Source:
    """One data set: how to find it, how to read it, and how to get it."""

    name: str
    """Of the task that trains on it."""
    torchvision: str
    """Its class in ``torchvision.datasets``, which can download it."""
    folders: tuple[str, ...]
    """Where the files may be below a folder that is given."""
    train_files: tuple[str, ...]
    test_files: tuple[str, ...]
    size: tuple[int, int]
    """Images for training and for testing; for models of time, nothing is read by it."""
    side: int
    """Height and width of an image; as ``size``."""
    read: Callable[[list[Path]], Part]
    """Reads the training or the test files."""
    installed: Path | None = None
    """Where a package of the distribution puts it."""
    how: str = ""
    """Another way to get it than by ``--download``."""

    def find(self, data: str) -> list[Path]:
        """The files of the data set, training files first.

        Args:
            data: folder that is given for it; "" to look where it may be.

        Raises:
            UsageError: they are not there; says where they were looked for and how to get them.
        """
        roots = [Path(data)] if data else [download_folder(), *filter(None, [self.installed])]
        for folder in (root / below for root in roots for below in self.folders):
            found = [_existing(folder / name) for name in (*self.train_files, *self.test_files)]
            files = [path for path in found if path]
            if len(files) == len(found):
                return files
        other = f", {self.how}" if self.how and not data else ""
        raise UsageError(
            f"--task {self.name}: no data in {' or '.join(map(str, roots))}; get it by "
            f"--download{other}, or say where it is by --task-option {self.name}.data=PATH"
        )

    def decode(self, files: list[Path]) -> tuple[Part, Part]:
        """Training and test images from what ``find`` gave.

        Raises:
            UsageError: a file cannot be read or is damaged; names it.
        """
        count = len(self.train_files)
        parts = self.read(files[:count]), self.read(files[count:])
        if parts[0].images.shape[1:] != parts[1].images.shape[1:]:
            raise _damaged(files[count], "its images have another shape than the training images")
        return parts

    def download(self, data: str) -> None:
        """Let torchvision download it to where ``find`` looks.

        Raises:
            UsageError: nobody answers, what came is damaged, or the folder cannot be written.
        """
        from torchvision import datasets  # imports torch

        folder = Path(data) if data else download_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            getattr(datasets, self.torchvision)(str(folder), download=True)
        except (OSError, HTTPException, RuntimeError) as error:
            text = " ".join(str(error).split())[:300]
            other = f"; {self.how}" if self.how else ""
            raise UsageError(
                f"--download: {self.name} into {folder}: {type(error).__name__}: {text}{other}"
            ) from None


def cache_folder() -> Path:
    """Where this package keeps what can be had again."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "bohb-study"


def download_folder() -> Path:
    """Where ``--download`` puts data sets."""
    return cache_folder() / "datasets"


def _existing(path: Path) -> Path | None:
    """``path``, plain or compressed; None where it is neither."""
    # not by ``is_file``, which raises where a folder must not be looked into
    return next((p for p in (path, Path(f"{path}.gz")) if os.path.isfile(p)), None)


def _damaged(path: Path, why: str) -> UsageError:
    return UsageError(f"{path}: damaged: {why}; remove it and get the data set again")


def _bytes(path: Path) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                return file.read()
        return path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, str(error)) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None


def _part(path: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Part:
    if len(images) != len(labels) or not len(images):
        raise _damaged(path, f"{len(labels)} labels for {len(images)} images")
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise _damaged(path, f"labels from {labels.min()} to {labels.max()}, not 0 to 9")
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
        raise _damaged(path, f"no IDX file of bytes in {dimensions} dimensions")
    shape = np.frombuffer(data, ">u4", dimensions, offset=4).astype(np.int64)
    if len(data) - begin != shape.prod():
        wanted = " x ".join(map(str, shape))
        raise _damaged(path, f"holds {len(data) - begin} values, its header says {wanted}")
    # torch warns of arrays that cannot be written, such as those over bytes
    return np.frombuffer(data, np.uint8, offset=begin).reshape(shape).copy()


def _read_mnist(files: list[Path]) -> Part:
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
        raise _damaged(path, f"{type(error).__name__}: {text}") from None
    return _part(path, images, labels)


def _read_cifar(files: list[Path]) -> Part:
    """Colour images and labels from the batches of CIFAR-10."""
    batches = [_read_batch(path) for path in files]
    return Part(*(np.concatenate(arrays) for arrays in zip(*batches, strict=True)))


def _mnist_files(part: str) -> tuple[str, str]:
    return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"


def _mnist_like(name: str, torchvision: str, package: str = "") -> Source:
    return Source(
        name,
        torchvision,
        (f"{torchvision}/raw", "raw", "."),
        _mnist_files("train"),
        _mnist_files("t10k"),
        (60_000, 10_000),
        28,
        _read_mnist,
        Path("/usr/share/datasets") / name if package else None,
        f"on Debian by apt install {package}" if package else "",
    )


def _by_name(sources: Iterable[Source]) -> dict[str, Source]:
    return {source.name: source for source in sources}


SOURCES = _by_name(
    [
        _mnist_like("mnist", "MNIST"),
        _mnist_like("fashion-mnist", "FashionMNIST", package="dataset-fashion-mnist"),
        Source(
            "cifar10",
            "CIFAR10",
            ("cifar-10-batches-py", "."),
            tuple(f"data_batch_{number}" for number in range(1, 6)),
            ("test_batch",),
            (50_000, 10_000),
            32,
            _read_cifar,
        ),
    ]
)
"""The data sets by the name of their task."""
