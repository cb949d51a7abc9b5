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
from repository import ROOT

pytestmark = pytest.mark.long

HOME = Path(__file__).parent
GOLDEN: dict[str, str] = json.loads((HOME / "golden.json").read_text())

SETTINGS: dict[str, dict[str, str]] = {
    "as it is": {},
    "features disabled, wrong core type": {
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "OPENBLAS_CORETYPE": "Nehalem",
        "OPENBLAS_L2_SIZE": "65536",
        "ATEN_CPU_CAPABILITY": "default",
        "DNNL_MAX_CPU_ISA": "SSE41",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "SSE4_2",
        "OMP_NUM_THREADS": "2",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable",
    },
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


@pytest.mark.parametrize(
    ("name", "studies"),
    [("as it is", ("stock", "images")), ("features disabled, wrong core type", ())],
)
def test_rows_of_the_baseline_are_the_golden_ones(name: str, studies: tuple[str, ...]) -> None:
    """All cells under the settings, which is the harder thing; some without them."""
    found = run(*studies, **SETTINGS[name])
    assert hashes(found) == {cell: GOLDEN[cell] for cell in found}
    assert studies or found.keys() == GOLDEN.keys()
    assert all(numerics.is_portable(one["numerics"]) for one in found.values())


@pytest.mark.parametrize("first", ["numpy", "torch"])
def test_a_notebook_that_has_loaded_them_gets_the_same_rows(first: str) -> None:
    found = run("digits" if first == "torch" else "stock", "--first", first)
    assert hashes(found).items() <= GOLDEN.items()


@pytest.mark.ray
def test_rays_workers_and_actors_compute_by_the_baseline() -> None:
    found = run("digits", "--engine", "tune", **SETTINGS["features disabled, wrong core type"])
    assert hashes(found).items() <= GOLDEN.items()
    # trials compute in actors, each of which refuses other kernels
    assert all(numerics.is_portable(one["numerics"]) for one in found.values())


def test_native_rows_follow_the_settings_so_the_golden_test_can_fail() -> None:
    """Under the settings above, what trains or models differs, and says what it was run by."""
    settings = SETTINGS["features disabled, wrong core type"]
    found = run("models", "digits", "--numerics", "native", **settings)
    moved = {cell for cell, sha256 in hashes(found).items() if sha256 != GOLDEN[cell]}
    assert {"digits/random/0", "digits/bohb/0", "mfh3-good/gp/0"} <= moved
    said = found["digits/random/0"]["numerics"]
    assert {key: said[key] for key in ("mode", "numpy", "openblas", "torch", "mkl")} == {
        "mode": "native",
        "numpy": "X86_V2",
        "openblas": "Nehalem",
        "torch": "DEFAULT",
        "mkl": "SSE4_2",
    }
    assert said["libm"].endswith("without FMA")
