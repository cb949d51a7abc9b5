"""Which kernels compute: by default those of one declared baseline, so that rows are portable.

numpy, OpenBLAS, PyTorch, oneDNN and MKL choose their kernels by the processor that they find, and
kernels that add in another order, or with fused multiply-add, round otherwise: last bits differ,
and with them the next suggestion and the whole cell. Each library can be held to chosen kernels by
an environment variable that it reads when it is loaded. The baseline is x86-64-v3 (AVX2 and FMA),
which every x86-64 server since 2015 has:

* numpy's kernels above ``X86_V3`` are disabled; its OpenBLAS, and scipy's, take ``Haswell``;
* PyTorch's own kernels are those for AVX2, oneDNN's too;
* MKL, which multiplies PyTorch's matrices and computes its vector functions, runs in the branch
  ``COMPATIBLE``, the one that Intel documents to agree on its own and other makers' processors;
* one thread: sums depend on how they are divided among threads;
* glibc's exp, log, sin and pow are those with FMA: it chooses by the processor, so all that there
  is to do is to remove ``GLIBC_TUNABLES`` that hide instructions. What another *version* of glibc
  rounds otherwise cannot be held; the version is recorded.

The variables are set when ``bohb_study`` is imported, where no library that reads them has been
loaded yet, and in every process that it starts. What is in force is *observed* in the process that
computes a cell, and recorded beside its rows. This module imports the standard library alone.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from bohb_study.errors import StudyError

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
_HELD: Mapping[str, str] = {
    "numpy": "X86_V3",
    "openblas": "Haswell",
    "torch": "AVX2",
    "mkl": "COMPATIBLE",
    "onednn": "AVX2",
}
"""What ``observed`` then says."""
_REMOVED = ("NPY_ENABLE_CPU_FEATURES", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS")
"""Variables that would work against it."""
_TUNABLES = "GLIBC_TUNABLES"
_HWCAPS = "glibc.cpu.hwcaps"
"""The tunable that hides instructions from glibc."""

CHOICE = "BOHB_STUDY_NUMERICS"
"""Set to ``native``, importing the package leaves the environment alone."""
_BEFORE = "BOHB_STUDY_ENVIRONMENT_BEFORE"
"""What the variables were before this module set them, as JSON, for processes started by it."""
_AGAIN = "BOHB_STUDY_STARTED_AGAIN"
"""Keeps a command from being started anew twice."""

_LIBRARIES = ("numpy", "scipy", "torch")
"""They read the variables when they are loaded."""
_NO_FMA = ", without FMA"
_FLAGS = ("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe")
"""The instructions of x86-64-v3 beyond x86-64-v2, as Linux names them."""


@cache
def missing() -> str:
    """Why this machine cannot hold the baseline, in a few words; empty where it can."""
    machine = os.uname().machine
    if machine != "x86_64":
        return f"its processor is {machine}"
    lacking = [flag for flag in _FLAGS if flag not in _processor_flags()]
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
    found = {name: made.get(name) for name in (*SETTINGS, *_REMOVED, _TUNABLES)}
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
    removed = dict.fromkeys((*_REMOVED, _TUNABLES), "")
    return {**ONE_THREAD, **removed, **SETTINGS, CHOICE: mode}


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
        _set(os.environ, name, made.get(name))
    for name, value in given.items():
        _set(os.environ, name, value)


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
    why = _hidden_at_start() or ", ".join(differing("portable"))
    if not why or _AGAIN in os.environ:
        return
    print(f"started anew, to compute as {BASELINE} does: {why}", file=sys.stderr, flush=True)
    made = {**environment("portable"), _AGAIN: "1"}
    command = argv or [*sys.orig_argv]
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *command[1:]], made)


def observed() -> dict[str, str]:
    """What is in force in this process, of the libraries that it has loaded.

    Returns:
        ``numpy``: its highest target in use; ``openblas``: the kernels of every copy;
        ``torch``: its kernels; ``mkl``: its branch; ``onednn``: its highest instructions, as asked
        for (it does not tell); ``libm``: the C library's version, and where its functions do
        without FMA.
    """
    return dict(_observed())


def differing(mode: Mode) -> list[str]:
    """What in this process is not as ``mode`` has it, a few words each; none where all is."""
    if mode == "native" or missing():
        return []
    found = observed()
    wrong = [
        f"{name} computes as {found[name]}, not {value}"
        for name, value in _HELD.items()
        if name in found and found[name] != value
    ]
    if found["libm"].endswith(_NO_FMA):
        wrong.append("glibc computes without FMA")
    return wrong


def check(mode: Mode, *, baseline: bool = False) -> None:
    """Raise StudyError, in one line, where this process does not compute as ``mode`` asks.

    Args:
        mode: what was asked for.
        baseline: the baseline must be held, as it is where the cell is driven from.
    """
    if mode == "portable" and baseline and (why := missing()):
        raise StudyError(
            f"{os.uname().nodename} cannot compute portable rows ({why}), and other machines of "
            'this cell do; use machines of one kind, or numerics="native"'
        )
    if wrong := differing(mode):
        raise StudyError(
            f"this process cannot compute portable rows: {'; '.join(wrong)}; import bohb_study "
            "before numpy and torch, or let run_study start processes of its own"
        )


def record(mode: Mode) -> dict[str, str]:
    """What a cell's JSON says of the numerics that its rows were computed with.

    Returns:
        ``mode``, then ``baseline`` or, on a machine that cannot hold it, ``no_baseline`` (why),
        then ``observed``.
    """
    return {**_head(mode), **observed()}


def expected(mode: Mode, *, torch: bool = False) -> dict[str, str]:
    """The ``record`` of a process that would be started here to compute in ``mode``.

    Args:
        mode: what is asked for.
        torch: whether it loads PyTorch; where the baseline does not say what it would do, finding
            out takes seconds.

    Raises:
        StudyError: no process could be started, or the libraries cannot be imported.
    """
    if mode == "native" or missing():
        return _probe(mode, torch)
    return {**_head(mode), **_HELD, "libm": _c_library()}


def is_portable(said: Mapping[str, str]) -> bool:
    """Whether a ``record`` is of the baseline."""
    return said.get("mode") == "portable" and "baseline" in said


def named(said: Mapping[str, str]) -> str:
    """A ``record`` in a few words, for titles and messages."""
    if not said:
        return "numerics that were not recorded"
    if is_portable(said):
        return f"portable numerics ({said['baseline']})"
    parts = (f"{key} {said[key]}" for key in ("numpy", "openblas", "torch", "mkl") if key in said)
    kernels = ", ".join(parts) or os.uname().machine
    if said.get("mode") == "portable":
        return f"numerics of its own machine ({said['no_baseline']}; {kernels})"
    return f"native numerics ({kernels})"


def unportable(records: Iterable[Mapping[str, str]]) -> list[str]:
    """What is to be said beside results, of the ``record``s of their cells.

    Returns:
        A line for each kind of numerics that is not the baseline's; none for those that were not
        recorded.
    """
    found = dict.fromkeys(named(said) for said in records if said and not is_portable(said))
    return [f"computed by {kernels}: other rows on another machine" for kernels in found]


def warn_if_differing() -> None:
    """Warn where figures are drawn in a process, a notebook say, that has loaded other kernels."""
    if wrong := differing("portable"):
        import warnings

        warnings.warn(
            f"{'; '.join(wrong)}: what is drawn here may differ in its last bits from what a "
            "command draws; import bohb_study before numpy",
            stacklevel=3,
        )


def differences(stored: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """In what two ``record``s differ, one line each, among what both observed.

    A library that only one of the two processes had loaded computed nothing for the rows: two
    runs of a cell load the same ones, and whatever else a process ran before.
    """
    if not stored:
        return ["numerics: not recorded (written before schema 2)"]
    names = [*stored, *(name for name in here if name not in stored)]
    said = {name: (stored.get(name), here.get(name)) for name in names}
    always = {"mode", "baseline", "no_baseline"}
    return [
        f"numerics, {name}: {then or 'none'} -> {now or 'none'}"
        for name, (then, now) in said.items()
        if then != now and (name in always or (then and now))
    ]


def _head(mode: Mode) -> dict[str, str]:
    if mode == "native":
        return {"mode": mode}
    why = missing()
    return {"mode": mode} | ({"no_baseline": why} if why else {"baseline": BASELINE})


def _probe(mode: Mode, torch: bool) -> dict[str, str]:
    import subprocess

    script = (
        f"import json, numpy, scipy.linalg{', torch' if torch else ''}; "
        f"from bohb_study import numerics; print(json.dumps(numerics.record({mode!r})))"
    )
    search = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**environment(mode), "PYTHONPATH": search},
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise StudyError(f"the numerics of this machine cannot be found out: {said[-1][:300]}")
    return dict(json.loads(done.stdout))


def _set(target: MutableMapping[str, str], name: str, value: str | None) -> None:
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def _loaded() -> list[str]:
    return [name for name in _LIBRARIES if name in sys.modules]


@cache
def _processor_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split() if found else ())


def _show_instructions(made: MutableMapping[str, str]) -> None:
    """Take out of ``GLIBC_TUNABLES`` what hides instructions."""
    tunables = made.get(_TUNABLES, "").split(":")
    kept = [entry for entry in tunables if entry and not entry.startswith(_HWCAPS)]
    _set(made, _TUNABLES, ":".join(kept) or None)


@cache
def _hidden_at_start() -> str:
    """What hid instructions from glibc when this process began, whatever was changed since."""
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        entries = [f"{_TUNABLES}={os.environ.get(_TUNABLES, '')}".encode()]
    # glibc takes the variable apart in place: a tunable that is not the first is its own entry
    for entry in entries:
        start, _, rest = entry.decode(errors="replace").partition(_HWCAPS)
        if rest and (not start or start.startswith(f"{_TUNABLES}=")):
            return f"{_TUNABLES} has {_HWCAPS}{rest}"
    return ""


def _observed() -> Iterator[tuple[str, str]]:
    if "numpy" in sys.modules:
        yield "numpy", _numpy_target()
        if blas := _openblas_kernels():
            yield "openblas", blas
    if "torch" in sys.modules:
        import torch

        yield "torch", torch.backends.cpu.get_cpu_capability()
        if branch := _mkl_branch():
            yield "mkl", branch
        isa = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA")
        yield "onednn", isa or "all"
    fma = "fma" in _processor_flags() and not _hidden_at_start()
    yield "libm", _c_library() + ("" if fma else _NO_FMA)


def _c_library() -> str:
    import platform

    return " ".join(platform.libc_ver())


def _numpy_target() -> str:
    from numpy._core._multiarray_umath import (
        __cpu_baseline__,
        __cpu_dispatch__,
        __cpu_features__,
    )

    enabled = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    # in ascending order; where numpy was built for more, its baseline is what there is
    return str([*__cpu_baseline__, *enabled][-1])


def _openblas_kernels() -> str:
    from threadpoolctl import threadpool_info

    found = {
        str(library.get("architecture"))
        for library in threadpool_info()
        if library.get("internal_api") == "openblas"
    }
    return ", ".join(sorted(found))


_BRANCHES = {
    2: "AUTO", 3: "COMPATIBLE", 4: "SSE2", 6: "SSSE3", 7: "SSE4_1", 8: "SSE4_2", 9: "AVX",
    10: "AVX2", 11: "AVX512_MIC", 12: "AVX512", 13: "AVX512_MIC_E1", 14: "AVX512_E1", 1: "OFF",
}  # fmt: skip
"""Names of ``MKL_CBWR_*`` in ``mkl_types.h``."""


def _mkl_branch() -> str:
    """The branch that the MKL inside PyTorch runs in; empty where there is none to ask."""
    import ctypes

    library: Any = _torch_library()
    ask = getattr(library, "mkl_serv_cbwr_get", None)
    if ask is None:
        return ""
    ask.argtypes, ask.restype = [ctypes.c_int], ctypes.c_int
    every_setting = -1
    branch = int(ask(every_setting)) & 0xFFFF
    return _BRANCHES.get(branch, str(branch))


@cache
def _torch_library() -> Any:
    import ctypes

    import torch

    path = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        return None
