"""stdout and stderr of a command that nobody may be reading: writing to them never raises.

What a command prints is the least of what it does. Whoever closes the pipe after the first line,
or gives no stdout at all, still gets every file; so output that cannot be written is dropped, and
``unwritten`` says at the end why.
"""

import errno
import io
import os
import select
import sys
from typing import Any, TextIO


class Outlet(io.RawIOBase):
    """A file descriptor that drops what it cannot write, and keeps the first reason why."""

    def __init__(self, descriptor: int) -> None:
        """Write to ``descriptor``, which stays open when this is closed."""
        super().__init__()
        self._descriptor = descriptor
        self.error: OSError | None = None
        """Why something was dropped; None where nothing was."""

    def fileno(self) -> int:
        """The descriptor of the underlying file."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Always true, as for any output stream."""
        return True

    def write(self, data: Any) -> int:
        """Write some of ``data``, or drop all of it; returns the bytes that are done with."""
        if self.error is None:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # whoever made the pipe made it so; it will take more soon
                select.select([], [self._descriptor], [])
                return self.write(data)
            except OSError as error:
                self.error = error
        return len(data)


_stdout: Outlet | None = None


def guard() -> None:
    """Put outlets in place of this process's stdout and stderr; a command calls it first.

    A descriptor that the caller has closed becomes /dev/null: left free, it would be given to the
    next file that is opened, and what is printed would be written there.
    """
    global _stdout
    for descriptor in (0, 1, 2):
        _fill(descriptor)
    _stdout = Outlet(1)
    sys.stdout = _text(_stdout, sys.stdout, lines=_stdout.isatty())
    sys.stderr = _text(Outlet(2), sys.stderr, lines=True)


def unwritten() -> OSError | None:
    """Why some of what was printed is lost; None where all was written or nobody wanted more.

    A reader that has gone away (``| head -1``) has had what it wanted.
    """
    if _stdout is None:
        return None
    sys.stdout.flush()
    sys.stderr.flush()
    error = _stdout.error
    return None if error is None or error.errno == errno.EPIPE else error


def _fill(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, descriptor)  # for this process and those that it starts
        if null != descriptor:
            os.close(null)


def _text(outlet: Outlet, before: TextIO | None, *, lines: bool) -> TextIO:
    """``outlet`` as text, encoded as ``before``; what cannot be encoded is written by its code."""
    encoding = before.encoding if before is not None else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(outlet), encoding, errors="backslashreplace", line_buffering=lines
    )
