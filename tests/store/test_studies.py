"""Which folder a run goes to, and what study.json remembers."""

import json
from pathlib import Path

import pytest

from bohb_study.columns import SCHEMA_VERSION
from bohb_study.errors import StudyError, UsageError
from bohb_study.store import (
    asked_cells,
    newest_folder,
    read_study,
    study_folder,
    write_study,
)
from bohb_study.study import StudyConfig


def config(**fields: object) -> StudyConfig:
    given = {"task": ("curvy",), "methods": ("random",), "budget": 2, "seeds": 1, **fields}
    return StudyConfig(**given)


def test_a_plain_run_continues_the_newest_and_fresh_makes_the_next(tmp_path: Path) -> None:
    out = tmp_path / "some" / "results"
    assert newest_folder(out, "compare", "ab12") is None
    assert not out.exists()
    runs = [study_folder(out, "compare", "ab12", fresh=True) for _ in range(11)]
    expected = ["compare-ab12", *(f"compare-ab12.{n}" for n in range(2, 12))]
    assert [run.name for run in runs] == expected
    assert study_folder(out, "compare", "ab12", fresh=False) == runs[-1]  # .11, not .9
    assert study_folder(out, "compare", "cd34", fresh=False).name == "compare-cd34"
    runs[0].rmdir()
    assert study_folder(out, "compare", "ab12", fresh=True).name == "compare-ab12.12"


def test_what_only_looks_like_a_run_is_left_alone(tmp_path: Path) -> None:
    for name in ("compare-ab12.x", "compare-ab12.02", "compare-ab12.2.zip", "my-compare-ab12"):
        (tmp_path / name).mkdir()
    (tmp_path / "compare-ab12.7").write_text("a file")
    assert newest_folder(tmp_path, "compare", "ab12") is None
    assert study_folder(tmp_path, "compare", "ab12", fresh=False).name == "compare-ab12"


NOT_NAMES = ["", ".", "..", "a/b", "/a", ".hidden", "-x", "a\n", "é", "x" * 101]


@pytest.mark.parametrize("name", NOT_NAMES)
def test_a_name_is_a_plain_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"^--name .*must be a plain file name"):
        study_folder(tmp_path, name, "ab12", fresh=False)
    assert not any(tmp_path.iterdir())


def test_an_output_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/results")):
        with pytest.raises(UsageError, match=f"^--out {out}: cannot be (read|written): ") as raised:
            study_folder(out, "compare", "ab12", fresh=False)
        assert "\n" not in str(raised.value)


def test_an_output_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(UsageError, match=r"^--out .*: Read-only file system$"):
        study_folder(tmp_path, "compare", "ab12", fresh=False)


def test_study_json_describes_the_study(tmp_path: Path) -> None:
    asked = config(seeds=2)
    study = write_study(tmp_path, "compare", asked, asked.tasks())
    assert study == read_study(tmp_path)
    assert study["schema"] == SCHEMA_VERSION
    assert (study["name"], study["id"]) == ("compare", asked.id)
    assert StudyConfig.from_json(study["config"]) == asked
    task = study["tasks"]["curvy"]
    assert (task["unit"], task["top"], task["costs"], task["eta"]) == ("epoch", 9, [1, 3, 9], 3)
    assert task["curve"] is True
    assert task["optimum"] == 0.0
    lr = {"kind": "float", "lower": 0.0, "upper": 1.0, "conditional": False}
    assert task["space"] == {"lr": lr}
    assert task["only_engine"] is None
    assert asked_cells(study) == asked.cells()


def test_asking_for_more_is_remembered_in_order(tmp_path: Path) -> None:
    for asked in (
        config(methods=("random",), seeds=3),
        config(task=("rungs", "curvy"), methods=("asha", "random"), seeds=1),
        config(methods=("bohb",), seeds=2),
    ):
        study = write_study(tmp_path, "compare", asked, asked.tasks())
    assert study["config"]["task"] == list(study["tasks"]) == ["curvy", "rungs"]
    assert study["methods"] == ["random", "asha", "bohb"]
    assert study["seeds"] == 3
    # Only what was asked for: bohb was never asked for on rungs, nor asha for a second seed.
    assert study["asked"] == {
        "curvy": {"random": 3, "asha": 1, "bohb": 2},
        "rungs": {"random": 1, "asha": 1},
    }
    assert len(asked_cells(study)) == 8


def test_the_study_of_another_budget_is_refused(tmp_path: Path) -> None:
    write_study(tmp_path, "compare", config(), config().tasks())
    other = config(budget=4)
    with pytest.raises(StudyError, match=f"belongs to study {config().id}, not {other.id}"):
        write_study(tmp_path, "compare", other, other.tasks())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}'])
def test_a_damaged_study_json_is_not_run_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(StudyError, match=r"study\.json: .*finished cells are kept$"):
        write_study(tmp_path, "compare", config(), config().tasks())
    assert (tmp_path / "study.json").read_text() == text


def test_a_newer_study_json_is_not_run_over(tmp_path: Path) -> None:
    text = json.dumps({"schema": SCHEMA_VERSION + 1})
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(StudyError, match="newer version"):
        write_study(tmp_path, "compare", config(), config().tasks())
    assert (tmp_path / "study.json").read_text() == text
