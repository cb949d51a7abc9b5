"""What cells share is written once, and read back for each."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb_study.store.compressed_records import records_json, records_of

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
    st.lists(st.integers(0, 2), max_size=2),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 1)),
)
RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["seed", "config", "git", "host"]), VALUES),
    min_size=1,
    max_size=8,
)


@given(RECORDS)
def test_records_come_back_as_they_were(records: list[dict[str, object]]) -> None:
    packed = json.loads(records_json({"rows": 3}, records))
    assert records_of(packed) == records
    assert packed["rows"] == 3


def test_what_is_long_and_repeated_is_written_once() -> None:
    versions = {"ray": "2.60.0"}
    records = [{"seed": seed, "status": "ok", "versions": versions} for seed in range(4)]
    packed = json.loads(records_json({}, records))
    assert packed["shared"] == {"versions": [versions]}
    assert packed["cells"][3] == {"seed": 3, "status": "ok", "versions": 0}


def test_a_cell_is_a_line() -> None:
    text = records_json({"schema": 1}, [{"seed": seed} for seed in range(5)]).decode()
    assert (
        sum(
            line.strip(", ") == f'{{"seed": {i}}}'
            for i, line in enumerate(text.splitlines()[-8:-3])
        )
        == 5
    )


def test_older_files_have_nothing_shared() -> None:
    assert records_of({"cells": [{"seed": 0, "config": {"a": 1}}]}) == [
        {"seed": 0, "config": {"a": 1}}
    ]


def test_a_number_that_stands_for_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="git: there is no shared value 0"):
        records_of({"shared": {"git": []}, "cells": [{"git": 0}]})
