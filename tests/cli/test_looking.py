"""What only looks imports nothing that computes, and starts no second Python."""

import json
import subprocess
import sys

import pytest

from bohb_study.cli.entry import COMMANDS
from repository import ROOT

HEAVY = {"ConfigSpace", "hpbandster", "matplotlib", "optuna", "pandas", "ray", "scipy", "torch"}
LOOKS = [
    *(f"{name} --help" for name in COMMANDS),
    "compare --list",
    "compare --dry-run",
    "compare --dry-run --tasks digits mfh3 lcdb-23 fcnet-protein --methods random tpe gp",
    "compare --dry-run --methods hpbandster-bohb bohb-stock median asha-bohb",
    "figures --list",
    "paper --list",
]
SCRIPT = f"""
import json, os, runpy, sys
os.execve = None
sys.argv = ["bohb-study", *sys.argv[1:]]
try:
    runpy.run_module("bohb_study", run_name="__main__")
except SystemExit as exit_:
    print(json.dumps([exit_.code, sorted({HEAVY} & sys.modules.keys())]), file=sys.stderr)
"""


@pytest.mark.parametrize("words", LOOKS)
def test_looking_imports_nothing_heavy(words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words.split()],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert json.loads(done.stderr.splitlines()[-1]) == [0, []]
    assert done.stdout


def test_looking_starts_no_second_python_where_instructions_are_hidden() -> None:
    """A command that computes has to be started anew here; one that looks has not."""
    words = [sys.executable, "-m", "bohb_study", "compare"]
    hidden = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2_Usable", "PYTHONPATH": str(ROOT)}
    said = {
        flag: subprocess.run(
            [*words, flag, "--name", "."], capture_output=True, text=True, env=hidden, check=False
        ).stderr
        for flag in ("--dry-run", "--csv")
    }
    assert "started anew" not in said["--dry-run"]
    assert said["--csv"].startswith("started anew, to compute as ")
