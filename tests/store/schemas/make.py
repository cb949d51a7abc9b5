"""Stores one tiny study as the program that is imported stores it: a run folder and a pack.

The folders beside this file were written by it, ``schema-N`` by the last commit of schema N. They
are never written again: a new version of the stored form gets a folder of its own, so that what
each version wrote stays readable. From this folder, with that version's code in front::

    PYTHONPATH=/the/checkout python make.py schema-N
"""

import bohb_study  # noqa: F401 (before numpy: it says by which kernels that computes)

# isort: split
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from bohb_study import StudyConfig, load_study, run_study
from bohb_study.store import pack


def options(out: Path) -> Any:
    """``RunOptions``, which was elsewhere in schema 1."""
    try:
        from bohb_study.running.options import RunOptions
    except ImportError:
        from bohb_study.execution import RunOptions  # type: ignore[import-not-found, no-redef]
    return RunOptions(out=out, name="schemas", jobs=1)


def main(target: Path) -> None:
    """Write ``target/run`` and ``target/pack``."""
    socket.gethostname = lambda: "host"
    config = StudyConfig(("task.py:task",), ("bohb",), budget=8, seeds=1)
    with tempfile.TemporaryDirectory() as out:
        folder = run_study(config, options(Path(out))).path
        assert (load_study(folder).frame["status"] == "failed").any()
        (folder / ".lock").unlink(missing_ok=True)
        shutil.rmtree(folder / ".scratch", ignore_errors=True)
        shutil.copytree(folder, target / "run")
        pack(folder, target / "pack")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
