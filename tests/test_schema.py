"""The result frame: its columns, what is checked, and what identifies a reproduction."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.errors import SchemaError, SchemaErrors

from bohb_study import schema
from bohb_study.schema import COLUMNS, Column, Kind

HPS: dict[str, Kind] = {"lr": "float", "l1": "int", "act": "str", "bias": "bool"}
EXTRA = ["val_error"]
FULL: dict[str, Any] = {
    "task": "digits",
    "method": "bohb",
    "seed": 0,
    "seq": 0,
    "trial": 0,
    "config_id": "0123456789ab",
    "level": 1,
    "units": 1,
    "units_restart": 1,
    "units_total": 1,
    "full_evals": 1 / 27,
    "bracket": 0,
    "rung": 0,
    "decision": "pause",
    "model_based": False,
    "val_loss": 0.5,
    "test_loss": 0.25,
    "true_loss": 0.4,
    "status": "ok",
    "train_seconds": 0.1,
    "search_seconds": 0.01,
    "virtual_seconds": 0.2,
    "extra.val_error": 0.3,
    "hp.lr": 0.1,
    "hp.l1": 64,
    "hp.act": "relu",
    "hp.bias": True,
}
MISSING = (
    "bracket", "rung", "model_based", "val_loss", "test_loss", "true_loss", "virtual_seconds",
)  # fmt: skip
SPARSE = {name: FULL[name] for name in schema.NAMES} | dict.fromkeys(MISSING)
SPARSE["status"] = "failed"
"""A row with NA wherever it is allowed, its hyperparameters and extra measurements included."""


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return schema.build_frame(rows or (FULL, SPARSE), HPS, EXTRA)


def test_names_are_unique_and_every_column_says_what_it_means() -> None:
    assert len(set(schema.NAMES)) == len(COLUMNS)
    assert all(column.meaning for column in COLUMNS)
    assert set(schema.CELL) <= set(schema.NAMES)


def test_rows_keep_their_values_and_columns_their_order() -> None:
    built = frame(FULL, SPARSE)
    assert list(built.columns) == [*schema.NAMES, "extra.val_error", *("hp." + n for n in HPS)]
    assert built.loc[0].to_dict() == FULL
    missing = {name for name, value in built.loc[1].items() if pd.isna(value)}
    assert missing == {c.name for c in schema.columns_for(HPS, EXTRA) if c.nullable}


@pytest.mark.parametrize("rows", [(), (FULL,), (SPARSE,), (FULL, SPARSE)])
def test_types_do_not_depend_on_what_is_missing(rows: tuple[dict[str, Any], ...]) -> None:
    built = schema.build_frame(rows, HPS, EXTRA)
    pd.testing.assert_series_equal(built.dtypes, frame().dtypes)
    pd.testing.assert_frame_equal(schema.validate(built), built)
    assert schema.kinds_of(built) == (HPS, EXTRA)


@given(
    hps=st.dictionaries(
        st.text("abcdef_0123456789", min_size=1), st.sampled_from(["int", "float", "str", "bool"])
    ),
    extra=st.lists(st.text("abcdef_", min_size=1), unique=True, max_size=4),
)
def test_kinds_are_read_back_from_a_frame(hps: dict[str, Kind], extra: list[str]) -> None:
    assert schema.kinds_of(schema.build_frame([SPARSE], hps, extra)) == (hps, extra)


def test_stored_schema_holds_the_frame_exactly() -> None:
    table = pa.Table.from_pandas(
        frame(), schema=schema.arrow_schema(HPS, EXTRA), preserve_index=False, safe=True
    )
    table.validate(full=True)
    pd.testing.assert_frame_equal(table.to_pandas(), frame())


@pytest.mark.parametrize("column", [c for c in COLUMNS if not c.nullable], ids=lambda c: c.name)
def test_missing_value_is_refused(column: Column) -> None:
    damaged = {**FULL, column.name: None}
    with pytest.raises((SchemaError, TypeError, ValueError), match=f"{column.name}|NAType"):
        schema.validate(frame(FULL, damaged))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("val_loss", np.inf),
        ("val_loss", -np.inf),
        ("val_loss", None),
        ("val_loss", 2.0**1000),
        ("test_loss", np.inf),
        ("test_loss", -(2.0**1000)),
        ("level", 0),
        ("units", -1),
        ("seq", -1),
        ("decision", "paused"),
        ("status", "error"),
    ],
)
def test_value_out_of_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(SchemaError, match=name):
        schema.validate(frame(FULL, {**FULL, name: value}))


@pytest.mark.parametrize("status", ["failed", "diverged"])
@pytest.mark.parametrize("name", ["val_loss", "test_loss"])
def test_what_has_no_result_has_no_losses(name: str, status: str) -> None:
    without = {**FULL, "status": status, "val_loss": None, "test_loss": None}
    schema.validate(frame(FULL, without))
    with pytest.raises(SchemaError, match="val_loss must be a finite number where status is ok"):
        schema.validate(frame(FULL, {**without, name: 1e6}))


def test_a_result_may_have_no_test_loss_and_be_of_any_size_that_can_be_summed() -> None:
    large = np.nextafter(2.0**1000, 0)
    schema.validate(frame(FULL, {**FULL, "val_loss": -large, "test_loss": None}))
    assert np.isfinite(np.full(2**20, large).sum())


def test_frames_of_before_lose_what_stood_for_a_result() -> None:
    rows = [FULL, {**FULL, "status": "diverged"}, {**FULL, "status": "failed"}]
    stored = schema.build_frame(rows, HPS, EXTRA)
    before = stored.copy()
    read = schema.upgraded(stored, 1)
    none = {"val_loss": None, "test_loss": None}
    expected = schema.build_frame([FULL, *({**row, **none} for row in rows[1:])], HPS, EXTRA)
    pd.testing.assert_frame_equal(read, expected, check_exact=True)
    schema.validate(read)
    pd.testing.assert_frame_equal(stored, before)
    pd.testing.assert_frame_equal(schema.upgraded(read, 1), read)
    assert schema.upgraded(stored, schema.SCHEMA_VERSION) is stored


def damaged_shapes() -> dict[str, pd.DataFrame]:
    good = frame()
    return {
        "column 'test_loss' not in dataframe": good.drop(columns="test_loss"),
        "column 'surprise' not in DataFrameSchema": good.assign(surprise=1.0),
        "expected series 'units' to have type int64": good.astype({"units": "float64"}),
        "column 'method' out-of-order": good[["method", *good.columns.drop("method")]],
    }


@pytest.mark.parametrize("reason", damaged_shapes())
def test_frame_of_another_shape_is_refused(reason: str) -> None:
    with pytest.raises((SchemaError, SchemaErrors), match=reason):
        schema.validate(damaged_shapes()[reason])


OTHER: dict[Kind, Any] = {"int": 9, "float": 0.123, "str": "another", "bool": True}


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: c.name)
def test_hash_sees_every_column_but_the_measured(column: Column) -> None:
    changed = {**FULL, column.name: OTHER[column.kind]}
    assert changed != FULL
    same = schema.rows_hash(frame(changed)) == schema.rows_hash(frame(FULL))
    assert same == column.measured


def test_hash_sees_hyperparameters_extras_order_and_the_last_bit() -> None:
    second = {**FULL, "seq": 1}
    changes = [
        [second, FULL],
        [FULL],
        [FULL, {**second, "hp.lr": 0.2}],
        [FULL, {**second, "extra.val_error": 0.2}],
        [FULL, {**second, "val_loss": np.nextafter(0.5, 1.0)}],
        [FULL, {**second, "rung": None}],
    ]
    hashes = {schema.rows_hash(frame(*rows)) for rows in [[FULL, second], *changes]}
    assert len(hashes) == len(changes) + 1


def test_measured_columns_are_the_two_clocks() -> None:
    assert [c.name for c in COLUMNS if c.measured] == ["train_seconds", "search_seconds"]
