"""Which folder a run goes to, and what study.json remembers."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bohb_study.errors import StudyError, UsageError
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store import (
    load_study,
    newest_folder,
    pack,
    read_study,
    set_damaged_aside,
    study_folder,
    write_study,
)
from bohb_study.store.sealed import sealed_json
from bohb_study.study import StudyConfig


def config(**fields: object) -> StudyConfig:
    given = {"tasks": ("curvy",), "methods": ("random",), "budget": 2, "seeds": 1, **fields}
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
    with pytest.raises(UsageError, match=r"^name .*must be a plain file name"):
        study_folder(tmp_path, name, "ab12", fresh=False)
    assert not any(tmp_path.iterdir())


def test_an_output_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/results")):
        with pytest.raises(UsageError, match=f"^out {out}: cannot be (read|written): ") as raised:
            study_folder(out, "compare", "ab12", fresh=False)
        assert "\n" not in str(raised.value)


def test_an_output_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(UsageError, match=r"^out .*: Read-only file system$"):
        study_folder(tmp_path, "compare", "ab12", fresh=False)


def test_study_json_describes_the_study(tmp_path: Path) -> None:
    asked = config(seeds=2)
    study = write_study(tmp_path, "compare", asked, asked.resolve().tasks)
    assert study == read_study(tmp_path)
    assert study.json["schema"] == SCHEMA_VERSION
    assert (study.name, study.id) == ("compare", asked.id)
    assert StudyConfig.from_json(study.config.json) == asked
    task = study.tasks["curvy"]
    assert (task.unit, task.top, task.costs, task.eta) == ("epoch", 9, (1, 3, 9), 3)
    assert task.curve is True
    assert task.optimum == 0.0
    lr = {"kind": "float", "lower": 0.0, "upper": 1.0, "conditional": False}
    assert task.space == {"lr": lr}
    assert task.only_engine is None
    assert study.cells() == asked.cells()


def test_asking_for_more_is_remembered_in_order(tmp_path: Path) -> None:
    for asked in (
        config(methods=("random",), seeds=3),
        config(tasks=("rungs", "curvy"), methods=("asha", "random"), seeds=1),
        config(methods=("bohb",), seeds=2),
    ):
        study = write_study(tmp_path, "compare", asked, asked.resolve().tasks)
    assert list(study.config.tasks) == list(study.tasks) == ["curvy", "rungs"]
    assert study.methods == ("random", "asha", "bohb")
    assert study.seeds == 3
    # Only what was asked for: bohb was never asked for on rungs, nor asha for a second seed.
    assert study.asked == {
        "curvy": {"random": 3, "asha": 1, "bohb": 2},
        "rungs": {"random": 1, "asha": 1},
    }
    assert len(study.cells()) == 8


def test_the_study_of_another_budget_is_refused(tmp_path: Path) -> None:
    write_study(tmp_path, "compare", config(), config().resolve().tasks)
    other = config(budget=4)
    with pytest.raises(StudyError, match=f"belongs to study {config().id}, not {other.id}"):
        write_study(tmp_path, "compare", other, other.resolve().tasks)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}'])
def test_a_damaged_study_json_is_not_run_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(StudyError, match=r"study\.json: .*finished cells are kept$"):
        write_study(tmp_path, "compare", config(), config().resolve().tasks)
    assert (tmp_path / "study.json").read_text() == text


def test_a_newer_study_json_is_not_run_over(tmp_path: Path) -> None:
    text = json.dumps({"schema": SCHEMA_VERSION + 1})
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(StudyError, match="newer version"):
        write_study(tmp_path, "compare", config(), config().resolve().tasks)
    assert (tmp_path / "study.json").read_text() == text


# A study.json from anybody


def told(folder: Path, **values: object) -> Path:
    """study.json with other values and a hash that holds."""
    path = folder / "study.json"
    path.write_bytes(sealed_json({**json.loads(path.read_text()), **values}))
    return path


def written(folder: Path) -> dict[str, Any]:
    """study.json of a study, as JSON values that can be changed."""
    write_study(folder, "compare", config(), config().resolve().tasks)
    said: dict[str, Any] = json.loads((folder / "study.json").read_text())
    del said["self"]
    return said


NAMES = ["..", "../../x", "a/b", "/etc", "a\nb", "a\0b", "<script>", "$(id)", "a b", "", "é", "-x"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("where", ["tasks", "asked", "methods", "asked methods", "task_files"])
def test_names_that_are_no_plain_names_are_refused(tmp_path: Path, name: str, where: str) -> None:
    study = written(tmp_path)
    values: dict[str, Any] = {
        "tasks": {"tasks": {**study["tasks"], name: study["tasks"]["curvy"]}},
        "asked": {"asked": {name: {"random": 1}}},
        "methods": {"methods": ["random", name]},
        "asked methods": {"asked": {"curvy": {name: 1}}},
        "task_files": {"task_files": {name: {"task": "x.py:X", "sha256": "0" * 64}}},
    }
    told(tmp_path, **values[where])
    with pytest.raises(
        StudyError, match=r"study\.json: damaged: .*finished cells are kept$"
    ) as hit:
        read_study(tmp_path)
    assert str(hit.value).isprintable()


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "asked of very many": (
        lambda s: s["asked"]["curvy"].update(random=10**12),
        "asks for 1,000,000,000,000 cells; no more than 1,000,000 are read",
    ),
    "asked below 0": (lambda s: s["asked"]["curvy"].update(random=-1), "at least 0, not -1"),
    "asked of text": (lambda s: s["asked"]["curvy"].update(random="2"), "asked.curvy.random must"),
    "another task": (lambda s: s["asked"].update(other={}), "other is asked for"),
    "another method": (lambda s: s["asked"]["curvy"].update(bohb=1), "bohb is asked for"),
    "top": (lambda s: s["tasks"]["curvy"].update(top=8), "its costs do not rise to its top, 8"),
    "costs": (lambda s: s["tasks"]["curvy"].update(costs=[3, 1, 9]), "its costs do not rise"),
    "no metric": (lambda s: s["tasks"]["curvy"].pop("val_metric"), "tasks.curvy: lacks val_metric"),
    "unit": (lambda s: s["tasks"]["curvy"].update(unit="\x1b[31m"), "unit must be one line"),
    "optimum": (lambda s: s["tasks"]["curvy"].update(optimum="0"), "optimum must be a number"),
    "eta": (lambda s: s["tasks"]["curvy"].update(eta=1), "eta must be a whole number, at least 2"),
    "space": (lambda s: s["tasks"]["curvy"]["space"]["lr"].pop("upper"), "space.lr: lacks upper"),
    "budget": (lambda s: s["config"].update(budget=None), "config.budget must be a number"),
    "workers": (lambda s: s["config"].update(workers=0), "config.workers must be a whole number"),
    "name": (lambda s: s.update(name="../x"), "name must be a plain file name"),
    "id": (lambda s: s.update(id="xyz"), "id must be eight hexadecimal digits"),
    "identity": (lambda s: s["identity"].update(budget=3.0), "its identity is not that of study"),
    "no config": (lambda s: s.pop("config"), "lacks config"),
}


@pytest.mark.parametrize(("change", "why"), WRONG.values(), ids=WRONG)
def test_a_study_json_of_the_wrong_form_is_one_line(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], why: str
) -> None:
    study = written(tmp_path)
    change(study)
    told(tmp_path, **study)
    if "lacks config" in why:
        del study["schema"]
        (tmp_path / "study.json").write_bytes(sealed_json({"schema": SCHEMA_VERSION, **study}))
    with pytest.raises(StudyError, match=re.escape(why)) as hit:
        read_study(tmp_path)
    assert str(hit.value).isprintable()


def test_very_many_cells_that_nobody_ran_cost_little(tmp_path: Path) -> None:
    asked = {"curvy": {**written(tmp_path)["asked"]["curvy"], "random": 100_000}}
    told(tmp_path, asked=asked)
    began = time.perf_counter()
    with pytest.raises(StudyError, match="100000 of 100000 cells cannot be used"):
        load_study(tmp_path)
    assert time.perf_counter() - began < 20


def test_a_damaged_study_json_is_healed_by_what_its_line_says(make_study: Any) -> None:
    folder = make_study("curvy")
    path = folder / "study.json"
    asked = StudyConfig(tasks=("curvy",), methods=("random", "asha"), budget=2, seeds=2)
    path.write_bytes(path.read_bytes().replace(b'"top": 9', b'"top": 8'))
    for use in (
        lambda: load_study(folder),
        lambda: write_study(folder, "x", asked, asked.resolve().tasks),
    ):
        with pytest.raises(StudyError, match=r"study\.json: damaged: .*; run the same command"):
            use()
    assert set_damaged_aside(folder) == (
        f"{path} was damaged: it is study.json.damaged now, and was made anew from what was asked"
    )
    assert set_damaged_aside(folder) == ""
    # one seed is asked for; that there are cells of another one is not forgotten
    write_study(folder, "compare", replace(asked, seeds=1), asked.resolve().tasks)
    assert len(load_study(folder).cells) == 4


def test_a_packed_study_is_packed_again(make_study: Any, tmp_path: Path) -> None:
    target = tmp_path / "packed"
    pack(make_study("curvy"), target)
    told(target, seeds=9)
    with pytest.raises(StudyError, match=r"study\.json: .*restore the packed study from git"):
        load_study(target)
