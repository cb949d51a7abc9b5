"""A limit on how long code of the user's may take before anything has been run."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_SECONDS = 1.0
"""How soon it is asked again to stop, where a bare ``except`` took no notice."""


class TooLongError(BaseException):
    """It took too long; not an Exception, which the code itself may well catch."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooLongError within the block once it has taken ``seconds``; it reads an empty stdin.

    In the main thread by a timer's signal, which also ends a call that waits; elsewhere from a
    second thread, which a call that waits (``time.sleep``) notices only when it returns.
    """
    before = sys.stdin
    with open(os.devnull, encoding="utf-8") as nothing:
        sys.stdin = nothing  # whoever asks for input would wait for a person who was asked nothing
        try:
            main = threading.current_thread() is threading.main_thread()
            with _by_signal(seconds) if main else _by_thread(seconds):
                yield
        finally:
            sys.stdin = before


@contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    slow = ctypes.c_ulong(threading.get_ident())
    done = threading.Event()

    def stop() -> None:
        wait = seconds
        while not done.wait(wait):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(slow, ctypes.py_object(TooLongError))
            wait = AGAIN_SECONDS

    watch = threading.Thread(target=stop, daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()
