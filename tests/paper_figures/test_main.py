import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bohb_study import cli
from paper_figures.__main__ import main

ROOT = Path(__file__).parents[2]


def test_without_results_paper_one_line_and_exit_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "paper_figures"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "error: no studies in results/paper: name one with --study PATH\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--study", "nowhere"], "nowhere"),
        (["--stduy", "x"], "--stduy"),
        (["--out", "x"], "--out x: only with --study"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(main, argv) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert said.count("\n") == 1


def test_a_missing_cell_stops_with_exit_1_unless_allowed(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stored / "cells/digits/bohb/1.json").unlink()
    assert cli.run(main, ["--study", str(stored)]) == 1
    assert "digits/bohb/1" in capsys.readouterr().err
    assert not (stored / "figures").exists()
    assert cli.run(main, ["--study", str(stored), "--allow-missing"]) == 0
    assert (stored / "figures/anytime.pdf").exists()


def test_without_a_study_all_of_results_paper_are_drawn(
    stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = stored.parent / "home"
    (home / "results/paper").mkdir(parents=True)
    shutil.copytree(stored, home / "results/paper/a part")
    stored.rename(home / "results/paper/first")
    (home / "results/paper/first/figures").mkdir()
    monkeypatch.chdir(home)
    assert cli.run(main, []) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"results/paper/first/figures/anytime.{form}" for form in ("pdf", "png", "svg")
    ]
