"""Signals that end a command: one line, a known exit code, nothing left behind.

A command that calls ``guard`` first is covered from there to its end. While its modules are being
imported nothing has been begun, so a signal ends the process at once. After ``begin`` the first
signal raises KeyboardInterrupt, which ends what was begun on its way out; further ones change
nothing while that lasts, unless it lasts longer than anybody can be asked to wait.

Nothing but the standard library is imported here, so that there is no moment before it is ready.
What comes before ``guard`` is the interpreter's own start.
"""

import atexit
import contextlib
import os
import signal
import sys
import termios
import threading
import time
from types import FrameType
from typing import Any

WORDS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "hung up",
}
"""The signals that end a command, and what it says then."""
PATIENCE_SECONDS = 10.0
"""How long ending may take before another signal ends the process as it stands: workers are given
5 seconds to end, a local Ray takes 3."""
RETRY_SECONDS = 0.05
"""How soon an interrupt that cannot be raised now is tried again."""

_IMPORTING = "<frozen importlib._bootstrap>"
_SHOW_CURSOR = b"\r\x1b[?25h\x1b[K"


def exit_code(number: int) -> int:
    """The exit code of a command that a signal ended, as shells count: 130 for SIGINT."""
    return 128 + number


class _Guard:
    """What became of the signals of one process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.terminal: list[Any] | None = None
        """Attributes of the terminal that this process was started from."""
        with contextlib.suppress(termios.error, OSError):
            self.terminal = termios.tcgetattr(2)
        self.begun = False
        self.ending = False
        self.closed = False
        self.received: signal.Signals | None = None
        self.patient_until = float("inf")
        self.again_from = float("inf")
        """When KeyboardInterrupt, which could not be raised yet, may be tried again."""

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle one signal of the operating system."""
        if os.getpid() != self.process:
            _default(number)  # of a fork, whose parent sees to the end
        elif self.ending:
            pass  # of several at once, each interrupts the handler of the one before
        elif not self.begun:
            self.end_now(number)
        elif self.received is None and not self.closed:
            self.received = signal.Signals(number)
            self.patient_until = time.monotonic() + PATIENCE_SECONDS
            self.interrupt(frame)
        elif time.monotonic() > self.patient_until:
            self.end_now(self.received or number)
        elif time.monotonic() > self.again_from and not self.closed:
            self.interrupt(frame)

    def interrupt(self, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt; not while a module is half imported.

        There it may come out as another error, or be swallowed: imports are full of ``except``.
        """
        if _importing(frame) and time.monotonic() < self.patient_until:
            self.later()
            return
        self.again_from = float("inf")
        raise KeyboardInterrupt

    def later(self) -> None:
        """Come back to it soon, by a signal, for that also ends a call that waits."""
        self.again_from = time.monotonic() + RETRY_SECONDS / 2
        main = threading.main_thread().ident
        timer = threading.Timer(RETRY_SECONDS, signal.pthread_kill, [main, self.received])
        timer.daemon = True
        timer.start()

    def unraisable(self, error: "sys.UnraisableHookArgs") -> None:
        """An interrupt that was raised where Python drops exceptions, in a destructor, say."""
        value = error.exc_value
        by_ray = isinstance(value, SystemExit) and value.code == signal.SIGTERM
        if by_ray and self.begun and self.received is None and not self.closed:
            # while Ray starts it takes SIGTERM for itself, and makes a SystemExit of it
            self.received = signal.SIGTERM
            self.patient_until = time.monotonic() + PATIENCE_SECONDS
            _install(self)
            self.later()
        elif isinstance(value, KeyboardInterrupt) and self.received and not self.closed:
            self.later()
        else:
            sys.__unraisablehook__(error)

    def end_now(self, number: int) -> None:
        """End this process and all that it has started; the terminal is as it was before."""
        self.ending = True
        with contextlib.suppress(OSError):
            if self.begun and self.terminal and os.tcgetpgrp(2) == os.getpgrp():
                os.write(2, _SHOW_CURSOR)  # bars hide it, and what keys echo
                termios.tcsetattr(2, termios.TCSADRAIN, self.terminal)
            os.write(2, f"{WORDS[signal.Signals(number)]}\n".encode())
        for process in descendants(self.process):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        os._exit(exit_code(number))


_guard: _Guard | None = None


def guard() -> None:
    """Take over the signals of this process; the main thread of a command calls it first.

    A signal that the caller has had ignored (as ``nohup`` does) stays ignored.
    """
    global _guard
    if _guard is not None:
        return
    _guard = _Guard()
    sys.unraisablehook = _guard.unraisable
    atexit.register(_ignore_all)  # registered first, it is called last
    _install(_guard)


def begin() -> None:
    """From here on a signal raises KeyboardInterrupt. Call it again where others take signals."""
    if _guard is not None:
        _guard.begun = True
        _install(_guard)


def close() -> None:
    """From here on a signal changes nothing: what was begun is ended, or never will be."""
    if _guard is not None and not _guard.closed:
        _guard.closed = True
        _guard.patient_until = time.monotonic() + PATIENCE_SECONDS


def received() -> signal.Signals | None:
    """The signal that ends this command; None where none was received."""
    return _guard.received if _guard is not None else None


def descendants(process: int) -> list[int]:
    """The processes that ``process`` has started, and those that they have, as Linux lists them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{int(name)}/stat", encoding="utf-8", errors="replace") as file:
                # the name of the program stands in brackets and may hold anything
                parent = int(file.read().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found = list(children.get(process, []))
    for one in found:
        found += children.get(one, [])
    return found


def _install(guarded: _Guard) -> None:
    for number in WORDS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, guarded.handle)


def _ignore_all() -> None:
    """The interpreter is on its last steps, where a signal would end it without a word."""
    if _guard is not None and os.getpid() == _guard.process:
        for number in WORDS:
            signal.signal(number, signal.SIG_IGN)
        if _guard.received is not None and "ray" in sys.modules:
            # Where its start was interrupted, threads of Ray's stay, and one that runs while the
            # interpreter is taken apart ends the process by a segmentation fault (one in five).
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError, AttributeError):  # None: closed
                    stream.flush()
            os._exit(exit_code(_guard.received))


def _default(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _importing(frame: Any) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False
