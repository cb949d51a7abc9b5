"""Data sets, decoded once per node and shared by all processes there.

The arrays lie as ``.npy`` files in the cache folder and are mapped into memory, so the processes
of a node share the pages of one copy, and a data set that is larger than memory is no problem.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bohb_study.errors import UsageError
from bohb_study.tasks.training.images.formats import Part
from bohb_study.tasks.training.images.sources import SOURCES, Source, cache_folder

_NAMES = ("train_images", "train_labels", "test_images", "test_labels")


class Decoded(NamedTuple):
    """A data set as arrays."""

    train: Part
    test: Part
    sha256: str
    """Over the arrays: the same however the files are packed."""


@lru_cache(maxsize=4)
def load(name: str, data: str) -> Decoded:
    """The data set ``name``; decoded where no process of this node has done so before.

    Args:
        name: of one of ``SOURCES``.
        data: folder that is given for it; "" to look where it may be.

    Raises:
        UsageError: it is not there, or damaged.
    """
    source = SOURCES[name]
    files = source.find(data)
    # by content: neither a changed file nor a copied folder can give the arrays of another
    folder = cache_folder() / "decoded" / _digest(files)
    if folder.exists():
        with suppress(OSError, ValueError):
            return _mapped(folder)
        shutil.rmtree(folder, ignore_errors=True)  # a crash cut it short
    decoded = _decode(source, files)
    try:
        _keep(decoded, folder)
    except OSError:
        return decoded  # no room for a shared copy: this process has its own
    return _mapped(folder)


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()[:32]


def _decode(source: Source, files: list[Path]) -> Decoded:
    train, test = source.decode(files)
    digest = hashlib.sha256()
    for array in (*train, *test):
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return Decoded(train, test, digest.hexdigest())


def _keep(decoded: Decoded, folder: Path) -> None:
    """Write the arrays; the folder appears whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as temporary:
        made = Path(temporary) / "whole"
        made.mkdir()
        arrays: list[NDArray[np.generic]] = [*decoded.train, *decoded.test]
        for name, array in zip(_NAMES, arrays, strict=True):
            np.save(made / name, array)
        (made / "sha256.json").write_text(json.dumps(decoded.sha256))
        try:
            os.rename(made, folder)
        except OSError:
            if not folder.exists():  # else another process was first
                raise


def _mapped(folder: Path) -> Decoded:
    # "c": nobody writes, but torch warns of arrays that cannot be written
    arrays: list[NDArray[np.generic]] = [
        np.load(folder / f"{name}.npy", mmap_mode="c") for name in _NAMES
    ]
    sha256 = json.loads((folder / "sha256.json").read_text())
    return Decoded(Part(*arrays[:2]), Part(*arrays[2:]), sha256)  # type: ignore[arg-type]
