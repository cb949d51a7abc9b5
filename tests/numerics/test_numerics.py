"""What the environment is made to be, what is observed, and what is said of it."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bohb_study import numerics
from bohb_study.errors import StudyError, UsageError
from bohb_study.numerics import baseline, records
from bohb_study.study import StudyConfig
from processor import MKL_SSE4_2
from repository import ROOT

OTHERWISE = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "NPY_ENABLE_CPU_FEATURES": "X86_V4",
    "OPENBLAS_CORETYPE": "Nehalem",
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "SSE4_2",
    "GLIBC_TUNABLES": "glibc.malloc.check=0:glibc.cpu.hwcaps=-AVX2,-FMA",
}
"""Settings of somebody else's, against each of the baseline's."""
UNHELD = {key: value for key, value in OTHERWISE.items() if key != "NPY_ENABLE_CPU_FEATURES"}
"""Those that can be set together."""


def python(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A fresh Python, in an environment that nothing here has set."""
    environment = numerics.environment("native")
    del environment[numerics.CHOICE]
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment | settings,
        timeout=120,
    )


def printed(code: str, **settings: str) -> Any:
    done = python(f"import json\n{code}", **settings)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_tests_themselves_compute_by_the_baseline() -> None:
    assert not numerics.missing()
    assert numerics.differing("portable") == []


def test_an_environment_holds_every_library_and_nothing_works_against_it() -> None:
    made = numerics.environment("portable", {"A": "1", **OTHERWISE})
    assert made.items() >= {"A": "1", **numerics.SETTINGS, **numerics.ONE_THREAD}.items()
    assert "NPY_ENABLE_CPU_FEATURES" not in made
    assert made["GLIBC_TUNABLES"] == "glibc.malloc.check=0"


def test_native_gives_back_what_was_there() -> None:
    """Also through a process in between that was made portable, and twice."""
    portable = numerics.environment("portable", numerics.environment("portable", OTHERWISE))
    native = numerics.environment("native", portable)
    assert native == {**OTHERWISE, **numerics.ONE_THREAD, numerics.CHOICE: "native"}
    assert numerics.environment("portable", native).items() >= numerics.SETTINGS.items()


OBSERVED = "print(json.dumps(numerics.observed()))"


@pytest.mark.parametrize("settings", [{}, OTHERWISE], ids=["as it is", "set otherwise"])
def test_importing_the_package_first_holds_the_baseline(settings: dict[str, str]) -> None:
    settings = {**settings, "GLIBC_TUNABLES": ""}
    code = "from bohb_study import numerics\nimport numpy, scipy.linalg\n"
    found = printed(code + OBSERVED, **settings)
    assert (found["numpy"], found["openblas"]) == ("X86_V3", "Haswell")


def test_libraries_that_are_loaded_later_are_seen() -> None:
    """What was found is remembered until a library is loaded."""
    code = (
        "from bohb_study import numerics\nimport numpy\n"
        "from bohb_study.numerics.loaded import libraries_loaded\n"
        "from bohb_study.numerics import kernels\n"
        "counts, found = [], []\n"
        "def look():\n"
        "    counts.append(libraries_loaded())\n"
        "    found.append(numerics.observed()['openblas'])\n"
        "look(); look()\n"
        "reads = kernels._openblas_after.cache_info().misses\n"
        "import scipy.linalg\nlook()\n"
        "print(json.dumps([counts, found, reads, kernels._openblas_after.cache_info().misses]))"
    )
    counts, found, reads, more = printed(code)
    assert 0 < counts[0] == counts[1] < counts[2]
    assert found == ["Haswell"] * 3
    assert (reads, more) == (1, 2)


def test_threads_of_a_process_that_only_imports_the_package_are_its_own() -> None:
    code = "import bohb_study, os\nprint(json.dumps(os.environ['OMP_NUM_THREADS']))"
    assert printed(code, OMP_NUM_THREADS="7") == "7"


def test_numpy_first_is_told_and_computes_no_row_here() -> None:
    """The check sees what numpy does, not what a variable says."""
    code = "import numpy, bohb_study\nfrom bohb_study import numerics\n"
    wrong = printed(code + "print(json.dumps(numerics.differing('portable')))", **UNHELD)
    assert wrong[:2] == [
        "numpy computes as X86_V2, not X86_V3",
        "openblas computes as Nehalem, not Haswell",
    ]
    assert wrong[-1] == "glibc computes without FMA"
    code += "import os; os.environ.update(numerics.SETTINGS)\n"  # too late
    code += (
        "from bohb_study.engines.base import CellJob, run_cell\n"
        "from bohb_study.study import Cell\n"
        "from bohb_study.tasks import make_task\n"
        "run_cell(CellJob(Cell('mfh3', 'random', 0), make_task('mfh3'), 1))\n"
    )
    done = python(code, **UNHELD)
    last = done.stderr.strip().splitlines()[-1]
    assert "StudyError: this process cannot compute portable rows: numpy computes as X86" in last
    assert "import bohb_study before numpy and torch" in last


