"""Temporary folders that say whose they are, so that what a killed process leaves is removed later.

Each holds a file on which its process has a lock for as long as it lives: a lock ends with its
process, however that ends, while the number of a process may be another's by then, or mean nothing
in another container that shares the folder.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from weakref import WeakSet, finalize

PREFIXES = (
    "bohb-study-",
    "bohb-states-",
    "bohb-reproduce-",
    "bohb-compiled-",
    "bohb-images-",
    "bohb-ray-",
)
"""How the names of such folders begin."""
OWNER = ".owner"
"""The file in them that is locked."""
UNOWNED_SECONDS = 10.0
"""Age from which one without that file is removed: a younger one may just be being made. An older
one was made anew by a process of Ray that ended after its folder was gone."""

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class OwnedFolder:
    """A temporary folder of this process; also a context manager, which gives its path."""

    def __init__(self, prefix: str, within: str | os.PathLike[str] | None = None) -> None:
        """Make it.

        Args:
            prefix: one of ``PREFIXES``, with which its name begins.
            within: the folder around it; that of the system by default.

        Raises:
            OSError: it cannot be made.
        """
        assert prefix in PREFIXES
        try:
            self.name, self._lock = _made(prefix, within)
        except FileNotFoundError:  # this process stood still, and another took it for an orphan
            self.name, self._lock = _made(prefix, within)
        _owned.add(self)
        self._finalizer = finalize(self, _end, self.name, self._lock, os.getpid())

    def __enter__(self) -> str:
        """Its path."""
        return self.name

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove it."""
        self.cleanup()

    def empty(self) -> bool:
        """Remove what is in it, as far as that is possible; whether nothing is left."""
        for entry in os.scandir(self.name):
            if entry.name != OWNER:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with suppress(OSError):
                        os.unlink(entry.path)
        return os.listdir(self.name) == [OWNER]

    def cleanup(self) -> None:
        """Remove it; a second time does nothing. It is removed when the process ends as well."""
        self._finalizer()

    def leave(self) -> None:
        """Own it no more, and do not remove it."""
        if self._finalizer.detach():
            os.close(self._lock)


def _made(prefix: str, within: str | os.PathLike[str] | None) -> tuple[str, int]:
    """The path of a new folder, and the lock on it."""
    name = tempfile.mkdtemp(prefix=prefix, dir=within)
    # locked before it has its name, so that nobody finds it without the lock
    new = os.path.join(name, f"{OWNER}.new")
    lock = os.open(new, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.rename(new, os.path.join(name, OWNER))
    return name, lock


def _end(name: str, lock: int, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(name, ignore_errors=True)
        os.close(lock)


_owned: WeakSet[OwnedFolder] = WeakSet()


def _leave_all() -> None:
    """A fork does not own what its parent does, and would keep it when the parent is gone."""
    for one in list(_owned):
        one.leave()


os.register_at_fork(after_in_child=_leave_all)


def remove_orphans(within: str | os.PathLike[str] | None = None) -> list[str]:
    """Remove such folders of this user that no living process owns.

    Args:
        within: where to look; in the system's folder for temporary files by default.

    Returns:
        The names of those that are gone. What cannot be read or removed stays.
    """
    folder = Path(within or tempfile.gettempdir())
    return [entry.name for entry in _candidates(folder) if _remove(Path(entry.path))]


def _candidates(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if (
                    entry.name.startswith(PREFIXES)
                    and entry.is_dir(follow_symlinks=False)
                    and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
                ):
                    yield entry


def _remove(path: Path) -> bool:
    """Remove a folder that nobody owns; whether it is gone."""
    with suppress(OSError):
        try:
            lock = os.open(path / OWNER, _FLAGS)
        except FileNotFoundError:
            if time.time() - path.stat().st_mtime > UNOWNED_SECONDS:
                shutil.rmtree(path)
            return not path.exists()
        try:
            if stat.S_ISREG(os.fstat(lock).st_mode):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)  # which follows no link
        finally:
            os.close(lock)
    return not path.exists()
