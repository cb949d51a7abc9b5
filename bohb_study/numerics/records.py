"""What a cell's record says of the numerics that computed its rows, and how two records differ."""

import json
import os
import sys
from collections.abc import Iterable, Mapping

from bohb_study.errors import StudyError
from bohb_study.numerics.baseline import BASELINE, CHOICE, HELD, Mode, environment, missing
from bohb_study.numerics.kernels import c_library, observed


def record(mode: Mode) -> dict[str, str]:
    """What a cell's JSON says of the numerics that its rows were computed with.

    Returns:
        ``mode``, then ``baseline`` or, on a machine that cannot hold it, ``no_baseline`` (why),
        then ``observed``.
    """
    return {**_head(mode), **observed()}


def in_force() -> dict[str, str]:
    """The ``record`` of this process, in the mode that it was started in."""
    return record("native" if os.environ.get(CHOICE) == "native" else "portable")


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
    return {**_head(mode), **HELD, "libm": c_library()}


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
        [sys.executable, "-P", "-c", script],
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