def test_a_command_that_has_numpy_already_starts_anew_once_with_a_line() -> None:
    code = (
        "import sys, numpy\nfrom bohb_study import numerics\n"
        "numerics.hold()\nimport json; print(json.dumps([sys.argv, numerics.observed()]))"
    )
    done = python(code, **UNHELD)
    assert done.returncode == 0, done.stderr
    argv, found = json.loads(done.stdout)
    assert argv == ["-c"]
    assert (found["numpy"], found["openblas"]) == ("X86_V3", "Haswell")
    assert not found["libm"].endswith("without FMA")
    (line,) = done.stderr.splitlines()
    assert line.startswith("started anew, to compute as x86-64-v3 does: GLIBC_TUNABLES has ")


def test_importing_leaves_the_environment_alone_where_native_is_chosen() -> None:
    code = "import bohb_study, os\nprint(json.dumps(sorted(os.environ)))"
    assert not set(printed(code, BOHB_STUDY_NUMERICS="native")) & set(numerics.SETTINGS)


def test_mkl_is_asked_and_not_believed() -> None:
    """A branch that is not COMPATIBLE is seen, whatever the variable says later."""
    code = (
        "import os, torch; torch.ones(9, 9) @ torch.ones(9, 9)\n"
        "os.environ['MKL_CBWR'] = 'COMPATIBLE'\n"
        "from bohb_study import numerics\n"
    )
    assert printed(code + OBSERVED, MKL_CBWR="SSE4_2")["mkl"] == MKL_SSE4_2


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of another kind."""
    here = os.uname()
    monkeypatch.setattr(
        os, "uname", lambda: SimpleNamespace(machine="aarch64", nodename=here.nodename)
    )
    numerics.missing.cache_clear()
    yield
    numerics.missing.cache_clear()


@pytest.mark.usefixtures("elsewhere")
def test_a_machine_that_cannot_hold_the_baseline_says_so_and_marks_its_rows() -> None:
    assert numerics.missing() == "its processor is aarch64"
    said = numerics.record("portable")
    assert said["no_baseline"] == "its processor is aarch64"
    assert not numerics.is_portable(said)
    assert numerics.named(said).startswith("numerics of its own machine (its processor is aarch64")
    assert "MKL_CBWR" not in numerics.environment("portable", {})
    numerics.check("portable")
    with pytest.raises(StudyError, match=r"cannot compute portable rows \(its processor is aarch"):
        numerics.check("portable", baseline=True)


def test_old_processors_lack_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "processor_flags", lambda: frozenset({"avx", "f16c"}))
    numerics.missing.cache_clear()
    try:
        assert numerics.missing() == "its processor lacks avx2, bmi1, bmi2, fma, abm, movbe"
    finally:
        numerics.missing.cache_clear()


def test_what_is_expected_here_is_what_is_observed_in_a_process() -> None:
    said = numerics.expected("portable", torch=True)
    assert numerics.differences(said, records._probe("portable", torch=False)) == []
    native = numerics.expected("native")
    assert native["mode"] == "native"
    assert "torch" not in native
    assert numerics.differences(said, native)[0] == "numerics, mode: portable -> native"


def test_differences_are_among_what_both_observed() -> None:
    stored = {"mode": "portable", "baseline": "x86-64-v3", "numpy": "X86_V3", "libm": "glibc 2.36"}
    assert numerics.differences(stored, {**stored, "torch": "AVX2"}) == []
    assert numerics.differences(stored, {**stored, "libm": "glibc 2.41"}) == [
        "numerics, libm: glibc 2.36 -> glibc 2.41"
    ]
    other = {"mode": "portable", "no_baseline": "its processor is aarch64"}
    assert numerics.differences(stored, other) == [
        "numerics, baseline: x86-64-v3 -> none",
        "numerics, no_baseline: none -> its processor is aarch64",
    ]
    assert numerics.differences({}, stored) == ["numerics: not recorded (written before schema 2)"]


def test_numerics_are_part_of_the_identity_where_they_are_not_portable() -> None:
    portable, native = (StudyConfig(numerics=mode) for mode in numerics.MODES)
    assert portable.id == StudyConfig().id
    assert native.id != portable.id
    with pytest.raises(UsageError, match=r"^numerics exact: not known; allowed: portable, nat"):
        StudyConfig(numerics="exact")  # type: ignore[arg-type]


def test_nothing_here_is_named_that_the_libraries_do_not_know() -> None:
    """Facts of numpy, scipy and PyTorch that the module stands on."""
    import numpy.lib.introspect  # noqa: F401
    from numpy._core._multiarray_umath import __cpu_dispatch__

    assert set(baseline._DISABLED) == set(__cpu_dispatch__) - {"X86_V3"}
    assert os.environ["MKL_CBWR"] == "COMPATIBLE"
    import torch

    assert torch.backends.cpu.get_cpu_capability() == "AVX2"
    assert numerics.observed()["mkl"] == "COMPATIBLE"


def test_what_is_not_portable_is_said_beside_results_once() -> None:
    native = {"mode": "native", "numpy": "X86_V4", "mkl": "OFF"}
    portable = numerics.expected("portable")
    assert numerics.unportable([portable, {}]) == []
    assert numerics.unportable([native, portable, native]) == [
        "computed by native numerics (numpy X86_V4, mkl OFF): other rows on another machine"
    ]


def test_a_notebook_that_draws_under_other_kernels_is_warned() -> None:
    code = "import numpy, bohb_study.numerics as n\nn.warn_if_differing()\nprint(json.dumps(0))"
    done = python(f"import json\n{code}", **UNHELD)
    assert "what is drawn here may differ in its last bits" in done.stderr
    assert "numpy computes as X86_V2" in done.stderr
