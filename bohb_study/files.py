"""Files that are whole or not there, and never outside the folder that they are meant for."""

import errno
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
MOST_BYTES = 2 * 2**30
"""Of a file that is read; a larger one was not written by this program."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_STALE = 3600.0
"""Seconds after which a temporary file is what a killed process left behind."""


def replace_files(contents: Mapping[Path, bytes], within: Path | None = None) -> None:
    """Put every file in its place, in the order given; missing folders are made.

    All files are written in full and flushed to disk before the first one takes its place. What is
    left then are renames, which need no space, so a full disk changes nothing. Killed between two
    renames, a process leaves files that are whole but of two ages, which is what hashes are for.

    Args:
        contents: path -> content.
        within: a folder of which nothing is taken on trust, such as a study's: no link below it is
            followed, so nothing outside it is written. Each file's own folder by default. A link
            in the place of a file is replaced, never followed.

    Raises:
        StudyError: the disk is full, a file cannot be written or would lie outside ``within``; what
            existed is untouched.
    """
    with ExitStack() as stack:
        folders: dict[Path, int] = {}
        for path in contents:
            if path.parent not in folders:
                with _explained(path):
                    folders[path.parent] = stack.enter_context(
                        opened_folder(path.parent, within or path.parent)
                    )
        staged = {
            path: stack.enter_context(_staged(path, folders[path.parent], data))
            for path, data in contents.items()
        }
        for path, temporary in staged.items():
            folder = folders[path.parent]
            with _explained(path):
                os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        for path, folder in folders.items():
            with _explained(path):
                os.fsync(folder)  # renames survive a power cut


@contextmanager
def opened_folder(folder: Path, within: Path, *, make: bool = True) -> Iterator[int]:
    """A descriptor of ``folder``; no link below ``within`` is followed.

    Args:
        folder: which.
        within: a folder around it of which nothing is taken on trust.
        make: whether it is made if need be.

    Raises:
        OSError: it cannot be made or opened; something in its place is a link; or it is not within.
    """
    parts = folder.relative_to(within).parts if folder.is_relative_to(within) else ("..",)
    if ".." in parts:
        raise OSError(errno.EINVAL, f"is outside {within}")
    if make:
        within.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(within, _FOLDER)
    try:
        for part in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            try:
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            except OSError:
                _refuse_link(part, descriptor)
                raise
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def make_folder(folder: Path, within: Path) -> Path:
    """Make ``folder``, which is no link, below ``within``; returns it.

    Raises:
        StudyError: it cannot be made, or a link is in its place.
    """
    with _explained(folder), opened_folder(folder, within):
        return folder


def open_own(name: str, folder: Path | int) -> int:
    """A descriptor of the file ``name`` in ``folder``, to be read and written; made if not there.

    Args:
        name: of the file.
        folder: its path, or a descriptor of it.

    Raises:
        OSError: it cannot be opened, or is a link, a pipe, a device or a folder.
    """
    inside = os.open(folder, _FOLDER) if isinstance(folder, Path) else os.dup(folder)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, 0o666, dir_fd=inside)
    except OSError:
        _refuse_link(name, inside)
        raise
    finally:
        os.close(inside)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no file of its own; remove it")
    return descriptor


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file; a pipe or a device in its place is never waited for.

    Args:
        path: the file, or a link to it.
        most: bytes that it may have.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, is no file, or is too large; says which.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError("cannot be read: is no file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ValueError("cannot be read: is no file")
            data = b"" if found.st_size > most else file.read(most + 1)
            if found.st_size > most or len(data) > most:
                raise ValueError(f"is larger than {most / 1e6:,.0f} MB, the most that is read")
            return data
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """``data`` as JSON text: readable, in the order given.

    Raises:
        ValueError: it holds NaN or an infinity, which are not JSON.
    """
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


@contextmanager
def _staged(path: Path, folder: int, data: bytes) -> Iterator[str]:
    """``data`` on disk beside ``path``, under a name of its own; gone unless it was renamed.

    Nothing that is there already is opened: whoever may write the folder can put a link there.
    """
    _remove_stale(path.name, folder)
    temporary = f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        with _explained(path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o666, dir_fd=folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
        yield temporary
    finally:
        with suppress(OSError):  # where nothing can be written, nothing was
            os.unlink(temporary, dir_fd=folder)


def _remove_stale(name: str, folder: int) -> None:
    """Remove what a process that was killed left of ``name``."""
    pattern = re.compile(re.escape(f".{name}.") + r"[0-9a-f]{8}\.tmp")
    for other in filter(pattern.fullmatch, os.listdir(folder)):
        with suppress(OSError):
            changed = os.stat(other, dir_fd=folder, follow_symlinks=False).st_mtime
            if time.time() - changed > _STALE:
                os.unlink(other, dir_fd=folder)


def _refuse_link(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(
                errno.ELOOP, f"{name} is a link, and nothing is written through one; remove it"
            )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = (
            f"disk full while writing {path}"
            if error.errno in DISK_FULL
            else f"cannot write {path}: {error.strerror}"
        )
        raise StudyError(f"{what}; nothing that existed was lost") from error
