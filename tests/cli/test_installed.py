"""The installed command: built as a wheel, installed apart from the checkout, run elsewhere."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from repository import ROOT

pytestmark = pytest.mark.long

SOURCES = ("bohb_study", "paper_figures", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
SMALL = ("--tasks", "counting-ones-8", "--methods", "random", "asha", "--budget", "2")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the sources, so that the checkout stays as it is."""
    home = tmp_path_factory.mktemp("sources")
    ignored = shutil.ignore_patterns("__pycache__", "gallery")
    for name in (*SOURCES, "CITATION.cff"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        more = {"ignore": ignored} if (ROOT / name).is_dir() else {}
        copy(ROOT / name, home / name, **more)
    target = tmp_path_factory.mktemp("wheel")
    words = ["wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", str(target)]
    subprocess.run([*PIP, *words], cwd=home, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment that has the wheel, and the packages of this one
    without its own installation of the project."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    (packages,) = (home / "lib").glob("python*/site-packages")
    # a folder that is named in a .pth file has its own .pth files left alone
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = str(home / "bin" / "python")
    words = ["--python", python, "install", "--no-deps", "--no-index", "--ignore-installed"]
    subprocess.run([*PIP, *words, str(wheel)], check=True, capture_output=True, cwd=home)
    return home / "bin"


def called(
    installed: Path, *words: str | Path, code: int = 0, command: str = "bohb-study"
) -> subprocess.CompletedProcess[str]:
    """Runs a command of the environment, below it, with nothing of the checkout on the path."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "BOHB_STUDY"))}
    done = subprocess.run(
        [str(installed / command), *map(str, words)],
        capture_output=True,
        text=True,
        env=clean,
        cwd=installed.parent,
        timeout=300,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_wheel_has_all_that_is_used(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("bohb_study", "paper_figures"):
        assert f"{package}/py.typed" in names
        used = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / package).rglob("*")
            if path.suffix in {".py", ".css", ".js", ".html", ".csv", ".json"}
            and "gallery" not in path.parts
        }
        assert used <= names
    (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    said = zipfile.ZipFile(wheel).read(metadata).decode()
    assert "Description-Content-Type: text/markdown" in said
    assert {"License-File: LICENSE", "License-File: CITATION.cff"} <= set(said.splitlines())


def test_it_says_what_it_can_do(installed: Path) -> None:
    where = "import bohb_study, paper_figures; print(bohb_study.__file__, paper_figures.__file__)"
    found = called(installed, "-c", where, command="python").stdout.split()
    assert all(Path(file).is_relative_to(installed.parent) for file in found)
    overview = called(installed, "--help").stdout
    for command in ("compare", "status", "reproduce", "figures", "paper", "pack", "bench"):
        assert f"\n  {command} " in overview
    assert called(installed, "--version").stdout == "bohb-study 0.1.0\n"
    assert "usage: bohb-study compare" in called(installed, "compare", "--help").stdout
    assert "27/9/3/1 at 1/3/9/27" in called(installed, "compare", "--dry-run").stdout
    unknown = called(installed, "comprae", code=2).stderr
    assert unknown.startswith("error: comprae: no such command; allowed: compare, status, ")
    assert called(installed, code=2).stdout == overview


def test_a_study_from_the_run_to_the_page(installed: Path) -> None:
    home = installed.parent
    ran = called(installed, "compare", *SMALL, "--seeds", "2")
    assert ran.stderr.count("started anew") == 0
    (study,) = (home / "results").glob("compare-*")
    assert (study / "report.html").stat().st_size > 10_000
    for path in (study / "cells").rglob("*.json"):
        assert json.loads(path.read_text())["git"] == {"commit": None, "dirty": None}
    drawn = called(installed, "figures", "--study", study, "--figures", "anytime", "--out", "drawn")
    assert "drawn/anytime.pdf" in drawn.stdout
    assert "equal: " in called(installed, "reproduce", study, "--sample", "1").stdout
    packed = called(installed, "pack", study, "packed").stdout
    assert "packed/cells.parquet: " in packed
    assert "audit: passes" in packed


def test_numbers_are_computed_under_the_baseline(installed: Path) -> None:
    """Started where instructions are hidden from glibc, it is started anew by its own name."""
    hidden = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2_Usable", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [installed / "bohb-study", "compare", "--name", "."],
        capture_output=True,
        text=True,
        env=hidden,
        cwd=installed.parent,
    )
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("started anew, to compute as x86-64-v3 does: GLIBC_TUNABLES")
    assert second.startswith("error: --name '.': must be a plain file name")


def test_what_a_checkout_alone_has_is_said(installed: Path) -> None:
    missing = called(installed, "figures", code=2).stderr
    assert missing == "error: no studies in results/paper: name one with --study PATH\n"
    unpacked = called(installed, "paper", "--claims", code=1).stderr
    assert "its studies are not packed in results/paper" in unpacked
