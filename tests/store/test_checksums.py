"""A packed study has a list of hashes, and is read only where it is as the list says."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bohb_study.errors import StudyError
from bohb_study.store import load_study, pack
from bohb_study.store.checksums import (
    SUMS_FILE,
    TABLE_FILE,
    read_sums,
    seal_folder,
    write_packed,
)
from repository import ROOT


@pytest.fixture
def packed(make_study: Callable[..., Path], tmp_path: Path) -> Path:
    target = tmp_path / "packed"
    pack(make_study("curvy"), target)
    return target


def test_sha256sum_agrees(packed: Path) -> None:
    write_packed(packed, {TABLE_FILE: b"| a |", "claims.json": b"{}"})
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS_FILE], cwd=packed, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    names = ["cells.json", "cells.parquet", "claims.json", "study.json", TABLE_FILE]
    assert done.stdout.splitlines() == [f"{name}: OK" for name in names]
    load_study(packed)


@pytest.mark.parametrize("name", ["cells.json", "cells.parquet", "study.json", TABLE_FILE])
@pytest.mark.parametrize("damage", ["changed", "gone", "not listed"])
def test_what_is_not_as_listed_is_refused(packed: Path, name: str, damage: str) -> None:
    write_packed(packed, {TABLE_FILE: b"| a |"})
    path, sums = packed / name, packed / SUMS_FILE
    if damage == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b" ")
    elif damage == "gone":
        path.unlink()
    else:
        lines = [line for line in sums.read_text().splitlines() if not line.endswith(f" {name}")]
        sums.write_text("\n".join(lines) + "\n")
    with pytest.raises(StudyError, match=rf"{name}: .*pack it again") as hit:
        load_study(packed)
    assert "\n" not in str(hit.value)


@pytest.mark.parametrize("name", ["finals.json", "whole.parquet", "references.json"])
def test_a_file_that_nobody_listed_is_refused(packed: Path, name: str) -> None:
    (packed / name).write_bytes(b"{}")
    with pytest.raises(StudyError, match=rf"{name}: is not in SHA256SUMS"):
        load_study(packed)


def test_a_page_and_figures_may_be_beside_it(packed: Path) -> None:
    (packed / "report.html").write_text("<html>")
    (packed / "figures").mkdir()
    load_study(packed)


LISTS = ["x", "0" * 64 + "  ../study.json", "0" * 64 + " study.json", "0" * 64 + "  a\n\n", "é"]


@pytest.mark.parametrize("text", LISTS)
def test_a_damaged_list_is_one_line(packed: Path, text: str) -> None:
    (packed / SUMS_FILE).write_text(text + "\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"SHA256SUMS: damaged: .*pack it again") as hit:
        load_study(packed)
    assert "\n" not in str(hit.value)


def test_a_pack_without_its_list_is_refused(packed: Path) -> None:
    (packed / SUMS_FILE).unlink()
    with pytest.raises(StudyError, match="SHA256SUMS: is not there"):
        load_study(packed)


def test_what_is_written_later_does_not_vouch_for_the_rest(packed: Path) -> None:
    path = packed / "cells.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    write_packed(packed, {TABLE_FILE: b"| a |"})
    with pytest.raises(StudyError, match=r"cells\.parquet: is not the file in SHA256SUMS"):
        load_study(packed)
    with pytest.raises(StudyError, match=r"cells\.parquet: is not the file in SHA256SUMS"):
        seal_folder(packed)


def test_packing_again_heals(make_study: Callable[..., Path], packed: Path) -> None:
    write_packed(packed, {"claims.json": b"{}"})
    for path in packed.iterdir():
        path.write_bytes(b"x")
    pack(make_study("curvy"), packed)
    load_study(packed)


def test_the_committed_studies_are_listed(tmp_path: Path) -> None:
    folders = sorted(path.parent for path in ROOT.glob("results/paper/*/cells.json"))
    assert len(folders) >= 16
    for folder in folders:
        sums = read_sums(folder)
        assert sums is not None, folder
        names = {p.name for p in folder.iterdir() if p.suffix in (".json", ".md", ".parquet")}
        assert set(sums) == names
    copy = shutil.copytree(folders[0], tmp_path / "copy")
    study = copy / "study.json"
    study.write_text(study.read_text().replace('"seeds": ', '"seeds":  '))
    with pytest.raises(StudyError, match=r"study\.json: is not the file in SHA256SUMS"):
        load_study(copy)
