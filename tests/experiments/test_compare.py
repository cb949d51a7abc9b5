"""The main job as a user starts it: in a process of its own, killed, interrupted, tampered with."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from bohb_study import StudyConfig, load_results, run_study
from bohb_study.cli import command_line, compare, reproduce
from bohb_study.engines.base import CellJob, CellResult, run_cell
from bohb_study.running.options import RunOptions
from bohb_study.store import load_study
from bohb_study.store.parquet import ORIGIN, parquet_bytes
from bohb_study.store.sealed import sealed_json
from in_process import in_process
from paper_figures import command
from repository import ROOT

pytestmark = [pytest.mark.ray, pytest.mark.long]

COMPARE = ROOT / "experiments" / "compare.py"
REPRODUCE = ROOT / "experiments" / "reproduce.py"
SMALL = ["--task-options", "digits.epochs=3", "--budget", "6", "--seeds", "1"]
SMALL += ["--methods", "random", "bohb"]
UNITS = 6 * 3

SLOW = """
import time
from ConfigSpace import Float
from bohb_study.tasks import ComputedTask


class Slow(ComputedTask):
    name = "slow"
    hyperparameters = [Float("x", (0.0, 1.0))]
    levels = (1, 3)

    def loss(self, config, level, seed):
        time.sleep(0.2)
        return config["x"] / level
"""
"""A task whose cells take seconds and whose processes start quickly: they load no PyTorch."""


def run(script: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    started = [str(word) for word in (sys.executable, script, *words)]
    return subprocess.run(started, capture_output=True, text=True, timeout=300, cwd=ROOT)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The arguments of a small study of ``SLOW``."""
    file = tmp_path_factory.mktemp("task") / "slow.py"
    file.write_text(SLOW)
    given = ["--tasks", f"{file}:Slow", "--budget", "6", "--seeds", "1"]
    return [*given, "--methods", "random", "asha"]


