"""A study of a user's own task: its name, its id, what is stored of it, and what needs its file."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bohb_study.audit.study_audit import audit_study
from bohb_study.cli import command_line, compare, reproduce
from bohb_study.errors import UsageError
from bohb_study.identity import cell_hash, code_parts, versions
from bohb_study.running.options import RunOptions
from bohb_study.running.reproduction import NotReproducibleError, prepare_rerun
from bohb_study.running.rerun import config_of
from bohb_study.running.retraining import retrain_finals
from bohb_study.running.runner import run_study
from bohb_study.schema import COLUMNS, build_frame
from bohb_study.store import (
    load_study,
    pack,
    study_folder,
    write_cell,
    write_study,
)
from bohb_study.store.code_file import write_code
from bohb_study.store.sealed import sealed_json
from bohb_study.store.stored_study import TaskFile
from bohb_study.study import Cell, StudyConfig
from bohb_study.summaries.derivation import derive
from bohb_study.tasks.user.user_task import executes
from repository import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

TEXT = """\
from dataclasses import dataclass
from ConfigSpace import Float
from bohb_study.tasks import ComputedTask

@dataclass(frozen=True)
class MyTask(ComputedTask):
    noise: float = 0.5
    hyperparameters = (Float("x", (0, 1)),)
    levels = (1, 3, 9)

    def loss(self, config, level, seed):
        return config["x"] + self.noise / level

class Other(MyTask):
    levels = (1, 3)
