"""What a run was made with, and ``compare --from``, which runs it again exactly."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bohb_study import checkout
from bohb_study.cli import command_line, compare
from bohb_study.errors import UsageError
from bohb_study.identity import versions
from bohb_study.running.options import RunOptions
from bohb_study.running.provenance import diff_of, packages, provenance
from bohb_study.running.runner import run_study
from bohb_study.running.same_again import config_from
from bohb_study.store import read_study, write_study
from bohb_study.store.code_file import read_code, write_code
from bohb_study.store.study_shape import MOST_RUNS
from bohb_study.study import StudyConfig
from in_process import in_process

TASK = """
from ConfigSpace import Float
from bohb_study.tasks import ComputedTask

class Mine(ComputedTask):
    hyperparameters = [Float("x", (0, 1))]
    levels = (1, 3)

    def loss(self, config, level, seed):
        return config["x"] / level
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyConfig]:
    """A study with a task and options of its own."""
    home = tmp_path_factory.mktemp("provenance")
    (home / "mine.py").write_text(TASK)
    config = StudyConfig(
        tasks=(f"{home / 'mine.py'}:Mine", "branin-mf"), methods=("random",), budget=3, seeds=1
    )
    options = RunOptions(out=home / "results", trial_timeout=60.0)
    with in_process():
        return run_study(config, options).path, config


def test_a_run_says_what_it_was_made_with(stored: tuple[Path, StudyConfig]) -> None:
    (run,) = read_study(stored[0]).json["runs"]
    deciding = {name: text for name, text in versions().items() if name != "python"}
    assert {name: run["packages"].get(name) for name in deciding} == deciding
    assert len(run["packages"]) > 50
    assert run["python"] == versions()["python"]
    assert run["git"] == checkout.git_state()
    assert run["machine"]["cpus"] == len(os.sched_getaffinity(0))
    assert run["options"]["trial_timeout"] == 60.0
    assert run["command"]
    assert set(run["environment"]) <= {
        name for name in os.environ if name.isupper() and "TOKEN" not in name
    }
    assert "OPENBLAS_CORETYPE" in run["environment"]


def test_the_diff_of_a_dirty_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With new files of code; and a large one by its hash alone."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "code.py").write_text("one = 1\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@y"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    checkout._git_state.cache_clear()
    assert checkout.git_diff(package) == b""
    (package / "code.py").write_text("one = 2\n")
    (package / "new.py").write_text("two = 3\n")
    (package / "latin.py").write_bytes(b"# caf\xe9\n")
    (package / "secret.txt").write_text("token\n")
    (package / "link.py").symlink_to("secret.txt")
    checkout._git_state.cache_clear()
    text = checkout.git_diff(package)
    assert text is not None
    assert b"-one = 1\n+one = 2" in text
    assert b"new file package/new.py\n+two = 3" in text
    assert b"new file package/latin.py\n+# caf\xe9" in text
    assert b"token" not in text
    monkeypatch.setattr("bohb_study.running.provenance.git_diff", lambda folder: text)
    run = provenance(RunOptions())
    assert diff_of(run) == text
    monkeypatch.setattr("bohb_study.running.provenance.MOST_DIFF", 10)
    large = provenance(RunOptions())
    assert large["diff"] == {**run["diff"], "zlib": None}
    assert diff_of(large) is None
    for wrong in (
        {"zlib": "AAAA"},
        {"sha256": "0" * 64},
        {"bytes": 3},
        {"zlib": "!"},
        {"zlib": "A" * 10**6},
    ):
        with pytest.raises(ValueError, match="its diff"):
            diff_of({"diff": {**run["diff"], **wrong}})


