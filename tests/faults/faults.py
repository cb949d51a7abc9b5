"""The faults: each happens to a command that runs, at a random moment, or to what it has left."""

import os
import random
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from runs import HERE, Place, ended, wait_for

Fault = Callable[[Place, random.Random, float], bool]
"""Runs the command of a place and injects; the last argument is how long it takes by itself, in
seconds. False: it was over before anything could happen. Raises AssertionError, in a line, for what
must not be."""


def _over(process: subprocess.Popen[str]) -> bool:
    return process.poll() is not None


def _no_traceback(said: str) -> None:
    assert "Traceback" not in said, f"traceback: {said.strip().splitlines()[-1]}"


def by_signal(*numbers: signal.Signals, first: float = 1.0) -> Fault:
    """Signals to the driver, within the first part of the time that it takes."""

    def inject(place: Place, dice: random.Random, seconds: float) -> bool:
        process = place.start()
        time.sleep(dice.uniform(0.1, first) if first < 1 else dice.uniform(0.3, 1) * seconds)
        if _over(process):
            ended(process)
            return False
        for number in numbers:
            process.send_signal(number)
            time.sleep(dice.uniform(0.02, 0.6) if len(numbers) > 1 else 0)
        code, said = ended(process)
        assert code is not None, "hangs"
        if code == 0:
            return False  # it came when all was done
        # while Ray starts, a SIGTERM is Ray's, which may end the process by itself
        codes = {-numbers[0]} if numbers[0] == signal.SIGKILL else {-numbers[0], 128 + numbers[0]}
        assert code in codes, f"exit {code}"
        _no_traceback(said)
        return True

    return inject


def kill_child(pattern: bytes) -> Fault:
    """SIGKILL to a process that the command has started, whose words hold ``pattern``."""

    def inject(place: Place, dice: random.Random, seconds: float) -> bool:
        process = place.start()

        def children() -> list[int]:
            return [one for one in place.processes() if pattern in _words(one)]

        if wait_for(children, process):
            time.sleep(dice.uniform(0, seconds / 3))
        found = children()
        if not found or _over(process):
            ended(process)
            return False
        os.kill(dice.choice(found), signal.SIGKILL)
        code, said = ended(process)
        _no_traceback(said)
        # where that was the actor through which cells tell how far they are, nothing can go on
        can_go_on = code == 0 or (pattern == b"ray::" and code == 1)
        assert can_go_on, f"exit {code}: {said.strip().splitlines()[-1:]}"
        return True

    return inject


def _words(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def full_disk(place: Place, dice: random.Random, seconds: float) -> bool:
    """No space is left from some moment on, until the command has ended."""
    process = place.start()
    time.sleep(dice.uniform(1.0, seconds))
    if _over(process):
        ended(process)
        return False
    filler = place.out / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            for size in (2**20, 2**12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    continue
        code, said = ended(process)
        assert code is not None, "hangs"
        _no_traceback(said)
    finally:
        filler.unlink(missing_ok=True)
    return code != 0


def read_only(place: Place, dice: random.Random, seconds: float) -> bool:
    """Nothing can be made or changed in the study's folder from some moment on."""
    process = place.start()
    time.sleep(dice.uniform(1.0, seconds))
    study = place.study
    if study is None or _over(process):
        ended(process)
        return False
    try:
        subprocess.run(["chattr", "-R", "-f", "+i", study], check=False)
        code, said = ended(process)
        assert code is not None, "hangs"
        _no_traceback(said)
    finally:
        subprocess.run(["chattr", "-R", "-f", "-i", study], check=False)
    return code != 0


def clock(*offsets: float) -> Fault:
    """The clock on the wall moves by so many seconds, again and again."""

    def inject(place: Place, dice: random.Random, seconds: float) -> bool:
        held = place.temporary.parent / "clock"
        held.write_bytes(struct.pack("d", 0.0))
        library = place.temporary.parent / "clock.so"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "clock.c", "-ldl"], check=True
        )
        place.environment = {"LD_PRELOAD": str(library), "FAULT_CLOCK": str(held)}
        process = place.start()
        moved = 0
        while not _over(process) and moved < 40:
            time.sleep(dice.uniform(0.1, seconds / 4))
            held.write_bytes(struct.pack("d", dice.choice(offsets)))
            moved += 1
        code, said = ended(process)
        place.environment = {}
        _no_traceback(said)
        assert code == 0, f"exit {code}: {said.strip().splitlines()[-1:]}"
        return moved > 1

    return inject


def two_drivers(place: Place, dice: random.Random, seconds: float) -> bool:
    """The same command twice: one of the two runs it, the other says so and ends."""
    first = place.start()
    time.sleep(dice.uniform(0.0, seconds / 2))
    second = place.start()
    results = [ended(one) for one in (first, second)]
    for _, said in results:
        _no_traceback(said)
    codes = sorted(str(code) for code, _ in results)
    assert codes in (["0", "0"], ["0", "1"]), f"exit {codes}"
    refused = [said for code, said in results if code == 1]
    for said in refused:
        assert "is being written by" in said, said
    return bool(refused)


def lost_block(place: Place, dice: random.Random, seconds: float) -> bool:
    """Killed, and of some file the last block of the disk is not there."""
    if not by_signal(signal.SIGKILL)(place, dice, seconds) or place.study is None:
        return False
    files = [path for path in place.study.rglob("*") if path.is_file() and path.stat().st_size]
    path = dice.choice(sorted(files))
    os.truncate(path, (path.stat().st_size - 1) // 4096 * 4096)
    return True


def no_tools() -> list[str]:
    """What is missing here for some of the faults."""
    missing = [name for name in ("gcc", "chattr", "mount") if shutil.which(name) is None]
    return missing + ([] if os.geteuid() == 0 else ["root"])
