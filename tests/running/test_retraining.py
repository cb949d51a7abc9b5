"""Final configurations, retrained: the right ones, each kept at once, none left behind."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bohb_study.engines.base import Finished
from bohb_study.errors import StudyError, UsageError
from bohb_study.identity import code_hash, task_parts
from bohb_study.running.options import RunOptions
from bohb_study.running.retraining import retrain_finals
from bohb_study.running.retraining_plan import TrainingJob, chosen, plan
from bohb_study.running.runner import run_study
from bohb_study.seeding import canonical, config_id
from bohb_study.store import LoadedStudy, load_study, locked, read_finals
from bohb_study.store.sealed import sealed_json
from bohb_study.store.sidecars.finals_json import FINALS_FILE, Final, Training
from bohb_study.study import StudyConfig
from bohb_study.tasks import Report, Task
from bohb_study.tasks.user.user_task import read_own
from in_process import in_process
from repository import ROOT

TASK = '''
import os
import time
from dataclasses import dataclass, replace

from ConfigSpace import Categorical, Float, Integer

from bohb_study.seeding import retraining_seed
from bohb_study.tasks import ComputedTask, Report
from bohb_study.tasks.computed import ComputedEvaluation


@dataclass(frozen=True)
class Toy(ComputedTask):
    """A computed loss that can be retrained."""

    part: str = "split"
    extra_names = ("threads", "pid")
    test_metric = "test error"
    levels = (1, 3, 9)
    hyperparameters = [
        Float("lr", (1e-4, 1), log=True),
        Integer("layers", (1, 5)),
        Categorical("act", ["relu", "tanh"]),
        Categorical("skip", [True, False]),
    ]

    def loss(self, config, level, seed):
        return config["lr"] + config["layers"] / 10 + 1 / level

    def start(self, config, seed):
        return First(self, config, seed)

    def retrain(self, config, seed, repeat):
        return Again(self, config, retraining_seed(self.name, seed, config, repeat))

    def on_all_data(self):
        return replace(self, part="all")


class First(ComputedEvaluation):
    def advance(self, level):
        return super().advance(level)._replace(extra={"threads": 0.0, "pid": 0.0})


class Again(ComputedEvaluation):
    def advance(self, level):
        if gate := os.environ.get("TOY_GATE"):
            try:
                os.mkdir(gate)
            except OSError:  # all but the first go on for as long as nobody ends them
                time.sleep(600)
        try:
            os.unlink(os.environ.get("TOY_KILLER", ""))
        except OSError:
            pass
        else:  # the first to find the file dies
            os.kill(os.getpid(), 9)
        loss = self._task.loss(self._config, level, 0)
        part = 0 if self._task.part == "all" else 1
        extra = {"threads": float(os.environ.get("OMP_NUM_THREADS", 0)), "pid": os.getpid()}
        return Report(loss, part + self._seed / 2**32, 0.0, units=level, extra=extra)
'''


def toy_config(folder: Path) -> StudyConfig:
    file = folder / "toy.py"
    file.write_text(TASK)
    return StudyConfig(tasks=(f"{file}:Toy",), methods=("random", "grid"), budget=3, seeds=2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of the toy: two methods, two seeds."""
    folder = tmp_path_factory.mktemp("toy")
    with in_process():
        return run_study(toy_config(folder), RunOptions(out=folder, jobs=1)).path


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(finished, tmp_path / finished.name)


@pytest.fixture
def study(folder: Path) -> LoadedStudy:
    return load_study(folder)


class Serial:
    """Runs trainings in this process, in order; keeps their names and stops where it is told to."""

    def __init__(self) -> None:
        self.ran: list[Training] = []
        self.stop_after = 10**9

    def __call__(self, jobs: Sequence[TrainingJob], at_once: int) -> Iterator[Finished[Report]]:
        for job in jobs:
            if len(self.ran) == self.stop_after:
                raise KeyboardInterrupt
            self.ran.append(job.cell)
            yield Finished(job.cell, job.run(), None)


@pytest.fixture
def serial(monkeypatch: pytest.MonkeyPatch) -> Serial:
    runs = Serial()
    monkeypatch.setattr("bohb_study.running.pools.local.run_cells", runs)
    return runs


