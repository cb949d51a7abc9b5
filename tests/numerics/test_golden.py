"""Rows of the baseline never move: not on another machine, not under settings from outside.

``golden.json`` holds what small cells of every kind of task and model hash to. A machine on which
one differs computes otherwise; ``python tests/numerics/cells.py`` shows which cells do.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bohb_study import numerics
from processor import MKL_SSE4_2
from repository import ROOT

pytestmark = pytest.mark.long

HOME = Path(__file__).parent
GOLDEN: dict[str, str] = json.loads((HOME / "golden.json").read_text())

OTHER_MACHINE = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OPENBLAS_L2_SIZE": "65536",
    "ATEN_CPU_CAPABILITY": "default",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "SSE4_2",
    "OMP_NUM_THREADS": "2",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable",
}
"""What one machine can imitate of others, and what somebody may have set."""


def run(*words: str, **settings: str) -> dict[str, dict[str, Any]]:
    environment = numerics.environment("native")
    del environment[numerics.CHOICE]
    done = subprocess.run(
        [sys.executable, str(HOME / "cells.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, **settings, "PYTHONPATH": str(ROOT)},
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def hashes(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {cell: one["sha256"] for cell, one in found.items()}


def test_rows_of_the_baseline_are_the_golden_ones() -> None:
    """All cells under settings from outside, which is the harder thing; some without them below."""
    found = run(**OTHER_MACHINE)
    assert hashes(found) == GOLDEN
    assert all(numerics.is_portable(one["numerics"]) for one in found.values())


def test_a_notebook_that_has_loaded_them_gets_the_same_rows() -> None:
    """And nothing is set: what this machine has must not matter either."""
    found = run("stock", "digits", "--first", "torch")  # which loads numpy
    assert hashes(found).items() <= GOLDEN.items()
    assert len(found) == 3
    assert all(numerics.is_portable(one["numerics"]) for one in found.values())


@pytest.mark.ray
def test_rays_workers_and_actors_compute_by_the_baseline() -> None:
    found = run("digits/random/0", "--ray", **OTHER_MACHINE)
    assert hashes(found) == {"digits/random/0": GOLDEN["digits/random/0"]}
    # trials compute in actors, each of which refuses other kernels
    assert all(numerics.is_portable(one["numerics"]) for one in found.values())


def test_native_rows_follow_the_settings_so_the_golden_test_can_fail() -> None:
    """Under the settings above, what trains or models differs, and says what it was run by."""
    cells = ("digits/random/0", "mfh3-good/gp/0")
    found = run(*cells, "--numerics", "native", **OTHER_MACHINE)
    assert set(found) == set(cells)
    assert all(hashes(found)[cell] != GOLDEN[cell] for cell in cells)
    said = found["digits/random/0"]["numerics"]
    assert {key: said[key] for key in ("mode", "numpy", "openblas", "torch", "mkl")} == {
        "mode": "native",
        "numpy": "X86_V2",
        "openblas": "Nehalem",
        "torch": "DEFAULT",
        "mkl": MKL_SSE4_2,
    }
    assert said["libm"].endswith("without FMA")
