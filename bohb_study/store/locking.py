"""One writer a study: a lock that dies with its process."""

import errno
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bohb_study.errors import StudyError
from bohb_study.files import open_own, read_file

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def unwritable(folder: Path) -> str | None:
    """Why ``folder`` (which exists) is only to be read, in the system's words; None if it is not.

    The only test that holds for root and read-only mounts alike is to write. A full disk is another
    matter: it may have room for what is to be written, and has to be spoken of where it has not.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        return error.strerror if error.errno in READ_ONLY else None
    return None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the study in ``folder`` (which exists) for writing.

    The kernel's flock is the lock; the text in ``.lock`` only says to others who holds it. However
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
                f"{folder} is being written by {_holder(file)}; wait for it or use fresh=True"
            ) from None
        _write(file, f"{os.getpid()} {socket.gethostname()}\n")
        try:
            yield
        finally:
            _write(file, "")


@dataclass(frozen=True)
class Holder:
    """Who writes a study."""

    process: str
    """Its number, as it has said itself."""
    host: str
    here: bool
    """Whether this machine's kernel knows of the lock: else it was held when it was last heard of,
    on another machine, or is held in a container that does not show its number."""


def holder(folder: Path) -> Holder | None:
    """Who holds the study in ``folder``; None where nobody does. Nothing is locked to find out."""
    try:
        text = read_file(folder / ".lock", 1000).decode(errors="replace")
        found = os.stat(folder / ".lock")
    except (OSError, ValueError):
        return None
    process, _, host = "".join(c for c in text.strip() if c.isprintable()).partition(" ")
    key = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()  # number, kind, -, access, process, device and file, range
            if len(words) > 5 and words[1] == "FLOCK" and words[5] == key:
                return Holder(process or words[4], host or socket.gethostname(), here=True)
    if not process or host == socket.gethostname():
        return None
    return Holder(process, host, here=False)


def _write(file: IO[str], text: str) -> None:
    """Write what others read of the lock; a full disk keeps nobody from holding the lock."""
    with suppress(OSError):  # not through a buffer, which would try again when it is closed
        os.ftruncate(file.fileno(), 0)
        os.pwrite(file.fileno(), text.encode(), 0)


def _holder(file: IO[str]) -> str:
    file.seek(0)
    pid, _, host = file.read().strip().partition(" ")
    # Empty for a moment, between taking the lock and saying so.
    return f"process {pid} on {host}" if pid else "another process"
