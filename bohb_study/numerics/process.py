"""Holds this process to the baseline: by variables, or by starting it anew."""

import os
import sys

from bohb_study.numerics.baseline import (
    BASELINE,
    CHOICE,
    ONE_THREAD,
    environment,
    missing,
    set_variable,
)
from bohb_study.numerics.kernels import differing, hidden_at_start

_AGAIN = "BOHB_STUDY_STARTED_AGAIN"
"""Keeps a command from being started anew twice."""

_LIBRARIES = ("numpy", "scipy", "torch")
"""They read the variables when they are loaded."""


def settle() -> None:
    """Set the variables in this process, if no library that reads them is loaded yet.

    Called when ``bohb_study`` is imported. Does nothing where ``BOHB_STUDY_NUMERICS`` is
    ``native``, or the machine cannot hold the baseline.
    """
    if os.environ.get(CHOICE) == "native" or missing() or _loaded():
        return
    # threads are the business of processes that run cells: a notebook keeps its own
    given = {name: os.environ.get(name) for name in ONE_THREAD}
    made = environment("portable")
    for name in {*os.environ, *made} - {CHOICE, *ONE_THREAD}:
        set_variable(os.environ, name, made.get(name))
    for name, value in given.items():
        set_variable(os.environ, name, value)


def hold(argv: list[str] | None = None) -> None:
    """See that this process, a command, computes under the baseline; else start it anew.

    That happens where something imported numpy before ``bohb_study``, or where ``GLIBC_TUNABLES``,
    which only a new process can be rid of, hide instructions. A line on stderr says so.

    Args:
        argv: the command, to be run by this Python; that of this process if None.
    """
    os.environ.update(ONE_THREAD)
    if os.environ.get(CHOICE) == "native" or missing():
        return
    why = hidden_at_start() or ", ".join(differing("portable"))
    if not why or _AGAIN in os.environ:
        return
    print(f"started anew, to compute as {BASELINE} does: {why}", file=sys.stderr, flush=True)
    made = {**environment("portable"), _AGAIN: "1"}
    command = argv or [*sys.orig_argv]
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *command[1:]], made)


def _loaded() -> list[str]:
    return [name for name in _LIBRARIES if name in sys.modules]
