"""Packing: what is beside a study goes where it goes, and nothing of another stays there."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bohb_study.errors import StudyError
from bohb_study.store import load_study, pack
from bohb_study.store.parquet import parquet_frame
from bohb_study.store.sidecars.derived_frames import DERIVED_FILES, read_derived
from bohb_study.store.sidecars.references_json import REFERENCES_FILE, read_references

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")


def test_a_pack_of_a_pack_has_references_and_derived_frames(
    small_paper: Path, tmp_path: Path
) -> None:
    source = small_paper / "one"
    pack(source, tmp_path / "again")
    names = {path.name for path in source.iterdir()}
    assert names >= {REFERENCES_FILE, *DERIVED_FILES}
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == {
        path.name: path.read_bytes() for path in source.iterdir()
    }
    again = load_study(tmp_path / "again")
    assert again.is_compact
    before = read_derived(source, again.study.id)
    after = read_derived(tmp_path / "again", again.study.id)
    assert len(before) == 4
    for name, frame in before.items():
        pd.testing.assert_frame_equal(after[name], frame)
    references = read_references(tmp_path / "again", again.study.id)
    assert references["mfh3-good"]["count"] == 1000


def test_another_study_packed_over_it_removes_them(small_paper: Path, tmp_path: Path) -> None:
    target = shutil.copytree(small_paper / "one", tmp_path / "target")
    pack(small_paper.parent / "runs" / "two", target)
    assert {path.name for path in target.iterdir()} == {
        "SHA256SUMS", "cells.json", "cells.parquet", "study.json"
    }  # fmt: skip
    packed = load_study(target)
    assert packed.study.name == "two"
    assert not packed.is_compact
    assert read_derived(target, packed.study.id) == {}
    assert read_references(target, packed.study.id) == {}


def test_nothing_that_a_link_leads_to_is_packed(small_paper: Path, tmp_path: Path) -> None:
    """A stranger's study could have links to the files of whoever packs it."""
    (tmp_path / "secret").write_text("token")
    folder = shutil.copytree(small_paper.parent / "runs" / "one", tmp_path / "study")
    for name in (REFERENCES_FILE, *DERIVED_FILES):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(tmp_path / "secret")
        with pytest.raises(StudyError, match=f"{name}: is a link"):
            pack(folder, tmp_path / "packed")
        (folder / name).unlink()
    assert not (tmp_path / "packed").exists()


def test_text_that_stands_once_for_many_rows_is_counted_for_each() -> None:
    """Eight kilobytes can hold a hundred gigabytes."""
    text = pa.DictionaryArray.from_arrays(
        pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 1_000_000])
    )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"hp.x": text}), sink, store_schema=False)
    data = sink.getvalue().to_pybytes()
    assert len(data) < 100_000
    with pytest.raises(ValueError, match=r"holds 100,000,000,000 bytes of text; no more than"):
        parquet_frame(data)


@pytest.mark.parametrize("kind", [pa.binary(), pa.binary(1000), pa.list_(pa.int64())])
def test_what_is_neither_number_nor_text_is_not_read(kind: pa.DataType) -> None:
    """It could stand once in the file as well; nothing that is stored here has such columns."""
    value = [1] if kind == pa.list_(pa.int64()) else b"x" * 1000
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"hp.x": pa.array([value], kind)}), sink)
    with pytest.raises(ValueError, match=r"its rows cannot be read: column hp\.x is of type "):
        parquet_frame(sink.getvalue().to_pybytes())
