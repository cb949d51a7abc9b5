"""A JSON file is as it was written, or one line says what is wrong with it."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb_study.errors import StudyError
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store.code_file import CODE_FILE, read_code, write_code
from bohb_study.store.sealed import parsed, read_json, sealed_json

DATA = {"schema": SCHEMA_VERSION, "name": "näive", "list": [1, {"self": "x"}], "rate": 1e-300}


def test_what_was_written_comes_back_and_is_readable_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(sealed_json(DATA))
    assert read_json(path) == DATA
    assert set(json.loads(path.read_text())) == {*DATA, "self"}
    path.write_bytes(sealed_json(json.loads(path.read_text())))  # its old hash is left out
    assert read_json(path) == DATA


def test_every_bit_counts(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.json", sealed_json(DATA)
    for at in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[at] ^= 1 << bit
            path.write_bytes(data)
            with pytest.raises((ValueError, StudyError)):
                read_json(path)


@given(st.integers(0, 400), st.integers(0, 400), st.binary(max_size=3))
def test_no_other_text_is_taken_for_it(start: int, end: int, between: bytes) -> None:
    whole = sealed_json(DATA)
    other = whole[:start] + between + whole[end:]
    if other != whole:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bohb_study.store.sealed.read_file", lambda *_: other)
            with pytest.raises((ValueError, StudyError)):
                read_json(Path("a.json"))


BAD = {
    b"[1]": "is no JSON object",
    b"{": "is not JSON",
    b'{"a": 1, "a": 2}': "has a key twice",
    b'{"b": {"a": 1, "a": 1}}': "has a key twice",
    b'{"a": NaN}': "holds NaN",
    b'{"a": -Infinity}': "holds -Infinity",
    b'{"a": 1e999}': "too large",
    b'{"a": 1' + b"0" * 300 + b"}": "too large",
    b'{"a": 1' + b"0" * 5000 + b"}": "too large",
    b'{"a": "\xff"}': "is not JSON",
    b'{"a": "\\ud800"}': "half a surrogate pair",
    b'{"\\ud800": 1}': "half a surrogate pair",
    b'{"a": ' + b"[" * 33 + b"]" * 33 + b"}": "deeper than 32 levels",
    b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}": "deeper than 32 levels",
    b'{"a": ' * 100_000: "deeper than 32 levels",
    b"\xef\xbb\xbf{}": "is not JSON",
}


@pytest.mark.parametrize("text", BAD)
def test_what_json_allows_and_no_file_has(text: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(ValueError, match=BAD[text]):
        parsed(text)
    assert time.perf_counter() - began < 2


def test_a_file_of_schema_2_has_a_hash_and_one_of_schema_1_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"schema": 1, "a": 1}))
    assert read_json(path) == {"schema": 1, "a": 1}
    path.write_text(json.dumps({"schema": 2, "a": 1}))
    with pytest.raises(ValueError, match="lacks the hash of itself"):
        read_json(path)
    for schema in ("true", "0", '"2"', "null", "2.0"):
        path.write_text(f'{{"schema": {schema}}}')
        with pytest.raises(ValueError, match="no schema version"):
            read_json(path)


def test_code_of_either_schema_is_read(tmp_path: Path) -> None:
    parts = {"methods/bohb.py": "0" * 64, "ray": "2.60.0"}
    assert read_code(tmp_path) is None
    path = write_code(tmp_path, parts)
    assert read_code(tmp_path) == parts
    path.write_text(path.read_text().replace("2.60.0", "2.60.1"))
    with pytest.raises(StudyError, match=r"code\.json: damaged: is not as it was .*; remove it"):
        read_code(tmp_path)
    (tmp_path / CODE_FILE).write_text(json.dumps(parts))
    assert read_code(tmp_path) == parts
    for text in ("{}", '{"ray": 2}', "[]"):
        path.write_text(text)
        with pytest.raises(StudyError, match="damaged"):
            read_code(tmp_path)