@pytest.fixture(scope="module")
def finished_slow(slow: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That study, run once without trouble and in this process."""
    tasks, methods = (slow[1],), tuple(slow[slow.index("--methods") + 1 :])
    config = StudyConfig(tasks=tasks, methods=methods, budget=6, seeds=1)
    with in_process():
        return run_study(config, RunOptions(tmp_path_factory.mktemp("slow"))).path


def hashes(study: Path) -> dict[tuple[str, str, int], str]:
    """What must be equal between runs, by cell."""
    return {key: record.rows_hash for key, record in load_study(study).cells.items()}


def running(pid: str) -> bool:
    """Whether a process runs; one that has ended and that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study, run once without trouble."""
    out = tmp_path_factory.mktemp("results")
    done = run(COMPARE, *SMALL, "--out", out, "--csv", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    (folder,) = out.glob("compare-*")
    for word in ("random", "bohb", "charged in epochs", f" {UNITS} ", str(folder)):
        assert word in done.stdout
    return folder


def test_what_it_writes(finished: Path) -> None:
    """Every cell spent the same, each parquet opens by itself, and the CSV holds all rows."""
    frame = load_results(finished)
    assert (frame.groupby(["method", "seed"])["units"].sum() == UNITS).all()
    assert frame.groupby(["method", "seed"]).ngroups == 2
    cell = pd.read_parquet(finished / "cells" / "digits" / "bohb" / "0.parquet")
    assert cell["units_total"].iloc[-1] == UNITS
    assert len(pd.read_csv(finished / "results.csv")) == len(frame)
    for name in ("anytime.png", "anytime.pdf", "anytime.svg"):
        assert (finished / "figures" / name).stat().st_size > 5_000
    assert "Anytime performance" in (finished / "report.html").read_text()
    # all methods see the same split: the same configuration trains to the same losses
    same = frame.groupby(["seed", "config_id", "level"])["val_loss"].nunique()
    assert (same == 1).all()
    shared = frame.groupby(["seed", "config_id"])["method"].nunique()
    assert (shared == 2).any()


def test_again_runs_nothing_and_draws_the_same(finished: Path, tmp_path: Path) -> None:
    """In this process, where others have imported and drawn much before."""
    cells = sorted((finished / "cells").rglob("*.parquet"))
    before = [(cell.stat().st_mtime_ns, cell.read_bytes()) for cell in cells]
    assert command_line.run(compare.main, [*SMALL, "--out", str(finished.parent)]) == 0
    assert [(cell.stat().st_mtime_ns, cell.read_bytes()) for cell in cells] == before
    only = ["--figures", "anytime", "--out", str(tmp_path)]
    assert command_line.run(command.main, ["--study", str(finished), *only]) == 0
    for name in ("anytime.png", "anytime.pdf", "anytime.svg"):
        assert (tmp_path / name).read_bytes() == (finished / "figures" / name).read_bytes()


def test_fresh_and_one_at_a_time_gives_the_same_rows(slow: list[str], finished_slow: Path) -> None:
    """In a new folder beside the first, which stays as it is."""
    again = [*slow, "--out", str(finished_slow.parent), "--fresh", "--jobs", "1"]
    with in_process():
        assert command_line.run(compare.main, again) == 0
    second = finished_slow.with_name(finished_slow.name + ".2")
    assert hashes(second) == hashes(finished_slow)


def test_a_real_ray_tune_gives_the_same_rows(
    slow: list[str], finished_slow: Path, tmp_path: Path, runtime: None
) -> None:
    """The default, at one worker, is the virtual clock: in a study of its own, equal."""
    records = load_study(finished_slow).cells.values()
    assert {record.engine for record in records} == {"virtual"}
    only_random = slow[:-1]
    words = [*only_random, "--out", str(tmp_path), "--engine", "tune"]
    assert command_line.run(compare.main, words) == 0
    (folder,) = tmp_path.iterdir()
    assert folder.name != finished_slow.name
    assert [record.engine for record in load_study(folder).cells.values()] == ["tune"]
    assert hashes(folder).items() <= hashes(finished_slow).items()


@pytest.fixture
def started(slow: list[str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The same study in another folder, one of whose cells is done."""
    process = subprocess.Popen(
        [sys.executable, str(COMPARE), *slow, "--out", str(tmp_path), "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("*/cells/*/*/*.json")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process, tmp_path
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_killed_half_way(
    started: tuple[subprocess.Popen[str], Path],
    slow: list[str],
    finished_slow: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """SIGKILL loses the cells that were running and nothing else."""
    process, out = started
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (folder,) = out.iterdir()
    done = {p: p.stat().st_mtime_ns for p in folder.glob("cells/*/*/*.json")}
    assert len(done) == 1
    with in_process():
        assert command_line.run(compare.main, [*slow, "--out", str(out)]) == 0
    assert f"{len(done)} of them done before" in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in done} == done
    assert hashes(folder) == hashes(finished_slow)
    # the process that ran the cell found out that nobody listens
    deadline = time.monotonic() + 30
    while any(running(pid) for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_interrupted(
    slow: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Ctrl-C ends with one line that says how to go on; finished cells are kept."""

    def second(job: CellJob) -> CellResult:
        if job.cell.method == "asha":
            raise KeyboardInterrupt
        return run_cell(job)

    monkeypatch.setattr(CellJob, "run", second)
    monkeypatch.setattr(sys, "argv", ["experiments/compare.py"])
    with in_process():
        assert command_line.run(compare.main, [*slow, "--out", str(tmp_path)]) == 130
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("interrupted: finished cells are kept; go on with: python")
    assert "--budget 6" in last
    (folder,) = tmp_path.iterdir()
    assert len(load_study(folder, allow_missing=True).cells) == 1
    assert not list(folder.rglob("*.tmp"))


def test_on_a_running_cluster(
    slow: list[str],
    finished_slow: Path,
    tmp_path: Path,
    cluster_address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Engine virtual, with the cluster's token; without, one line says that it is missing.

    Engine tune at an address differs in nothing but the engine (test_gpus.py has both).
    """
    monkeypatch.delenv("RAY_AUTH_MODE")
    there = ["--out", tmp_path, "--address", cluster_address]
    done = run(COMPARE, *slow, *there)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("compare-*")
    assert hashes(folder) == hashes(finished_slow)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    refused = run(COMPARE, *slow, *there, "--fresh")
    assert refused.returncode == 2
    assert "token" in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr


@pytest.fixture
def cluster_address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Ray that somebody else started, with the token that clusters ask for."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "5e" * 32)
    script = (
        "import ray, sys; ray.init(address='local', num_cpus=2, include_dashboard=False);"
        "print(ray.get_runtime_context().gcs_address, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


def test_reproduced_and_then_not(
    finished_slow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Equal rows exit 0; one loss changed by hand, with its hash, exits 1 and is named."""
    study = shutil.copytree(finished_slow, tmp_path / finished_slow.name)
    equal = run(REPRODUCE, study, "--trust", "--jobs", "1", "--sample", "1")
    assert equal.returncode == 0, equal.stderr
    assert "equal:" in equal.stdout

    for parquet in study.glob("cells/*/*/0.parquet"):
        frame = pd.read_parquet(parquet)
        frame.loc[4, "val_loss"] += 1e-12
        origin = json.loads(pq.read_schema(parquet).metadata[ORIGIN])
        parquet.write_bytes(parquet_bytes(frame, origin))
        beside = parquet.with_suffix(".json")
        record = json.loads(beside.read_text())
        record["sha256"] = hashlib.sha256(parquet.read_bytes()).hexdigest()
        beside.write_bytes(sealed_json(record))
    with in_process():
        assert command_line.run(reproduce.main, [str(study), "--trust", "--sample", "1"]) == 1
    assert "row 4, column val_loss" in capsys.readouterr().err
