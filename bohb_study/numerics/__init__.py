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
computes a cell, and recorded beside its rows. Importing this package imports the standard library
alone.
"""

from bohb_study.numerics.baseline import (
    BASELINE,
    CHOICE,
    MODES,
    ONE_THREAD,
    SETTINGS,
    Mode,
    changes,
    environment,
    missing,
)
from bohb_study.numerics.kernels import check, differing, observed, warn_if_differing
from bohb_study.numerics.process import hold, settle
from bohb_study.numerics.records import (
    differences,
    expected,
    in_force,
    is_portable,
    named,
    record,
    unportable,
)

__all__ = [
    "BASELINE",
    "CHOICE",
    "MODES",
    "ONE_THREAD",
    "SETTINGS",
    "Mode",
    "changes",
    "check",
    "differences",
    "differing",
    "environment",
    "expected",
    "hold",
    "in_force",
    "is_portable",
    "missing",
    "named",
    "observed",
    "record",
    "settle",
    "unportable",
    "warn_if_differing",
]
