"""How far a study is: heartbeats while it runs, and what ``bohb-study status`` says of it."""

import fcntl
import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bohb_study.cli import command_line, status
from bohb_study.running.heartbeats import HeartbeatProgress, heartbeats
from bohb_study.running.options import RunOptions
from bohb_study.running.progress import CellProgress
from bohb_study.running.runner import run_study
from bohb_study.running.status import lines_of, status_of
from bohb_study.store import read_study
from bohb_study.store.journals import journal_place
from bohb_study.store.locking import holder, locked
from bohb_study.store.sealed import read_json, sealed_json
from bohb_study.store.sidecars.heartbeat_json import (
    HEARTBEAT_FILE,
    Heartbeat,
    RunningCell,
    read_heartbeat,
    write_heartbeat,
)
from bohb_study.study import Cell, StudyConfig
from in_process import in_process


class Silent:
    """A progress that shows nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given, **named: None


BEAT = Heartbeat(
    process=7,
    host="far",
    began="2026-01-01T00:00:00+00:00",
    written="2026-01-01T00:01:00+00:00",
    seconds=60.0,
    cells=3,
    done=1,
    failed=0,
    seconds_left=3600.0,
    running=(RunningCell("branin-mf/bohb/0", 40, 90, 0.25, 30.0),),
    end=None,
    command="bohb-study compare --tasks branin-mf",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two cells."""
    config = StudyConfig(tasks=("branin-mf",), methods=("random", "bohb"), budget=2, seeds=1)
    with in_process():
        return run_study(config, RunOptions(out=tmp_path_factory.mktemp("status"))).path


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    copy = tmp_path / finished.name
    for path in finished.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(finished)).parent.mkdir(parents=True, exist_ok=True)
            (copy / path.relative_to(finished)).write_bytes(path.read_bytes())
    return copy


def said(folder: Path) -> list[str]:
    return list(lines_of(status_of(folder)))


