"""One writer a study: a lock that dies with its process."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bohb_study.errors import StudyError
from bohb_study.store.files import open_own


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the study in ``folder`` (which exists) for writing.

    The kernel's flock is the lock; the text in ``.lock`` only tells others who holds it. However
    the process ends, the lock ends with it, and a file that stays behind is harmless. The file is
    never removed: a second process could then hold a lock on a name that is gone.

    Raises:
        StudyError: another process holds it; names the process and its host.
    """
    try:
        descriptor = open_own(".lock", folder)
    except OSError as error:
        raise StudyError(f"cannot lock {folder / '.lock'}: {error.strerror}") from error
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(
                f"{folder} is being written by {_holder(file)}; wait for it or use --fresh"
            ) from None
        _write(file, f"{os.getpid()} {socket.gethostname()}\n")
        try:
            yield
        finally:
            _write(file, "")


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _holder(file: IO[str]) -> str:
    file.seek(0)
    pid, _, host = file.read().strip().partition(" ")
    # Empty for a moment, between taking the lock and saying so.
    return f"process {pid} on {host}" if pid else "another process"
