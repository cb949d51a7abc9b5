"""Temporary folders with an owner: what a killed process has left is removed by the next run."""

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from bohb_study.scratch import OWNER, OwnedFolder, remove_orphans

OWNING = """
import os, sys, time
from bohb_study.scratch import OwnedFolder
folder = OwnedFolder("bohb-study-", sys.argv[1])
open(os.path.join(folder.name, "file"), "w").close()
if os.fork() == 0:
    time.sleep(30)
    os._exit(0)
print(folder.name, flush=True)
sys.stdin.read()
"""


def test_what_a_living_process_owns_stays_and_what_a_dead_one_owned_goes(tmp_path: Path) -> None:
    """Even where a fork of it lives on."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNING, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        try:
            assert remove_orphans(tmp_path) == []
            assert (folder / "file").exists()
            process.kill()
            process.wait()
            until = time.monotonic() + 20
            gone = remove_orphans(tmp_path)
            while not gone and time.monotonic() < until:  # the fork may not have run at all yet
                time.sleep(0.05)
                gone = remove_orphans(tmp_path)
            assert gone == [folder.name]
            assert list(tmp_path.iterdir()) == []
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_it_is_gone_when_it_is_not_needed(tmp_path: Path) -> None:
    with OwnedFolder("bohb-study-", tmp_path) as name:
        assert Path(name, OWNER).exists()
        assert remove_orphans(tmp_path) == []
    folder = OwnedFolder("bohb-states-", tmp_path)
    folder.cleanup()
    folder.cleanup()
    other = OwnedFolder("bohb-ray-", tmp_path)
    Path(other.name, "file").touch()
    Path(other.name, "folder").mkdir()
    assert other.empty()
    assert os.listdir(other.name) == [OWNER]
    del other
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_fork_does_not_remove_it(tmp_path: Path) -> None:
    with OwnedFolder("bohb-study-", tmp_path) as name:
        child = os.fork()
        if child == 0:
            gc.collect()
            os._exit(0)
        os.waitpid(child, 0)
        assert Path(name, OWNER).exists()


@pytest.mark.parametrize("what", ["link", "file", "young", "other", "owner is a link", "pipe"])
def test_what_is_not_known_to_be_an_orphan_stays(what: str, tmp_path: Path) -> None:
    """No link is followed, no pipe waited for, nothing that is just being made removed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    folder = tmp_path / "scratch"
    folder.mkdir()
    path = folder / ("bohb-study-x" if what != "other" else "somebody-x")
    old = time.time() - 3 * 86400
    if what == "link":
        path.symlink_to(outside)
    elif what == "file":
        path.touch()
    else:
        path.mkdir()
        (path / "inside").symlink_to(outside)
        if what == "owner is a link":
            (path / OWNER).symlink_to(outside / "file")
        if what == "pipe":
            os.mkfifo(path / OWNER)
    if what != "young":
        os.utime(path, (old, old), follow_symlinks=False)
    assert remove_orphans(folder) == []
    assert os.path.lexists(path)
    if what == "young":
        os.utime(path, (old, old))
        assert remove_orphans(folder) == [path.name]
    assert (outside / "file").exists()


def test_there_may_be_no_such_folder(tmp_path: Path) -> None:
    assert remove_orphans(tmp_path / "none") == []


def test_one_that_is_taken_from_it_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a process stood still in the middle, and another removed what had no owner yet."""
    make, made = tempfile.mkdtemp, []

    def taken(**where: Any) -> str:
        made.append(make(**where))
        if len(made) == 1:
            os.rmdir(made[0])
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", taken)
    with OwnedFolder("bohb-study-", tmp_path) as name:
        assert name == made[1]
        assert os.listdir(name) == [OWNER]
