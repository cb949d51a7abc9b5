"""Rules by which one version of the stored form is read by another."""

import pandas as pd
import pytest

from bohb_study.schema import (
    COLUMNS,
    NAMES,
    SCHEMA_VERSION,
    Column,
    added_since,
    build_frame,
    columns_of,
    former_methods,
    present_method,
    removed_since,
    rows_hash,
    upgraded,
    with_present_methods,
)
from bohb_study.schema import versions as module
from bohb_study.schema.versions import (
    VERSIONS,
    Added,
    Change,
    MethodRenamed,
    Removed,
    Renamed,
    Version,
)

LEVEL = Column("depth", "int", "", "a column of then")


@pytest.fixture
def frame() -> pd.DataFrame:
    """Two rows of the present version."""
    row = {c.name: {"int": 1, "float": 0.5, "str": "ok", "bool": True}[c.kind] for c in COLUMNS}
    return build_frame([{**row, "method": name} for name in ("bohb", "old")], {})


def later(patch: pytest.MonkeyPatch, *changes: Change) -> int:
    """One version for each change; returns the version of now."""
    numbers = range(SCHEMA_VERSION + 1, SCHEMA_VERSION + 1 + len(changes))
    more = (Version(n, "later", (change,)) for n, change in zip(numbers, changes, strict=True))
    patch.setattr(module, "VERSIONS", (*VERSIONS, *more))
    return SCHEMA_VERSION


def test_versions_are_numbered_from_one() -> None:
    assert [version.number for version in VERSIONS] == list(range(1, SCHEMA_VERSION + 1))
    assert columns_of(SCHEMA_VERSION) == COLUMNS
    assert added_since(SCHEMA_VERSION) == set()
    assert removed_since(1) == []


def test_the_hash_of_rows_is_that_of_the_version_that_stored_it(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An added column, another name of one, and another name of a method change no old hash."""
    before = rows_hash(frame)
    now = later(
        monkeypatch,
        Added("gradient"),
        Renamed("full_evals", "evaluations"),
        MethodRenamed("old", "new"),
    )
    changed = frame.rename(columns={"full_evals": "evaluations"}).assign(gradient=0.25)
    changed = changed.assign(method=["bohb", "new"])
    assert rows_hash(changed, now) == before
    assert rows_hash(changed, now + 1) != before
    assert rows_hash(changed.assign(val_loss=0.25), now) != before


def test_columns_of_then_stand_where_they_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    then = later(
        monkeypatch, Added("level"), Removed(LEVEL, before="units"), Renamed("origin", "task")
    )
    names = [column.name for column in columns_of(then)]
    at = NAMES.index("level")
    assert names == ["origin", *NAMES[1:at], "depth", *NAMES[at + 1 :]]
    assert added_since(then) == {"level"}
    assert removed_since(then) == ["depth"]
    assert removed_since(then + 2) == []


def test_a_method_has_one_name_now_whatever_it_was_called(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = later(monkeypatch, MethodRenamed("old", "older"), MethodRenamed("older", "new"))
    assert present_method("old", then) == "new"
    assert present_method("older", then + 1) == "new"
    assert present_method("old", then + 2) == "old", "somebody else's, who was named so later"
    assert former_methods("new") == ["older", "old"]
    assert former_methods("bohb") == []
    for read in (upgraded, with_present_methods):
        assert read(frame, then)["method"].tolist() == ["bohb", "new"]
    assert frame["method"].tolist() == ["bohb", "old"]
    assert with_present_methods(pd.DataFrame({"share": [1]}), then)["share"].tolist() == [1]
