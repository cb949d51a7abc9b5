"""The checkout that the code is in, and the processor that runs it."""

import os
import platform
import re
import subprocess
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def git_state(folder: Path = PACKAGE) -> dict[str, str | bool | None]:
    """The commit of the checkout that ``folder`` (of code) belongs to, and whether it was dirty.

    Both None without git, without a commit, or where the checkout around it does not track it: a
    package installed into an environment that lies inside some other project says nothing.
    """
    commit, dirty = _git_state(folder)
    return {"commit": commit, "dirty": dirty}


def cpu_model() -> str:
    """The processor's name, as Linux reports it."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def git_diff(folder: Path = PACKAGE) -> bytes | None:
    """What the checkout that ``folder`` (of code) belongs to has that its commit has not.

    With new files of code, in whatever encoding they are. None where ``git_state`` knows nothing;
    empty where it is clean.
    """
    commit, dirty = _git_state(folder)
    if commit is None or not dirty:
        return b"" if commit else None
    top = Path(_git(folder, "rev-parse", "--show-toplevel") or folder)
    parts = [_git_bytes(top, "diff", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD") or b""]
    new = _git_bytes(top, "ls-files", "-z", "--others", "--exclude-standard", "--", "*.py") or b""
    for name in filter(None, new.split(b"\0")):
        path = top / os.fsdecode(name)
        try:
            text = b"" if path.is_symlink() else path.read_bytes()
        except OSError:
            continue
        lines = b"".join(b"+" + line for line in text.splitlines(keepends=True))
        parts.append(b"new file " + name + b"\n" + lines)
    return b"\n".join(parts)


@cache
def _git_state(folder: Path) -> tuple[str | None, bool | None]:
    tracked = _git(folder, "ls-files", "--", "*.py")
    commit = _git(folder, "rev-parse", "HEAD")
    status = _git(folder, "status", "--porcelain", "--", ":/")
    if not tracked or commit is None or status is None:
        return None, None
    return commit, bool(status)


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, stripped; None where it fails or is not there."""
    printed = _git_bytes(folder, *arguments)
    return None if printed is None else os.fsdecode(printed).strip()


def _git_bytes(folder: Path, *arguments: str) -> bytes | None:
    """What git prints: the text of files and their names may be in any encoding."""
    # GIT_DIR and its kin are set inside hooks, and would point at the repository of the hook.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, timeout=30, check=True, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