@pytest.fixture
def toy(study: LoadedStudy) -> Any:
    """The toy's class, as plans use it."""
    return read_own(study.study.config.tasks[0]).task_class


def stored(folder: Path) -> list[Final]:
    return read_finals(folder, load_study(folder).study.id)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / FINALS_FILE
    data = json.loads(path.read_text())
    change(data)
    path.write_bytes(sealed_json(data))


# what is planned


def test_the_best_full_evaluation_of_each_cell_is_chosen_and_rebuilt(study: LoadedStudy) -> None:
    """Fails where a cheaper report, another cell's or a numpy value gets in."""
    found = chosen(study)
    assert [str(one.cell) for one in found] == [
        "Toy/grid/0", "Toy/grid/1", "Toy/random/0", "Toy/random/1",
    ]  # fmt: skip
    for one in found:
        own = study.rows((one.cell.task, one.cell.method, one.cell.seed))
        best = own[own["level"] == 9].sort_values("val_loss").iloc[0]
        assert one.val_loss == best["val_loss"]
        assert config_id(one.config) == best["config_id"]
        types = {name: type(value) for name, value in one.config.items()}
        assert types == {"act": str, "layers": int, "lr": float, "skip": bool}
        assert json.loads(canonical(one.config)) == one.config


@pytest.mark.parametrize("column", ["hp.lr", "hp.layers", "hp.skip"])
def test_columns_that_are_not_the_configuration_are_refused(
    study: LoadedStudy, column: str
) -> None:
    frame = study.frame.copy()
    frame[column] = ~frame[column] if column == "hp.skip" else frame[column] + 1
    with pytest.raises(StudyError, match=r"Toy/grid/0: configuration [0-9a-f]{12} is not what"):
        chosen(dataclasses.replace(study, frame=frame))


def test_each_incumbent_is_planned_repeats_times_and_each_methods_best_is_refit(
    study: LoadedStudy,
) -> None:
    planned = plan(study, 3)
    cells = [one.cell for one in chosen(study)]
    first, again, last = planned[:4], planned[4:12], planned[12:]
    assert [(job.cell.repeat, job.cell.seed) for job in first] == [(0, c.seed) for c in cells]
    assert [job.cell.repeat for job in again] == [1] * 4 + [2] * 4
    assert {job.cell.kind for job in first + again} == {"retrained"}
    assert all(job.task.part == "split" for job in first + again)  # type: ignore[attr-defined]
    for job, method in zip(last, ("grid", "random"), strict=True):
        best = min((c for c in chosen(study) if c.cell.method == method), key=lambda c: c.val_loss)
        assert job.cell == Training("Toy", method, best.cell.seed, "all data", 0)
        assert job.config == best.config
        assert job.task.part == "all"  # type: ignore[attr-defined]


def test_a_cell_without_a_successful_full_evaluation_has_no_part(study: LoadedStudy) -> None:
    frame = study.frame.copy()
    frame.loc[(frame["method"] == "grid") & (frame["seed"] == 0), "status"] = "diverged"
    planned = plan(dataclasses.replace(study, frame=frame), 1)
    names = [str(job.cell) for job in planned if job.cell.method == "grid"]
    assert names == ["Toy/grid/1, retrained 0", "Toy/grid/1, all data 0"]


def test_where_nothing_is_trained_nothing_is_planned(
    study: LoadedStudy, toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy, "retrain", Task.retrain)
    assert plan(study, 3) == []


def test_a_task_that_is_not_the_one_that_was_run_is_refused(study: LoadedStudy) -> None:
    file = Path(study.study.config.tasks[0].rpartition(":")[0])
    before = file.read_text()
    file.write_text(before + "\n")
    try:
        with pytest.raises(StudyError, match="its tasks are not those that were run"):
            plan(study, 1, trust=True)
    finally:
        file.write_text(before)


# what is trained and kept