"""
EXAMPLES = ROOT / "examples"
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()
MINE = "my.py:MyTask"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.py").write_text(TEXT)


def config(*tasks: str, **fields: Any) -> StudyConfig:
    given = {"methods": ("random", "hyperband"), "budget": 3, "seeds": 2, **fields}
    return StudyConfig(tasks=tasks or (MINE,), **given)


# Name and id


def test_cells_bear_the_tasks_name_and_the_config_what_was_given() -> None:
    study = config(MINE, "digits", seeds=1, task_options=("MyTask.noise=0.25",))
    assert study.tasks == (MINE, "digits")
    assert study.task_names == ("MyTask", "digits")
    assert list(study.resolve().tasks) == ["MyTask", "digits"]
    assert study.cells() == [
        Cell(task, method, 0) for task in ("MyTask", "digits") for method in ("random", "hyperband")
    ]
    task: Any = study.resolve().tasks["MyTask"]
    assert (task.name, task.noise) == ("MyTask", 0.25)
    assert StudyConfig.from_json(json.loads(json.dumps(study.to_json()))) == study
    with pytest.raises(UsageError, match=r"^task_options my\.noise=1: my is not among"):
        config(task_options=("my.noise=1",))


def test_ids_of_studies_without_files_are_as_they_were() -> None:
    """Folders of old studies are found by them."""
    assert StudyConfig().id == "44136fa3"
    # a whole number in Python, the same with a point from the command line
    assert StudyConfig(budget=20).id == StudyConfig(budget=20.0).id != StudyConfig().id
    assert StudyConfig().identity() == {}
    assert "task_files" not in config("digits").identity()


def test_the_id_is_that_of_the_files_text_wherever_it_lies() -> None:
    study = config()
    assert study.identity()["task_files"] == {"MyTask": {"class": "MyTask", "sha256": SHA256}}
    Path("below").mkdir()
    Path("below/same.py").write_text(TEXT)
    assert config("below/same.py:MyTask").id == config(str(Path("my.py").resolve()) + ":MyTask").id
    assert config("below/same.py:MyTask").id == study.id == config(MINE, "digits").id
    assert config("my.py:Other").id != study.id
    before = study.id
    Path("my.py").write_text(TEXT + "\n# another text\n")
    assert config().id != before
    assert study.id == before  # read once: a study that runs is the one that was asked for
    assert study.resolve().tasks["MyTask"].ladder.top == 9


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ((MINE, MINE), f"tasks {MINE} {MINE}: {MINE} is given more than once"),
        ((MINE, "./my.py:MyTask"), f"tasks {MINE} ./my.py:MyTask: both are named MyTask; "),
        (("no.py:MyTask",), "tasks no.py:MyTask: cannot read "),
        (("digits", "my.py"), "tasks my.py: must look like path/to/file.py:NAME"),
    ],
)
def test_what_cannot_be_is_refused(tasks: Sequence[str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        config(*tasks)
    assert str(raised.value).startswith(said)


# What is stored


def store(study: StudyConfig, folder: Path = Path("study")) -> Path:
    """A finished study as the engines would have left it."""
    folder.mkdir(exist_ok=True)
    write_study(folder, "compare", study, study.resolve().tasks)
    values = {"int": 1, "float": 0.5, "str": "x", "bool": True}
    row = {c.name: c.values[0] if c.values else values[c.kind] for c in COLUMNS}
    for cell in study.cells():
        code = cell_hash(cell.task, cell.method, "tune")
        record = {"code": code, "versions": versions(), "git": {"commit": "c0ffee"}}
        record["study"] = study.id
        cell_row = {**row, "task": cell.task, "method": cell.method, "seed": cell.seed, "seq": 0}
        write_cell(folder, cell, build_frame([cell_row], {"x": "float"}), record)
    write_code(folder, code_parts())
    return folder


def test_study_json_says_where_the_file_was_and_what_was_in_it() -> None:
    study = json.loads((store(config()) / "study.json").read_text())
    assert study["task_files"] == {"MyTask": {"task": MINE, "sha256": SHA256}}
    assert study["config"]["task"] == [MINE]
    assert study["tasks"]["MyTask"]["costs"] == [1, 3, 9]
    assert study["asked"] == {"MyTask": {"random": 2, "hyperband": 2}}
    ordinary = config("digits")
    assert "task_files" not in write_study(store(ordinary, Path("o")), "o", ordinary, {}).json


def test_a_file_that_has_moved_goes_on_as_the_same_task() -> None:
    folder = store(config(MINE, "digits"))
    Path("my.py").rename("moved.py")
    more = config("moved.py:MyTask", seeds=3)
    study = write_study(folder, "compare", more, more.resolve().tasks)
    assert study.config.tasks == ("moved.py:MyTask", "digits")
    assert study.json["task_files"] == {"MyTask": {"task": "moved.py:MyTask", "sha256": SHA256}}
    assert list(study.tasks) == ["MyTask", "digits"]
    assert study.asked["MyTask"] == {"random": 3, "hyperband": 3}
    assert study.asked["digits"] == {"random": 2, "hyperband": 2}
    assert len(study.cells()) == 10


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "packed"])
def test_reading_results_needs_no_file(packed: bool) -> None:
    folder = store(config())
    if packed:
        pack(folder, Path("packed"))
        folder = Path("packed")
    Path("my.py").write_text("raise AssertionError('imported')")
    for change in ("imported", "gone"):
        loaded = load_study(folder)
        assert set(loaded.frame["task"]) == {"MyTask"}, change
        assert loaded.study.ladder("MyTask") == config_ladder()
        assert audit_study(loaded).cells == len(loaded.cells)
        Path("my.py").unlink(missing_ok=True)


def config_ladder() -> object:
    Path("again.py").write_text(TEXT)
    return config("again.py:MyTask").resolve().tasks["MyTask"].ladder


# Nothing of a stored study is executed unless it is named or trusted

SPY = """\
from pathlib import Path
Path("executed").touch()
"""


def received(more: str = "") -> Path:
    """A finished study of a file that this process has not executed."""
    folder = store(config())
    text = SPY + TEXT + more
    Path("my.py").write_text(text)
    path = folder / "study.json"
    study = json.loads(path.read_text())
    study["task_files"]["MyTask"]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_bytes(sealed_json(study))
    return folder


def test_a_stored_config_is_no_reason_to_execute_a_file() -> None:
    study = load_study(received())
    sha256 = hashlib.sha256((SPY + TEXT).encode()).hexdigest()
    for use in (
        lambda: StudyConfig.from_json(study.study.config.json),
        lambda: retrain_finals(study.path, 1),
        lambda: derive(study),
    ):
        with pytest.raises(UsageError) as raised:
            use()
        assert str(raised.value) == (
            f"the stored study names the file {MINE} (sha256 {sha256[:16]}), which would be "
            "executed: look at it, then name it in tasks, or give trust=True"
        )
    audit_study(study)
    assert not Path("executed").exists()
    trusted = StudyConfig.from_json(study.study.config.json, trust=True)
    assert Path("executed").exists()
    line = f"executes {Path('my.py').absolute()} (sha256 {sha256})"
    assert executes(trusted.own_tasks.values()) == [line]
    # named once, the same text may be executed again: under any path, and in no other state
    assert StudyConfig.from_json(study.study.config.json) == trusted
    Path("my.py").write_text(SPY + TEXT + "#")
    with pytest.raises(UsageError, match="would be executed"):
        StudyConfig.from_json(study.study.config.json)


def test_reproduce_executes_a_file_only_where_it_is_trusted_and_needed(
    scripts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, words = received("# another"), ["--anyway", "--jobs", "1", "--sample", "1"]
    assert command_line.run(scripts["reproduce"], [str(folder), *words]) == 2
    assert "would be executed: look at it, then" in capsys.readouterr().err
    assert not Path("executed").exists()
    # rows that are made up differ: what counts is that the file was executed, and named before
    assert command_line.run(scripts["reproduce"], [str(folder), *words, "--trust"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"executes {Path('my.py').absolute()} (sha256 ")
    assert Path("executed").exists()
    study = load_study(folder)
    asked = replace(study.study.config, tasks=("digits", "gone.py:Gone"))
    files = {"Gone": TaskFile("gone.py:Gone", "0" * 64)}
    stored = replace(study, study=replace(study.study, config=asked, task_files=files))
    assert config_of(stored, [Cell("digits", "random", 0)]).tasks == ("digits",)


def test_going_on_with_a_study_executes_nothing_that_is_only_stored_in_it() -> None:
    """A plain study's folder, in whose study.json somebody put a file."""
    asked = StudyConfig(tasks=("branin-mf",), methods=("random",), budget=1, seeds=1)
    folder = study_folder(Path("results"), "compare", asked.id, fresh=False)
    study = dict(write_study(folder, "compare", asked, asked.resolve().tasks).json)
    Path("evil.py").write_text(SPY + TEXT)
    study["config"] = {**study["config"], "task": ["branin-mf", "evil.py:MyTask"]}
    study["tasks"] = {**study["tasks"], "MyTask": study["tasks"]["branin-mf"]}
    study["task_files"] = {"MyTask": {"task": "evil.py:MyTask", "sha256": "0" * 64}}
    (folder / "study.json").write_bytes(sealed_json(study))
    run_study(asked, RunOptions(jobs=1))
    load_study(folder)
    assert not Path("executed").exists()


