"""What computes in this process: asked of the libraries that it has loaded."""

import os
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError
from bohb_study.numerics.baseline import (
    HELD,
    HWCAPS,
    TUNABLES,
    Mode,
    missing,
    processor_flags,
)
from bohb_study.numerics.loaded import libraries_loaded

_NO_FMA = ", without FMA"


def observed() -> dict[str, str]:
    """What is in force in this process, of the libraries that it has loaded.

    Returns:
        ``numpy``: its highest target in use; ``openblas``: the kernels of every copy;
        ``torch``: its kernels; ``mkl``: its branch; ``onednn``: its highest instructions, as asked
        for (it cannot be asked); ``libm``: the C library's version, and where its functions do
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
        for name, value in HELD.items()
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


def warn_if_differing() -> None:
    """Warn where figures are drawn in a process, a notebook say, that has loaded other kernels."""
    if wrong := differing("portable"):
        import warnings

        warnings.warn(
            f"{'; '.join(wrong)}: what is drawn here may differ in its last bits from what a "
            "command draws; import bohb_study before numpy",
            stacklevel=3,
        )


@cache
def hidden_at_start() -> str:
    """What hid instructions from glibc when this process began, whatever was changed since."""
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        entries = [f"{TUNABLES}={os.environ.get(TUNABLES, '')}".encode()]
    # glibc takes the variable apart in place: a tunable that is not the first is its own entry
    for entry in entries:
        start, _, rest = entry.decode(errors="replace").partition(HWCAPS)
        if rest and (not start or start.startswith(f"{TUNABLES}=")):
            return f"{TUNABLES} has {HWCAPS}{rest}"
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
    fma = "fma" in processor_flags() and not hidden_at_start()
    yield "libm", c_library() + ("" if fma else _NO_FMA)


def c_library() -> str:
    """Name and version of the C library."""
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
    loads = libraries_loaded()
    return _openblas_after(loads) if loads >= 0 else _openblas_after.__wrapped__(loads)


@lru_cache(maxsize=1)
def _openblas_after(loads: int) -> str:
    """The kernels of every copy of OpenBLAS; which those are changes with ``loads`` alone."""
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
