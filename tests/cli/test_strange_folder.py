"""A command that is called in a stranger's folder executes nothing of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import ray

from bohb_study.cli import entry
from bohb_study.cli.command_line import run
from bohb_study.running.options import RunOptions
from bohb_study.running.pools import connection
from bohb_study.running.pools.connection import _outside_studies
from bohb_study.running.runner import run_study
from bohb_study.study import StudyConfig
from in_process import in_process
from paper_figures import command
from paper_figures.toolkit import save

BAITS = ("bohb_study", "numpy", "pandas", "ray", "multiprocessing", "pickle", "socket", "m", "t")

LABELS = """
class Own:
    label = r"$\\frac$ <b>$</b> {{script}}"
    def __init__(self, space, seed, levels):
        self.space, self.level = space, levels[-1]
        self.space.seed(seed)
    def ask(self):
        return self.space.sample_configuration(), self.level
    def tell(self, configuration, level, loss, cost):
        pass
"""

TASK = r"""
from ConfigSpace import Categorical, Float
from bohb_study.tasks import ComputedTask

class Mine(ComputedTask):
    '''Costs in $ and \frac{$.'''
    hyperparameters = [Float(r"$\frac$ <script>", (0, 1)), Categorical(r"$\d$", [r"$\a$", "<b>"])]
    levels = (1, 3, 9)
    unit = r"$\frac$"
    val_metric = r"cost $\frac$ in $"

    def loss(self, config, level, seed):
        return config[r"$\frac$ <script>"] / level
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study full of files that say when they are executed, and of names that are no formulas."""
    home = tmp_path_factory.mktemp("strange")
    (home / "m.py").write_text(LABELS)
    (home / "t.py").write_text(TASK)
    config = StudyConfig(
        tasks=(f"{home / 't.py'}:Mine",),
        methods=("grid", "random", "bohb", f"{home / 'm.py'}:Own"),
        budget=6,
        seeds=1,
    )
    with in_process():
        folder = run_study(config, RunOptions(out=home)).path
    for name in BAITS:
        (folder / f"{name}.py").write_text(f"open({str(home / 'executed')!r}, 'a').write({name!r})")
    return folder


def test_nothing_in_it_is_imported(folder: Path) -> None:
    """By the command or by a process that it starts, which is where a cell is run again."""
    program = Path(sys.executable).with_name("bohb-study")
    words = [program, "reproduce", ".", "--sample", "1", "--trust"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "equal: " in done.stdout
    assert not (folder.parent / "executed").exists()


def test_python_does_not_search_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``python -m`` would, and so would the workers of a Ray that is started in it."""
    monkeypatch.chdir(folder / "cells")
    monkeypatch.setattr("bohb_study.start.guard", lambda **options: None)
    monkeypatch.setattr(sys, "path", [os.getcwd(), *sys.path])
    entry._guard([])
    assert os.getcwd() not in sys.path
    with _outside_studies():
        assert folder not in Path.cwd().parents
    assert Path.cwd() == folder / "cells"
    monkeypatch.chdir(folder.parent)
    with _outside_studies():
        assert Path.cwd() == folder.parent


@pytest.mark.parametrize("address", [None, "here:1"])
def test_ray_is_not_started_in_it(
    address: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**options: object) -> None:
        raise RuntimeError(os.getcwd())

    monkeypatch.chdir(folder)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(connection, "check_address", lambda address: None)
    with pytest.raises(RuntimeError) as caught, connection.connected(address):
        pass
    assert str(caught.value) != str(folder)
    assert Path.cwd() == folder


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = Path(sys.executable).with_name("bohb-study")
    script = 'cd "$1" && rmdir "$1" && exec "$2" --version'
    words = ["sh", "-c", script, "sh", str(gone), str(program)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_its_names_are_drawn_as_they_are_written(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither as formulas, which may be none, nor as HTML."""
    monkeypatch.setattr(save, "DPI", 60)
    assert run(command.main, ["--study", str(folder), "--out", str(tmp_path)]) == 0
    assert "error" not in capsys.readouterr().err
    assert len(list(tmp_path.glob("*.png"))) > 5