def test_trainings_have_fresh_seeds_and_are_kept(folder: Path, serial: Serial) -> None:
    finals = retrain_finals(folder, 3)
    study = load_study(folder)
    planned = plan(study, 3)
    assert serial.ran == [job.cell for job in planned] == [final.training for final in finals]
    for job, final in zip(planned, finals, strict=True):
        expected = job.task.retrain(job.config, job.cell.seed, job.cell.repeat).advance(9)
        assert (final.val_loss, final.test_loss) == (expected.val_loss, expected.test_loss)
        assert (final.config, final.status) == (job.config, "ok")
        assert final.run["code"] == code_hash(task_parts(job.cell.task))
        assert {"commit", "dirty"} == final.run["git"].keys()
    by_cell = {(f.training.method, f.training.seed, f.test_loss) for f in finals[:12]}
    assert len(by_cell) == 12
    kept = stored(folder)
    assert [dataclasses.replace(f, seconds=0) for f in finals] == [
        dataclasses.replace(f, seconds=0) for f in kept
    ]
    assert len(json.loads((folder / FINALS_FILE).read_text())["runs"]) == 1


def test_what_two_methods_chose_is_trained_once(
    folder: Path, serial: Serial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Methods that draw the same configurations often choose the same; another seed is another."""
    job = plan(load_study(folder), 1)[0]
    twin = dataclasses.replace(job, cell=dataclasses.replace(job.cell, method="twin"))
    other = dataclasses.replace(job, cell=dataclasses.replace(job.cell, method="twin", seed=7))
    monkeypatch.setattr(
        "bohb_study.running.retraining.plan", lambda study, n, **_: [job, twin, other]
    )
    finals = retrain_finals(folder, 1)
    assert serial.ran == [job.cell, other.cell]
    assert [final.training for final in finals] == [job.cell, twin.cell, other.cell]
    assert finals[0].test_loss == finals[1].test_loss != finals[2].test_loss
    assert [final.training for final in stored(folder)] == [job.cell, twin.cell, other.cell]


def test_what_is_kept_is_not_retrained(folder: Path, serial: Serial) -> None:
    first = retrain_finals(folder, 2)
    serial.ran.clear()
    before = (folder / FINALS_FILE).stat()
    assert [f.test_loss for f in retrain_finals(folder, 2)] == [f.test_loss for f in first]
    assert serial.ran == []
    assert (folder / FINALS_FILE).stat().st_mtime_ns == before.st_mtime_ns
    more = retrain_finals(folder, 3)
    assert [training.repeat for training in serial.ran] == [2] * 4
    assert len(more) == 14
    assert len(retrain_finals(folder, 1)) == len(stored(folder)) == 6


def test_interrupted_each_finished_training_is_kept(folder: Path, serial: Serial) -> None:
    serial.stop_after = 5
    with pytest.raises(KeyboardInterrupt):
        retrain_finals(folder, 3)
    assert [final.training for final in stored(folder)] == serial.ran
    done = list(serial.ran)
    serial.stop_after = 10**9
    assert len(retrain_finals(folder, 3)) == 14
    assert len(serial.ran) == 14
    assert not set(done) & set(serial.ran[5:])


def _other_code(data: dict[str, Any]) -> None:
    data["runs"][0]["code"] = "0" * 64


def _other_incumbent(data: dict[str, Any]) -> None:
    row = data["trainings"][0]
    row["config"]["lr"] = 0.5
    row["config_id"] = config_id(row["config"])


def _failed(data: dict[str, Any]) -> None:
    data["trainings"][1]["status"] = "failed"


def _diverged(data: dict[str, Any]) -> None:
    data["trainings"][1] |= {"status": "diverged", "val_loss": None, "test_loss": None}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (_other_code, [0, 1, 2, 3, 4, 5]),
        (_other_incumbent, [0]),
        (_failed, [1]),
        (_diverged, []),  # a result, and it would come out again
    ],
)
def test_what_is_stale_is_retrained(
    folder: Path, serial: Serial, change: Callable[[dict[str, Any]], None], again: list[int]
) -> None:
    first = retrain_finals(folder, 1)
    serial.ran.clear()
    rewritten(folder, change)
    second = retrain_finals(folder, 1)
    assert [first.index(f) for f in first if f.training in serial.ran] == again
    assert [f.config_id for f in second] == [f.config_id for f in first]
    assert {f.run["code"] for f in stored(folder)} == {
        code_hash(task_parts(first[0].training.task))
    }


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (RuntimeError("out of luck\nand more"), "RuntimeError: out of luck"),
        (SystemExit("bad configuration"), "SystemExit: bad configuration"),
        (UsageError("no data"), "UsageError: no data"),
        (
            Report(float("nan"), 0.5, 0.0, 9),
            "ValueError: the loss is nan: it must be finite, and below 2**1000 in size",
        ),
    ],
)
def test_a_training_that_fails_is_a_row(
    folder: Path,
    serial: Serial,
    toy: Any,
    monkeypatch: pytest.MonkeyPatch,
    report: Any,
    message: str,
) -> None:
    whole = toy.retrain

    class Bad:
        def advance(self, level: int) -> Report:
            if isinstance(report, BaseException):
                raise report
            return report  # type: ignore[no-any-return]

    def retrain(self: Any, config: Any, seed: int, repeat: int) -> Any:
        return Bad() if repeat == 1 and seed == 0 else whole(self, config, seed, repeat)

    monkeypatch.setattr(toy, "retrain", retrain)
    finals = retrain_finals(folder, 2)
    assert len(finals) == 10
    bad = [f for f in stored(folder) if f.status != "ok"]
    assert [(f.training.seed, f.training.repeat) for f in bad] == [(0, 1), (0, 1)]
    for final in bad:
        assert (final.status, final.message) == ("failed", message)
        assert np.isnan([final.val_loss, final.test_loss]).all()
        assert final.extra == {"threads": None, "pid": None}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "damaged: is not JSON"),
        ('{"schema": 1, "study": "other"}', "damaged: belongs to study other, not "),
        ('{"schema": 1}', "damaged: lacks study"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(
    folder: Path, serial: Serial, text: str, why: str
) -> None:
    (folder / FINALS_FILE).write_text(text)
    with pytest.raises(StudyError) as error:
        retrain_finals(folder, 1)
    assert str(error.value).startswith(f"{folder / FINALS_FILE}: {why}")
    assert "remove it and run the same command again" in str(error.value)
    assert "\n" not in str(error.value)
    assert serial.ran == []


def test_one_writer_at_a_time(folder: Path, serial: Serial) -> None:
    with locked(folder), pytest.raises(StudyError, match="is being written by process"):
        retrain_finals(folder, 1)
    assert serial.ran == []


# in processes


def test_processes_of_their_own_with_one_thread_each(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    finals = retrain_finals(folder, 2, jobs=2)
    assert {f.extra["threads"] for f in finals} == {1.0}
    pids = {f.extra["pid"] for f in finals}
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids
    out, told = capfd.readouterr()
    assert out == ""
    lines = told.splitlines()
    assert lines[0] == "study of 10 trainings off the ledger"
    assert lines[-1].endswith("(10/10 trainings off the ledger)")


def test_a_process_that_is_killed_fails_its_training_only(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = tmp_path / "killer"
    killer.touch()
    monkeypatch.setenv("TOY_KILLER", str(killer))
    finals = retrain_finals(folder, 1, jobs=1)
    assert [f.message for f in finals] == ["its process was killed by SIGKILL"] + [""] * 5
    assert [f.status for f in finals] == ["failed"] + ["ok"] * 5
    assert np.isnan(finals[0].test_loss)


# A shell has its background jobs ignore Ctrl-C, and what they start inherits that.
SCRIPT = """
import signal
import sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from bohb_study.cli import command_line
from bohb_study.running.retraining import retrain_finals
main = lambda words: len(retrain_finals(Path(words[0]), 1, 2, trust=True)) and 0
sys.exit(command_line.run(main, sys.argv[1:]))
"""


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(tmp_path: Path) -> None:
    """As a terminal sends it, to the whole group; the same command then goes on."""
    with in_process():
        folder = run_study(toy_config(tmp_path), RunOptions(out=tmp_path, jobs=1)).path
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TOY_GATE": str(tmp_path / "gate")},
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (folder / FINALS_FILE).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    kept = stored(folder)
    assert len(kept) == 1
    assert not list(folder.glob(".finals*"))
    with in_process():
        done = retrain_finals(folder, 1)
    assert len(done) == 6
    again = {f.training: f for f in done}
    assert all(again[f.training].extra == f.extra for f in kept)