def test_a_finished_study(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, who = said(finished)
    assert first == f"{finished.name}: 2 of 2 cells done"
    assert who.startswith("  its last command ended, 0:0")
    assert command_line.run(status.main, [str(finished.parent)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == first
    assert command_line.run(status.main, [str(finished), "--json"]) == 0
    given = json.loads(capsys.readouterr().out)
    assert (given["done"], given["failed"], given["left"]) == (2, {}, [])
    assert given["heartbeat"]["end"] == "finished"


def test_cells_that_went_on_are_counted(folder: Path) -> None:
    path = folder / "cells/branin-mf/random/0.json"
    record = read_json(path)
    resumed = {"times": 1, "reports": 7, "repeated": 0}
    path.write_bytes(sealed_json({**record, "resumed": resumed}))
    assert said(folder)[:2] == [
        f"{folder.name}: 2 of 2 cells done",
        "  1 of them went on after they had been killed",
    ]


def test_a_killed_study(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One cell is damaged and one is missing: exit 1, and how to go on."""
    study = read_study(folder)
    (folder / "cells/branin-mf/bohb/0.json").unlink()
    damaged = folder / "cells/branin-mf/random/0.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    journal = journal_place(folder, Cell("branin-mf", "bohb", 0)).path
    journal.parent.mkdir(parents=True)
    journal.touch()
    write_heartbeat(folder, study.id, BEAT)
    assert command_line.run(status.main, [str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder.name}: 0 of 2 cells done"
    assert lines[1].startswith("  its command was killed after the last heartbeat, ")
    assert lines[2].startswith("  failed  branin-mf/random/0: damaged: ")
    assert lines[3:] == [
        "  left    branin-mf/bohb/0: begun, goes on where it was",
        "  go on with: bohb-study compare --tasks branin-mf",
    ]


def test_a_running_study(folder: Path) -> None:
    """Who has the lock is found out without taking it."""
    study = read_study(folder)
    (folder / "cells/branin-mf/bohb/0.json").unlink()
    write_heartbeat(folder, study.id, BEAT)
    assert holder(folder) is None
    with locked(folder):
        held = holder(folder)
        assert held is not None
        assert (held.process, held.host, held.here) == (
            str(os.getpid()),
            socket.gethostname(),
            True,
        )
        lines = said(folder)
        assert lines[1].startswith(f"  being run by process {os.getpid()} on ")
        assert lines[1].endswith("which is long: does its machine still run?")
        assert lines[2].startswith("  0:00 left at the pace so far: done at about 20")
        assert lines[3:] == ["  running branin-mf/bohb/0: 40 of 90 units, best loss 0.25, for 0:30"]
    (folder / ".lock").write_text("12 elsewhere\n")
    assert said(folder)[1].startswith("  being run by its own word by process 12 on elsewhere")
    (folder / ".lock").write_text(f"12 {socket.gethostname()}\n")
    assert holder(folder) is None
    with (folder / ".lock").open() as file:  # as long as this takes, others could not begin
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_is_no_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, why in ((tmp_path, "no study there"), (tmp_path / "none", "No such file")):
        assert command_line.run(status.main, [str(path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert why in line


def test_a_heartbeat_from_anybody(folder: Path) -> None:
    """Damaged, of another study, with a time that is none: a line, and the rest is shown."""
    study = read_study(folder)
    for beat, text in ((BEAT, "x"), (replace(BEAT, written="noon"), None)):
        write_heartbeat(folder, study.id, beat)
        if text:
            path = folder / HEARTBEAT_FILE
            path.write_text(path.read_text().replace("far", text))
        lines = said(folder)
        assert lines[0] == f"{folder.name}: 2 of 2 cells done"
        assert any("heartbeat.json" in line for line in lines)
    write_heartbeat(folder, "0" * 8, BEAT)
    assert any("belongs to study 00000000" in line for line in said(folder))


def test_heartbeats_while_cells_run() -> None:
    """At the beginning, at each new cell, every ten seconds and at the end; by a clock of one's own
    that nobody sets back.
    """
    beats: list[Heartbeat] = []
    now = 0.0
    progress = HeartbeatProgress(Silent(), beats.append, lambda: now)  # type: ignore[arg-type]
    progress.start({"a": 100, "b": 100}, stored=())
    assert (beats[-1].cells, beats[-1].done, beats[-1].running) == (2, 0, ())
    progress.update(CellProgress("a", 0, 100, None))
    assert beats[-1].running == (RunningCell("a", 0, 100, None, 0.0),)
    count = len(beats)
    now = 9.0
    progress.update(CellProgress("a", 50, 100, 0.5))
    assert len(beats) == count
    now = 10.0
    progress.update(CellProgress("a", 50, 100, 0.5))
    assert len(beats) == count + 1
    assert beats[-1].running == (RunningCell("a", 50, 100, 0.5, 10.0),)
    assert beats[-1].seconds_left == 30.0
    progress.finish("a", ok=False, seconds=12.0, best=None)
    progress.beat("finished")
    assert (beats[-1].failed, beats[-1].running, beats[-1].end) == (1, (), "finished")


@pytest.mark.parametrize(
    ("error", "end"), [(None, "finished"), (KeyboardInterrupt, "interrupted"), (OSError, "failed")]
)
def test_the_last_heartbeat_says_how_it_ended(error: Any, end: str, tmp_path: Path) -> None:
    def run() -> None:
        with heartbeats(tmp_path, "0" * 8, Silent()) as progress:  # type: ignore[arg-type]
            progress.start({"a": 1})
            if error:
                raise error

    if error:
        with pytest.raises(error):
            run()
    else:
        run()
    beat = read_heartbeat(tmp_path, "0" * 8)
    assert beat is not None
    assert beat.end == end


def test_a_folder_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / HEARTBEAT_FILE).mkdir()
    write_heartbeat(tmp_path, "0" * 8, BEAT)
