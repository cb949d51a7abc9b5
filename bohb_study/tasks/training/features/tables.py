"""Tables of features in one canonical form, so that the same table of two sources is the same."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bohb_study.arrays import Ints

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class DataSet:
    """A table; shared by all that runs in a process, so never written to."""

    features: NDArray[Any]
    """Numbers of any kind, shape (n, d)."""
    labels: Ints
    """Classes 0, 1, ..., shape (n,)."""
    sha256: str
    """Over features and labels."""

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1

    @classmethod
    def of(cls, features: NDArray[Any], labels: Ints) -> "DataSet":
        """With the hash of what is given."""
        digest = hashlib.sha256()
        for array in (features, labels):
            digest.update(repr((array.dtype.str, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).data)
        return cls(features, labels, digest.hexdigest())


def canonical(table: "pd.DataFrame", label: str, codes: Mapping[str, int]) -> DataSet:
    """A data frame as float64 features and coded labels, with its rows in ascending order.

    The order of rows, the types of columns and the names of columns and classes are the source's
    own; what is left is the same for every source.

    Args:
        table: the columns of the features, in the order that all sources have, and the labels'.
        label: the column of the labels.
        codes: of each class by its name in this source.

    Raises:
        ValueError: a feature is no finite number, or a label is no class.
    """
    named = [_text(value) for value in table[label].astype(object)]
    if unknown := sorted(set(named) - set(codes)):
        raise ValueError(f"{unknown[0]!r} is no class; there are {', '.join(codes)}")
    labels = np.array([codes[name] for name in named], dtype=np.int64)
    # categories by way of objects: the number is a category's name, not its code
    columns = [
        np.array(column if column.dtype.kind in "fiu" else column.astype(object), float)
        for name, column in table.items()
        if name != label
    ]
    features = np.column_stack(columns) + 0.0  # which makes -0.0 of a source the 0.0 of another
    if not np.isfinite(features).all():
        raise ValueError("a feature is no finite number")
    order = np.lexsort((labels, *features.T[::-1]))
    return DataSet.of(np.ascontiguousarray(features[order]), labels[order])


def _text(value: Any) -> str:
    """A label as text; a number that is whole without its fraction."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def npz_bytes(data: DataSet) -> bytes:
    """The table as the content of an ``.npz`` file."""
    file = io.BytesIO()
    np.savez_compressed(file, features=data.features, labels=data.labels)
    return file.getvalue()


def from_npz(content: bytes) -> DataSet:
    """The table of ``npz_bytes``; nothing in the file is run.

    Raises:
        ValueError: it is no such file.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return DataSet.of(arrays["features"], arrays["labels"])
    except Exception as error:  # a damaged archive can raise anything
        raise ValueError(f"{type(error).__name__}: {error}") from None
