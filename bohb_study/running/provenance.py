"""What a run was made with: all that is needed to run it again exactly, and no more.

Of the environment the variables by which kernels are chosen are kept, and no others: there may be
secrets among them. Folders of the user's are as they were given on the command line.
"""

import base64
import hashlib
import os
import platform
import sys
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from bohb_study.checkout import PACKAGE, cpu_model, git_diff, git_state
from bohb_study.numerics import SETTINGS
from bohb_study.running.heartbeats import command_words
from bohb_study.running.options import RunOptions

MOST_DIFF = 256 * 1024
"""Bytes of a compressed diff that is kept; of a larger one the sha256 alone is."""
_OPTIONS = (
    *("jobs", "actors", "cpus_per_trial", "gpus_per_trial"),
    *("trial_timeout", "trial_memory"),
)


def provenance(options: RunOptions) -> dict[str, Any]:
    """What this process runs with, as JSON values.

    Args:
        options: where and how cells are run.

    Returns:
        ``began`` (UTC), ``command``, ``python``, ``packages`` (all that are installed), ``git``,
        ``diff`` of a dirty tree (None where it is clean or unknown), ``machine``, ``options``,
        ``environment``.
    """
    given = asdict(options)
    return {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": _without_home(command_words()),
        "python": platform.python_version(),
        "packages": packages(),
        "git": git_state(),
        "diff": _diff(),
        "machine": machine(),
        "options": {name: given[name] for name in _OPTIONS},
        "environment": {name: os.environ[name] for name in SETTINGS if name in os.environ},
    }


def _without_home(text: str) -> str:
    """A study is passed on: in whose home it was run is nobody's business."""
    home = os.path.expanduser("~").rstrip("/")  # "~" where nobody knows it
    return text.replace(f"{home}/", "~/") if home else text


def packages() -> dict[str, str]:
    """Every installed package with its version, by name."""
    found = {}
    for one in distributions():
        # a folder of a package may be half removed: it has no name, or no metadata at all
        with suppress(Exception):
            found[str(one.metadata["Name"] or "")] = str(one.version)
    return {name: found[name] for name in sorted(found, key=str.lower) if name}


def machine() -> dict[str, Any]:
    """Processor, cores, memory and system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "executable": Path(sys.executable).name,
    }


def _diff() -> dict[str, Any] | None:
    text = git_diff(PACKAGE)
    if not text:
        return None
    packed = zlib.compress(text, 9)
    kept = base64.b64encode(packed).decode() if len(packed) <= MOST_DIFF else None
    return {"sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text), "zlib": kept}


def diff_of(run: Mapping[str, Any]) -> bytes | None:
    """The diff that a stored run was made with; None where there is none, or it was too large.

    Raises:
        ValueError: it is not as it was written.
    """
    diff = run.get("diff") or {}
    if not diff.get("zlib"):
        return None
    if len(diff["zlib"]) > 2 * MOST_DIFF:
        raise ValueError("its diff is larger than any that is written")
    try:
        whole = zlib.decompressobj()
        text = whole.decompress(base64.b64decode(diff["zlib"], validate=True), int(diff["bytes"]))
    except (ValueError, zlib.error):
        raise ValueError("its diff cannot be unpacked") from None
    if hashlib.sha256(text).hexdigest() != diff["sha256"]:
        raise ValueError("its diff is not as it was written")
    return text
