"""How many shared libraries this process has loaded so far."""

import ctypes
from functools import cache
from typing import Any


class _LibraryInfo(ctypes.Structure):
    """``struct dl_phdr_info`` in link.h, up to its count of libraries loaded."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.c_void_p),
        ("header_count", ctypes.c_uint16),
        ("loaded", ctypes.c_ulonglong),
    )


def libraries_loaded() -> int:
    """Libraries loaded since the process began: while it stays the same, no new code came in.

    It takes microseconds; to read which libraries there are takes more than a millisecond.

    Returns:
        The C library's own count; -1 where it has none to ask.
    """
    count = -1

    def first(info: Any, size: int, data: Any) -> int:
        nonlocal count
        if size >= ctypes.sizeof(_LibraryInfo):
            count = int(info.contents.loaded)
        return 1  # every entry has the same count: stop here

    if visit := _visitor():
        ask, callback = visit
        ask(callback(first), None)
    return count


@cache
def _visitor() -> Any:
    """``dl_iterate_phdr`` and the type of its callback; None where the C library has none."""
    callback = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(_LibraryInfo), ctypes.c_size_t, ctypes.c_void_p
    )
    ask = getattr(ctypes.CDLL(None), "dl_iterate_phdr", None)
    if ask is None:
        return None
    ask.argtypes, ask.restype = [callback, ctypes.c_void_p], ctypes.c_int
    return ask, callback
