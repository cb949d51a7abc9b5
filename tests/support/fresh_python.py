"""Code in a fresh Python: what it prints, where this process has imported and drawn too much."""

import os
import subprocess
import sys

from repository import ROOT


def printed(code: str, *words: str, **environment: str) -> str:
    """What ``code`` prints, run in the repository's folder.

    Args:
        code: Python.
        words: follow in ``sys.argv``.
        environment: variables that differ from those of this process.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
