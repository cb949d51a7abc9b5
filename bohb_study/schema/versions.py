"""Versions of the stored form, and how what an older one wrote is read by this one.

Each version lists what changed with it. To add a column: add it to ``columns.COLUMNS`` and a
version here with ``Added``; what was stored before is read with the column filled by its rule.
Removed and renamed columns, values with another meaning and renamed methods are declared in the
same way. Each version keeps two folders that it stored in ``tests/store/schemas``.
A version is never edited once something was stored under it, and no name is used again for
something else.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bohb_study.schema.columns import COLUMNS, Column, columns_for
from bohb_study.schema.typed_frames import kinds_of, pandas_dtype, typed

Fill = None | bool | int | float | str | Callable[[pd.DataFrame], Any]
"""What stands in a column where it was not stored: NA (None), a constant, or values from a frame
that has all columns of the version before, shape (n,)."""


class Change(Protocol):
    """What a version changed, and how what was stored before is read and compared."""

    def read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A frame of the version before as this version has it; ``frame`` is not changed."""

    def columns_before(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """The columns of the version before."""

    def frame_before(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A frame of this version as the version before would have it, as far as it can be."""


@dataclass(frozen=True)
class Added:
    """A column was added: earlier rows are filled by a rule."""

    name: str
    fill: Fill = None

    def read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows with the column, filled by its rule."""
        value = self.fill(frame) if callable(self.fill) else [self.fill] * len(frame)
        return frame.assign(**{self.name: pd.Series(np.asarray(value, object), index=frame.index)})

    def columns_before(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """The columns without the added one."""
        return tuple(column for column in columns if column.name != self.name)

    def frame_before(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows without the added column."""
        return frame.drop(columns=self.name, errors="ignore")


@dataclass(frozen=True)
class Removed:
    """A column was removed: earlier rows lose it."""

    column: Column
    before: str
    """The column that it stood before."""

    def read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows without the removed column."""
        return frame.drop(columns=self.column.name, errors="ignore")

    def columns_before(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """With the column in its place."""
        at = [column.name for column in columns].index(self.before)
        return (*columns[:at], self.column, *columns[at:])

    def frame_before(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The same: what is no longer computed cannot be given back."""
        return frame


@dataclass(frozen=True)
class Renamed:
    """A column got another name, and kept its values."""

    old: str
    new: str

    def read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows, the column under its new name."""
        return frame.rename(columns={self.old: self.new})

    def columns_before(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """The columns, this one under its old name."""
        return tuple(replace(c, name=self.old) if c.name == self.new else c for c in columns)

    def frame_before(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows, the column under its old name."""
        return frame.rename(columns={self.new: self.old})


@dataclass(frozen=True)
class Revalued:
    """Values of columns got another meaning."""

    function: Callable[[pd.DataFrame], pd.DataFrame]

    def read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """With the values of now."""
        return self.function(frame)

    def columns_before(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """The same columns as they are now."""
        return columns

    def frame_before(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The same: values of before are not computed again."""
        return frame


@dataclass(frozen=True)
class MethodRenamed:
    """A method got another name."""

    old: str
    new: str

    def read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """With the new name in the rows, where the frame has any of methods."""
        return _replaced(frame, self.old, self.new)

    def columns_before(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """The same columns as they are now."""
        return columns

    def frame_before(self, frame: pd.DataFrame) -> pd.DataFrame:
        """With the old name in the rows."""
        return _replaced(frame, self.new, self.old)


@dataclass(frozen=True)
class Version:
    """One version of the stored form."""

    number: int
    what: str
    """What is different since, in a sentence."""
    changes: tuple[Change, ...] = ()


def _replaced(frame: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    if "method" not in frame or not (hits := frame["method"] == old).any():
        return frame
    return frame.assign(method=frame["method"].mask(hits, new))


def _losses_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """NaN in place of the number of the task's that stood for a result."""
    if "status" not in frame or not (without := frame["status"] != "ok").any():
        return frame
    losses = {n: frame[n].mask(without) for n in ("val_loss", "test_loss") if n in frame}
    return frame.assign(**losses)


VERSIONS: tuple[Version, ...] = (
    Version(1, "the first stored form"),
    Version(
        2,
        "a training that diverged or failed has no loss; files carry hashes of themselves",
        (Revalued(_losses_missing),),
    ),
    Version(
        3,
        "ablations are called by the fix that they lack",
        (
            MethodRenamed("bohb-halving-mended", "bohb-no-final-report-fix"),
            MethodRenamed("bohb-ends-told", "bohb-no-halving-fix"),
        ),
    ),
)
"""All versions, the present one last."""

SCHEMA_VERSION = VERSIONS[-1].number
"""Version of what is written."""
assert [version.number for version in VERSIONS] == list(range(1, SCHEMA_VERSION + 1))


def upgraded(frame: pd.DataFrame, schema: int) -> pd.DataFrame:
    """A frame of results that was stored under version ``schema``, as the present version has it.

    Its columns must be those of that version; ``frame`` itself where nothing has to be changed.
    """
    since = _changes_since(schema)
    read = frame
    for change in since:
        read = change.read(read)
    if list(read.columns) == list(frame.columns) or not since:
        return read
    kept = set(frame.columns)
    columns = columns_for(*kinds_of(read))
    return pd.DataFrame(
        {
            c.name: read[c.name]
            if c.name in kept and read[c.name].dtype == pandas_dtype(c)
            else typed([None if pd.isna(v) else v for v in read[c.name]], c)
            for c in columns
        },
        index=read.index,
    )


def with_present_methods(frame: pd.DataFrame, schema: int) -> pd.DataFrame:
    """A frame derived from results, with the names that its methods have now."""
    for change in _changes_since(schema):
        if isinstance(change, MethodRenamed):
            frame = change.read(frame)
    return frame


def present_method(name: str, schema: int) -> str:
    """What a method is called now that was called ``name`` under version ``schema``."""
    for change in _changes_since(schema):
        if isinstance(change, MethodRenamed) and change.old == name:
            name = change.new
    return name


def former_methods(name: str) -> list[str]:
    """What a method was called before, the newest name first."""
    found: list[str] = []
    for change in reversed(_changes_since(0)):
        if isinstance(change, MethodRenamed) and change.new == [name, *found][-1]:
            found.append(change.old)
    return found


def columns_of(schema: int) -> tuple[Column, ...]:
    """The columns that every frame of version ``schema`` has, in their order."""
    columns = COLUMNS
    for change in reversed(_changes_since(schema)):
        columns = change.columns_before(columns)
    return columns


def added_since(schema: int) -> set[str]:
    """The present columns that were not stored under version ``schema``, but filled by a rule."""
    names = {name: name for name in _names(columns_of(schema))}
    for change in _changes_since(schema):
        if isinstance(change, Renamed):
            names[change.new] = names.pop(change.old)
    return set(_names(COLUMNS)) - set(names)


def removed_since(schema: int) -> list[str]:
    """The columns of version ``schema`` that are no longer computed, by their names of then."""
    changes = _changes_since(schema)
    return [change.column.name for change in changes if isinstance(change, Removed)]


def rows_hash(frame: pd.DataFrame, schema: int = SCHEMA_VERSION) -> str:
    """sha256 of the rows without what was measured: equal for runs that are reproductions.

    Args:
        frame: of results, as the present version has them.
        schema: the version under which the hash is compared: columns and names are those of it.
    """
    measured = {column.name for column in COLUMNS if column.measured}
    kept = frame[[name for name in frame.columns if name not in measured]]
    for change in reversed(_changes_since(schema)):
        kept = change.frame_before(kept)
    return hashlib.sha256(kept.to_csv(index=False).encode()).hexdigest()


def _changes_since(schema: int) -> list[Change]:
    return [change for version in VERSIONS if version.number > schema for change in version.changes]


def _names(columns: tuple[Column, ...]) -> list[str]:
    return [column.name for column in columns]
