"""One writer a study, and no lock that outlives its process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bohb_study.errors import StudyError
from bohb_study.store import locked
from repository import ROOT

HOLD = """
import sys
from pathlib import Path
from bohb_study.store.locking import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of ``folder``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_told_who_writes(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        line = rf"being written by process {process.pid} on \S+; wait for it or use fresh=True"
        with pytest.raises(StudyError, match=line), locked(tmp_path):
            pass


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / ".lock").read_text().startswith(f"{process.pid} ")
        with locked(tmp_path):
            assert (tmp_path / ".lock").read_text().startswith(f"{os.getpid()} ")


def test_the_lock_holds_within_one_process_too(tmp_path: Path) -> None:
    held = pytest.raises(StudyError, match=f"process {os.getpid()}")
    with locked(tmp_path), held, locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_an_exception_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    with locked(tmp_path):
        pass


def test_programs_started_meanwhile_do_not_inherit_the_lock(tmp_path: Path) -> None:
    with locked(tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child, locked(tmp_path):
        child.kill()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"cannot lock .*nowhere"), locked(tmp_path / "nowhere"):
        pass
