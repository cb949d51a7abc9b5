"""The set-up refuses in one line what it cannot work with, before anything is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repository import ROOT


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder with what the set-up reads, and no .venv."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "-C", str(folder), "--no-print-directory", *arguments],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def interpreter(path: Path, change: str) -> str:
    """This Python, but with ``change`` done to it before it runs anything."""
    path.mkdir()
    (path / "sitecustomize.py").write_text(change)
    python = path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return str(python)


@pytest.mark.parametrize("target", ["compare", "figures", "reproduce", "test", "lint", "docs"])
def test_every_target_needs_a_python_that_runs(fresh: Path, target: str) -> None:
    ended = make(fresh, target, "PYTHON=no-such-python")
    said, of_make = ended.stderr.splitlines()
    assert said == "set-up needs Python 3.11 to 3.13: no-such-python does not run"
    assert of_make.startswith("make: ***")
    assert ended.returncode != 0
    assert not (fresh / ".venv").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("import sys; sys.version_info = (3, 10)", "set-up needs Python 3.11 to 3.13, {} is 3.10"),
        ("import sys; sys.version_info = (3, 14)", "set-up needs Python 3.11 to 3.13, {} is 3.14"),
        (
            "import sysconfig; sysconfig.get_path = lambda name: '/nowhere'",
            "set-up needs the Python headers, /nowhere/Python.h",
        ),
        (
            "import sysconfig; sysconfig.get_config_var = lambda name: 'no-cc -pthread'",
            "set-up needs the C compiler no-cc",
        ),
        (
            "import importlib.util as u; find = u.find_spec\n"
            "u.find_spec = lambda name, *rest: name != 'ensurepip' and find(name, *rest)",
            "set-up needs Python's venv module",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line(fresh: Path, change: str, says: str) -> None:
    python = interpreter(fresh / "changed", change)
    ended = make(fresh, "compare", f"PYTHON={python}", CC="")
    said, of_make = ended.stderr.splitlines()
    assert said.startswith(says.format(python))
    assert of_make.startswith("make: ***")
    assert not (fresh / ".venv").exists()


@pytest.fixture
def ready(fresh: Path) -> Path:
    """The same with the stamps that a whole set-up leaves."""
    (fresh / ".venv").mkdir()
    for stamp in ("installed", "installed-dev"):
        (fresh / ".venv" / stamp).write_text(f"{fresh}\n")
    return fresh


def test_nothing_is_set_up_again_where_nothing_changed(ready: Path) -> None:
    commands = make(ready, "--dry-run", "test", "ARGS=-k ledger").stdout.splitlines()
    assert commands == [".venv/bin/python -m pytest -k ledger"]


@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml", "constraints.txt"])
def test_a_change_sets_up_again(ready: Path, name: str) -> None:
    later = (ready / ".venv" / "installed").stat().st_mtime + 10
    os.utime(ready / name, (later, later))
    assert "pip install" in make(ready, "--dry-run", "compare").stdout


def test_a_copied_folder_sets_up_again(ready: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(ready, tmp_path / "copy")
    assert "venv --clear" in make(copy, "--dry-run", "compare").stdout


def test_reproduce_takes_the_newest_study(ready: Path) -> None:
    ended = make(ready, "--dry-run", "reproduce")
    assert "no study under results yet" in ended.stderr
    for age, name in enumerate(["compare-new", "compare-old"]):
        study = ready / "results" / name / "study.json"
        study.parent.mkdir(parents=True)
        study.touch()
        os.utime(study, (1e9 - age, 1e9 - age))
    command = make(ready, "--dry-run", "reproduce").stdout
    assert command.endswith("experiments/reproduce.py results/compare-new --sample 2\n")
