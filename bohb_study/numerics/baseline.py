"""The baseline: which kernels it takes, and the environment that holds the libraries to it."""

import json
import os
import re
from collections.abc import Mapping, MutableMapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Mode = Literal["portable", "native"]
"""``portable``: the declared baseline. ``native``: whatever the libraries choose here."""
MODES: tuple[Mode, ...] = get_args(Mode)

BASELINE = "x86-64-v3"
"""Name of the baseline; another one gets another name."""

ONE_THREAD: Mapping[str, str] = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
"""Environment of a process that runs cells, in either mode: cells run side by side, and threads
that wait for each other burn CPU time."""

_DISABLED = ("X86_V4", "AVX512_ICL", "AVX512_SPR")
"""numpy's targets above the baseline."""
SETTINGS: Mapping[str, str] = {
    "NPY_DISABLE_CPU_FEATURES": " ".join(_DISABLED),
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
}
"""The environment that holds each library to the baseline."""
HELD: Mapping[str, str] = {
    "numpy": "X86_V3",
    "openblas": "Haswell",
    "torch": "AVX2",
    "mkl": "COMPATIBLE",
    "onednn": "AVX2",
}
"""What ``observed`` then says."""
_REMOVED = ("NPY_ENABLE_CPU_FEATURES", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS")
"""Variables that would work against it."""
TUNABLES = "GLIBC_TUNABLES"
HWCAPS = "glibc.cpu.hwcaps"
"""The tunable that hides instructions from glibc."""

CHOICE = "BOHB_STUDY_NUMERICS"
"""Set to ``native``, importing the package leaves the environment alone."""
_BEFORE = "BOHB_STUDY_ENVIRONMENT_BEFORE"
"""What the variables were before this module set them, as JSON, for processes started by it."""

_FLAGS = ("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe")
"""The instructions of x86-64-v3 beyond x86-64-v2, as Linux names them."""


@cache
def missing() -> str:
    """Why this machine cannot hold the baseline, in a few words; empty where it can."""
    machine = os.uname().machine
    if machine != "x86_64":
        return f"its processor is {machine}"
    lacking = [flag for flag in _FLAGS if flag not in processor_flags()]
    return f"its processor lacks {', '.join(lacking)}" if lacking else ""


def environment(mode: Mode, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a process that computes in ``mode``.

    Args:
        mode: ``native`` gives back what the variables were before they were set here.
        base: what it is made of; this process's own environment if None.
    """
    made = dict(os.environ if base is None else base)
    before = json.loads(made.pop(_BEFORE, "{}"))
    for name, value in before.items():
        made.pop(name, None)
        if value is not None:
            made[name] = value
    made.update(ONE_THREAD)
    made[CHOICE] = mode
    if mode == "native" or missing():
        return made
    found = {name: made.get(name) for name in (*SETTINGS, *_REMOVED, TUNABLES)}
    for name in _REMOVED:
        made.pop(name, None)
    made.update(SETTINGS)
    _show_instructions(made)
    made[_BEFORE] = json.dumps(found)
    return made


def changes(mode: Mode) -> dict[str, str]:
    """``environment`` as what is set beyond a process's own, for a process started elsewhere.

    A variable that should not be there is empty, which the libraries take for that.
    """
    if mode == "native" or missing():
        return {**ONE_THREAD, CHOICE: mode}
    removed = dict.fromkeys((*_REMOVED, TUNABLES), "")
    return {**ONE_THREAD, **removed, **SETTINGS, CHOICE: mode}


@cache
def processor_flags() -> frozenset[str]:
    """The instructions of this machine's processor, as Linux names them; none if unknown."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split() if found else ())


def set_variable(target: MutableMapping[str, str], name: str, value: str | None) -> None:
    """Set a variable, or remove it where the value is None."""
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def _show_instructions(made: MutableMapping[str, str]) -> None:
    """Take out of ``GLIBC_TUNABLES`` what hides instructions."""
    tunables = made.get(TUNABLES, "").split(":")
    kept = [entry for entry in tunables if entry and not entry.startswith(HWCAPS)]
    set_variable(made, TUNABLES, ":".join(kept) or None)
