"""Frames beside a thinned pack."""

import json
from pathlib import Path

import pandas as pd
import pytest

from bohb_study.errors import StudyError
from bohb_study.schema import build_frame
from bohb_study.store.sidecars.derived_frames import DERIVED_FILE, read_derived, write_derived

ROW = {
    "task": "toy", "method": "random", "seed": 0, "seq": 0, "trial": 0, "config_id": "a",
    "level": 1, "units": 1, "units_restart": 1, "units_total": 1, "full_evals": 1.0,
    "decision": "end",
    "val_loss": 0.5, "test_loss": 0.5, "status": "ok", "train_seconds": 0.1,
    "search_seconds": 0.1,
}  # fmt: skip


@pytest.fixture
def frames() -> dict[str, pd.DataFrame]:
    return {
        "suggestions": pd.DataFrame({"task": ["toy"], "median": pd.array([0.1], dtype="float32")}),
        "brackets": pd.DataFrame({"complete": [True, False], "cells": [3, 1]}),
        "whole": build_frame([ROW | {"hp.x": 1}], {"x": "int"}),
    }


def test_what_is_written_is_read_types_and_all(
    tmp_path: Path, frames: dict[str, pd.DataFrame]
) -> None:
    files = write_derived(tmp_path, "1a2b3c4d", frames)
    assert [file.name for file in files] == [
        "whole.parquet", "picks.parquet", "brackets.parquet", DERIVED_FILE
    ]  # fmt: skip
    got = read_derived(tmp_path, "1a2b3c4d")
    assert list(got) == ["whole", "suggestions", "brackets"]
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(got[name], frame)


def test_the_same_frames_are_the_same_bytes(
    tmp_path: Path, frames: dict[str, pd.DataFrame]
) -> None:
    write = [write_derived(tmp_path / name, "1a2b3c4d", frames) for name in ("one", "two")]
    one, two = ([file.read_bytes() for file in files] for files in write)
    assert one == two


def test_frames_of_earlier_are_removed(tmp_path: Path, frames: dict[str, pd.DataFrame]) -> None:
    write_derived(tmp_path, "1a2b3c4d", frames)
    write_derived(tmp_path, "1a2b3c4d", {"suggestions": frames["suggestions"]})
    assert {file.name for file in tmp_path.iterdir()} == {"picks.parquet", DERIVED_FILE}
    assert list(read_derived(tmp_path, "1a2b3c4d")) == ["suggestions"]


def test_none_where_none_were_written(tmp_path: Path) -> None:
    assert read_derived(tmp_path, "1a2b3c4d") == {}


def test_an_unknown_name_is_refused(tmp_path: Path, frames: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match="pick: no derived frame"):
        write_derived(tmp_path, "1a2b3c4d", {"pick": frames["suggestions"]})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["study", "bytes", "gone", "json", "keys"])
def test_damage_is_one_line_that_names_the_file(
    tmp_path: Path, frames: dict[str, pd.DataFrame], damage: str
) -> None:
    write_derived(tmp_path, "1a2b3c4d", frames)
    says, picks = tmp_path / DERIVED_FILE, tmp_path / "picks.parquet"
    study = "ffffffff" if damage == "study" else "1a2b3c4d"
    if damage == "bytes":
        picks.write_bytes((tmp_path / "brackets.parquet").read_bytes())
    elif damage == "gone":
        picks.unlink()
    elif damage == "json":
        says.write_text("{")
    elif damage == "keys":
        stored = json.loads(says.read_text())
        del stored["frames"]["picks"]["sha256"]
        says.write_text(json.dumps(stored))
    with pytest.raises(StudyError) as error:
        read_derived(tmp_path, study)
    named = picks if damage in {"bytes", "gone"} else says
    assert str(error.value).startswith(f"{named}: ")
    assert "\n" not in str(error.value)