def test_a_file_that_is_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("pipe.py")
    with pytest.raises(UsageError, match=r"cannot read .*pipe\.py: is no file"):
        config("pipe.py:MyTask")


# Reproducing


def test_the_same_file_can_be_reproduced() -> None:
    prepare_rerun(load_study(store(config())))


def test_a_file_that_changed_or_is_gone_cannot_be_reproduced() -> None:
    folder = store(config())
    changed = "raise AssertionError('imported')"
    Path("my.py").write_text(changed)
    with pytest.raises(NotReproducibleError) as raised:
        prepare_rerun(load_study(folder))
    sha256 = hashlib.sha256(changed.encode()).hexdigest()
    assert str(raised.value) == (
        f"study: tasks {MINE}: its file is not the one that was run (its sha256 was "
        f"{SHA256[:8]}, is {sha256[:8]})"
    )
    Path("my.py").unlink()
    with pytest.raises(NotReproducibleError, match=rf"^study: tasks {MINE}: cannot read .*/my\.py"):
        prepare_rerun(load_study(folder))


# The command line


@pytest.fixture(scope="module")
def scripts() -> dict[str, Callable[[Sequence[str]], int]]:
    return {"compare": compare.main, "reproduce": reproduce.main}


def test_reproduce_refuses_by_exit_2_in_one_line(
    scripts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = store(config())
    Path("my.py").write_text(TEXT + "#")
    assert command_line.run(scripts["reproduce"], [str(folder)]) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert said.startswith(f"error: study: tasks {MINE}: its file is not the one that was run ")
    assert said.count("\n") == 1


def test_compare_plans_it_and_names_a_wrong_one(
    scripts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--dry-run", "--task-options", "MyTask.noise=0.1", "--tasks"]
    assert command_line.run(scripts["compare"], [*words, MINE]) == 0
    rows = [
        [cell.strip() for cell in line.split("│")] for line in capsys.readouterr().out.split("\n")
    ]
    assert ["MyTask", "random", "3", "450 units", "50 trials of 9 units"] in [
        row[1:-1] for row in rows
    ]
    assert command_line.run(scripts["compare"], ["--dry-run", "--tasks", "my.py:MyTusk"]) == 2
    said = capsys.readouterr().err
    assert said == "error: --tasks my.py:MyTusk: no such task; did you mean MyTask?\n"


# The examples


def test_the_example_of_a_training_function(
    scripts: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    cells_run_here: None,
) -> None:
    """The four methods spend the same on it, and none of its trainings fails."""
    task = f"{EXAMPLES}/train_function.py:task"
    words = ["--budget", "3", "--seeds", "1", "--jobs", "1", "--out", str(tmp_path / "results")]
    assert command_line.run(scripts["compare"], ["--tasks", task, *words]) == 0
    out = capsys.readouterr().out
    assert "tumours: loss, charged in epochs" in out
    (folder,) = (tmp_path / "results").iterdir()
    frame = load_study(folder).frame
    assert frame.groupby("method")["units"].sum().to_dict() == dict.fromkeys(
        ("grid", "random", "asha", "bohb"), 27
    )
    assert set(frame["status"]) == {"ok"}
    assert frame["val_loss"].min() < 0.2
    prepare_rerun(load_study(folder))


def test_the_example_of_a_ray_function_needs_ray_tune(
    scripts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--tasks", f"{EXAMPLES}/ray_function.py:task", "--engine", "virtual"]
    assert command_line.run(scripts["compare"], words) == 2
    assert capsys.readouterr().err == (
        "error: --engine virtual: parabola calls tune.report, so it runs under engine tune alone; "
        "allowed: auto, tune\n"
    )


def test_a_function_without_a_state_is_refused_to_bohb(
    scripts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("plain.py").write_text(
        "from ConfigSpace import Float\n"
        "from bohb_study import FunctionTask\n"
        "def train(config, seed):\n"
        "    yield config['x']\n"
        "task = FunctionTask(train, [Float('x', (0, 1))], 9)\n"
    )
    for more in ([], ["--dry-run"]):
        assert command_line.run(scripts["compare"], ["--tasks", "plain.py:task", *more]) == 2
        assert capsys.readouterr().err == (
            "error: --methods bohb: it pauses trials, and train cannot go on after a pause: let "
            "its function take and yield a state; or use grid, random, random-2x, median, asha, "
            "asha-bohb, tpe, tpe-univariate, gp\n"
        )
    words = ["--tasks", "plain.py:task", "--dry-run", "--methods", "grid", "random", "asha"]
    assert command_line.run(scripts["compare"], words) == 0