def test_packages_that_are_half_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are left out: provenance ends no run."""
    for name, text in (("no_name", b"Version: 1\n"), ("binary", b"\xff\xfe\x00"), ("none", None)):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        if text is not None:
            (folder / "METADATA").write_bytes(text)
    known = packages()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert packages() == known


def test_so_many_runs_and_no_more(stored: tuple[Path, StudyConfig], tmp_path: Path) -> None:
    """The first one and the last ones."""
    config = replace(stored[1], tasks=("branin-mf",))
    tasks = config.resolve().tasks
    made = {**provenance(RunOptions()), "packages": {}, "diff": None}
    for number in range(MOST_RUNS + 5):
        write_study(tmp_path, "compare", config, tasks, {**made, "command": str(number)})
    write_study(tmp_path, "compare", config, tasks)
    runs = read_study(tmp_path).json["runs"]
    assert [run["command"] for run in runs] == ["0", *map(str, range(6, MOST_RUNS + 5))]


def test_it_is_the_same_study(stored: tuple[Path, StudyConfig]) -> None:
    folder, config = stored
    with pytest.raises(UsageError, match=r"would execute .*mine\.py:Mine; trust=True"):
        config_from(folder / "study.json")
    for given in (folder, folder / "study.json"):
        again = config_from(given, trust=True)
        assert again.config == config
        assert again.asked == {name: {"random": 1} for name in ("Mine", "branin-mf")}
        assert again.notes == []


def test_what_would_give_other_rows_is_refused(
    stored: tuple[Path, StudyConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code, versions, files: named, with the commit that had them; what decides nothing is said."""
    folder, _ = stored
    parts = read_code(folder)
    assert parts is not None
    commit = checkout.git_state()["commit"]
    try:
        write_code(folder, {**parts, "numpy": "1.0", "engines/virtual.py": "0" * 64})
        with pytest.raises(UsageError) as caught:
            config_from(folder, trust=True)
        assert "engines/virtual.py: changed; numpy: 1.0 -> " in str(caught.value)
        assert f"it was run at commit {commit}" in str(caught.value)
        assert "\n" not in str(caught.value)
        write_code(folder, {**parts, "methods/bohb.py": "0" * 64})  # no cell of it
        here: Any = lambda: {"pip": "0"}  # noqa: E731
        monkeypatch.setattr("bohb_study.running.same_again.packages", here)
        (note,) = config_from(folder, trust=True).notes
        assert note.startswith("packages that decide no row differ: ")
    finally:
        write_code(folder, parts)
    file = Path(read_study(folder).task_files["Mine"].task.rpartition(":")[0])
    text = file.read_text()
    try:
        file.write_text(text + f"\nopen({str(file.parent / 'executed')!r}, 'w')\n")
        with pytest.raises(UsageError, match=r"Mine is not the file that it was run with: its sha"):
            config_from(folder, trust=True)
        assert not (file.parent / "executed").exists()
    finally:
        file.write_text(text)


def test_by_the_command(
    stored: tuple[Path, StudyConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same rows in another folder; options that change results are the study's own."""
    study = str(stored[0] / "study.json")
    assert command_line.run(compare.main, ["--from", study, "--budget", "4"]) == 2
    assert "are the study's own" in capsys.readouterr().err
    assert command_line.run(compare.main, ["--from", study]) == 2
    assert "--trust" in capsys.readouterr().err
    words = ["--from", study, "--trust", "--out", str(tmp_path)]
    with in_process():
        assert command_line.run(compare.main, words) == 0
    (again,) = tmp_path.iterdir()
    assert again.name == stored[0].name

    def hashes(folder: Path) -> dict[str, str]:
        paths = folder.glob("cells/*/*/*.json")
        return {str(p.relative_to(folder)): json.loads(p.read_text())["rows_hash"] for p in paths}

    assert hashes(again) == hashes(stored[0]) != {}


def test_cells_that_were_not_asked_for_are_not_run(tmp_path: Path) -> None:
    """Two seeds of one method and one of another are three cells, not four."""
    config = StudyConfig(tasks=("branin-mf",), methods=("random",), budget=2, seeds=2)
    with in_process():
        run_study(config, RunOptions(out=tmp_path / "first"))
        grid = replace(config, methods=("grid",), seeds=1)
        folder = run_study(grid, RunOptions(out=tmp_path / "first")).path
    asked = {"branin-mf": {"random": 2, "grid": 1}}
    assert config_from(folder).asked == asked
    same = config_from(folder)
    with in_process():
        again = run_study(same.config, RunOptions(out=tmp_path / "second"), only=same.asked).path
    assert read_study(again).asked == asked
    assert len(list(again.glob("cells/*/*/*.json"))) == 3


def test_nobodys_home_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the folder of an environment; a study is passed on."""
    program = str(Path(sys.executable).with_name("bohb-study"))
    monkeypatch.setenv("PATH", str(Path(program).parent))
    monkeypatch.setattr(sys, "argv", [program, "compare", "--out", str(Path.home() / "results")])
    assert provenance(RunOptions())["command"] == "bohb-study compare --out ~/results"
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # a user without one
    assert provenance(RunOptions())["command"].startswith("bohb-study compare --out /")
    monkeypatch.setattr("os.path.expanduser", lambda path: "/")
    assert provenance(RunOptions())["command"].startswith("bohb-study compare --out /")


def test_what_a_killed_run_left_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders of journals without one; a folder that nobody owns, however late it was made."""
    config = StudyConfig(tasks=("branin-mf",), methods=("random",), budget=2, seeds=1)
    with in_process():
        folder = run_study(config, RunOptions(out=tmp_path)).path
    (folder / "journals" / "branin-mf").mkdir(parents=True)
    looked: list[bool] = []
    monkeypatch.setattr(
        "bohb_study.scratch.remove_orphans", lambda: looked.append((folder / "journals").exists())
    )
    run_study(config, RunOptions(out=tmp_path))
    assert looked == [True, False]  # when it begins, and when all else is done
