"""What a node of a cluster is asked before it is given work, and in what it may differ.

A cell gives the same rows wherever it runs only where the code, the packages and the kernels are
the same, and a training needs its data where it trains.
"""

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bohb_study import numerics
from bohb_study.errors import UsageError
from bohb_study.identity import cell_parts
from bohb_study.tasks import Task

PROBE = "probe"
"""Name of the file by which a node shows that it sees a folder."""


@dataclass(frozen=True)
class Origin:
    """What decides the rows of some cells, beside their seeds; picklable."""

    task: str
    method: str
    engine: str
    source: bytes = b""
    """Text of the user's file that holds the task; empty for a registered one."""
    method_source: bytes = b""
    """Text of the user's file that holds the method."""


@dataclass(frozen=True)
class Question:
    """What a node is asked; picklable."""

    origins: tuple[Origin, ...]
    tasks: tuple[Task, ...]
    """Those that are evaluated there, so their data must be there."""
    mode: numerics.Mode
    torch: bool = False
    """Whether to load PyTorch, for what it computes by; that takes seconds."""
    folder: str | None = None
    """Where a file ``PROBE`` with the text ``token`` lies; None where no folder is needed."""
    token: str = ""
    download: bool = False
    """Fetch data that are not there."""


@dataclass(frozen=True)
class Facts:
    """What a node answers; picklable."""

    python: str
    """Version of Python without its last part, which decides nothing."""
    parts: Mapping[str, str]
    """``identity.cell_parts`` of all origins together."""
    numerics: Mapping[str, str]
    """``numerics.record`` of the process that answers."""
    data: Mapping[str, str | None] = field(default_factory=dict)
    """Task -> ``data_sha256``, where that is recorded of its data."""
    missing: str = ""
    """What is missing of a task's data, in one line; empty where nothing is."""
    folder: str = ""
    """Why the folder cannot be used, in one line; empty where it can, or none is needed."""


def facts(question: Question) -> Facts:
    """Answer for this process, on the machine on which it runs."""
    import numpy  # noqa: F401 (what is not loaded is not observed)
    import scipy.linalg  # noqa: F401

    if question.torch:
        import torch  # noqa: F401
    missing, data = "", {}
    try:
        for task in question.tasks:
            task.prepare(download=question.download)
            data[task.name] = task.data_sha256
    except UsageError as error:
        missing = str(error)
    return Facts(
        ".".join(platform.python_version_tuple()[:2]),
        parts_of(question.origins),
        numerics.record(question.mode),
        data,
        missing,
        _unusable(Path(question.folder), question.token) if question.folder else "",
    )


def facts_here(question: Question) -> Facts:
    """What every node must answer, as it is on this machine."""
    return Facts(
        ".".join(platform.python_version_tuple()[:2]),
        parts_of(question.origins),
        numerics.expected(question.mode, torch=question.torch),
        {task.name: task.data_sha256 for task in question.tasks},
    )


def parts_of(origins: Iterable[Origin]) -> dict[str, str]:
    """All that decides the rows of cells: source file -> sha256, package -> version."""
    parts: dict[str, str] = {}
    for origin in origins:
        parts |= cell_parts(
            origin.task, origin.method, origin.engine, origin.source, origin.method_source
        )
    return parts


def difference(here: Facts, there: Facts) -> str | None:
    """Why a node cannot be given work, in one line; None where it can.

    Args:
        here: ``facts_here`` of the machine that the study is started on.
        there: of the node; whether it has a folder is not looked at.
    """
    if here.python != there.python:
        return f"Python is {there.python} there and {here.python} here; {_SAME_PACKAGES}"
    changed = {
        name: (there.parts.get(name), here.parts.get(name))
        for name in sorted({*here.parts, *there.parts})
        if there.parts.get(name) != here.parts.get(name)
    }
    files = [name for name in changed if name.endswith(".py")]
    packages = [
        f"{name} is {then or 'missing'} there and {now or 'missing'} here"
        for name, (then, now) in changed.items()
        if name not in files
    ]
    if packages:
        return f"{', '.join(packages)}; {_SAME_PACKAGES}"
    if files:
        more = f" and {len(files) - 1} more" if files[1:] else ""
        return f"other code than here in {files[0]}{more}; {_SAME_PACKAGES}"
    if other := numerics.differences(here.numerics, there.numerics):
        kinds = "; ".join(other)
        return f"its numeric libraries or kernels differ ({kinds}); use machines of one kind"
    if there.missing:
        return there.missing
    for name, sha256 in here.data.items():
        if there.data[name] != sha256:
            return f"the data of {name} are not those that are here"
    return None


_SAME_PACKAGES = "install this project with the same constraints.txt on every node"


def _unusable(folder: Path, token: str) -> str:
    """Why states cannot be left in ``folder`` here; empty where they can."""
    try:
        if (folder / PROBE).read_text() != token:
            return "another folder of that name is there"
        own = folder / f"{PROBE}-{platform.node()}-{os.getpid()}"
        own.write_text(token)
        own.unlink(missing_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    return ""
