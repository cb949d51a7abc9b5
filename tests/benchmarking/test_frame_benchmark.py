"""A made-up study is one that can be loaded, and what is measured is written down."""

import json
import subprocess
import sys
from pathlib import Path

from bohb_study.benchmarking.large_study import TOP, measure, write_made_up
from bohb_study.store import load_study
from repository import ROOT


def test_a_made_up_study_is_loaded_and_aggregated(tmp_path: Path) -> None:
    write_made_up(tmp_path, methods=2, seeds=3, rows=2 * TOP)
    study = load_study(tmp_path)
    assert len(study.frame) == 2 * 3 * 2 * TOP
    assert study.frame["full_evals"].max() == 2
    cost = measure(tmp_path)
    assert (cost.rows, cost.cells) == (12 * TOP, 6)
    assert min(cost.load_seconds, cost.aggregate_seconds, cost.cpu_seconds) > 0
    assert cost.peak_mb > 50


def test_the_script_writes_what_it_measured(tmp_path: Path) -> None:
    out = tmp_path / "frames.json"
    command = [sys.executable, str(ROOT / "experiments" / "benchmark.py"), "frames"]
    command += ["--methods", "2", "--seeds", "2", "--rows", "54", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    measured = json.loads(out.read_text())["measured"]
    assert (measured["rows"], measured["cells"]) == (216, 4)
    assert f"216 rows in 4 cells: load {measured['load_seconds']:.1f} s" in done.stdout


def test_nothing_to_measure_is_one_line() -> None:
    command = [sys.executable, str(ROOT / "experiments" / "benchmark.py"), "frames"]
    command += ["--rows", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (2, "error: --rows 0: must be at least 1\n")
