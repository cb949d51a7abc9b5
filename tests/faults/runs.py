"""Commands that faults are injected into: how they are started, and what they leave behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MARK = "BOHB_FAULTS"
"""Variable by which processes are known that a command has started, however far down."""
END_SECONDS = 60.0
"""How long a command may take to end after a fault, before it is said to hang."""
LEAVE_SECONDS = 90.0
"""How long what it started may outlive it: two agents of Ray's see after up to a minute that their
Ray is gone."""

KINDS: Mapping[str, tuple[str, ...]] = {
    "processes": ("--methods", "random", "bohb", "--seeds", "2"),
    "actors": ("--methods", "bohb", "--seeds", "1", "--workers", "2", "--actors", "2"),
    "tune": ("--methods", "bohb", "--seeds", "1", "--engine", "tune"),
    "cluster": ("--methods", "bohb", "--seeds", "4"),
}
"""How cells are run -> what the command is given."""


@dataclass
class Place:
    """A study's output folder, with a folder for temporary files of its own."""

    kind: str
    out: Path
    temporary: Path
    mark: str
    more: tuple[str, ...] = ()
    """Further words."""
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> subprocess.Popen[str]:
        """Begin the command."""
        task = f"{HERE / 'slow_task.py'}:Slow"
        words = ["--tasks", task, "--budget", "5", "--out", str(self.out), *KINDS[self.kind]]
        return subprocess.Popen(
            [sys.executable, str(ROOT / "experiments" / "compare.py"), *words, *self.more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={
                **os.environ,
                MARK: self.mark,
                "TMPDIR": str(self.temporary),
                **self.environment,
            },
        )

    @property
    def study(self) -> Path | None:
        """The study's folder, once there is one."""
        return next(iter(self.out.glob("compare-*")), None)

    def processes(self) -> list[int]:
        """What lives of all that its commands have started."""
        found = []
        wanted = f"{MARK}={self.mark}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if wanted in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def left_processes(self) -> int:
        """How many outlive the command; they are ended then."""
        until = time.monotonic() + LEAVE_SECONDS
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue
        return len(left)

    def left_files(self) -> list[str]:
        """What lies around that is no part of a finished study."""
        # Python tries a folder with an empty file of eight letters before it uses it
        found = [
            path.name
            for path in self.temporary.iterdir()
            if len(path.name) != 8 or path.stat().st_size
        ]
        if self.study is not None:
            found += [path.name for path in self.study.rglob("*.tmp")]
            found += [n for n in ("journals", ".scratch") if (self.study / n).exists()]
        return found

    def cells(self) -> dict[str, dict[str, Any]]:
        """The records of its cells."""
        paths = self.study.glob("cells/*/*/*.json") if self.study else ()
        return {str(path.relative_to(self.out / path.parts[-5])): _json(path) for path in paths}


def _json(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text())
    except ValueError:
        return {}
    return data


def ended(process: subprocess.Popen[str], seconds: float = END_SECONDS) -> tuple[int | None, str]:
    """The exit code of a command and what it said; None where it does not end."""
    try:
        said = process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        return None, process.communicate()[1]
    return process.returncode, said


def wait_for(what: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """What ``what`` gives as soon as it gives something; None where the command ends before."""
    while process.poll() is None:
        if found := what():
            return found
        time.sleep(0.02)
    return None
