"""Numbers too small to matter, and slow to reckon with."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Treat float32 numbers below 1e-38 (float64: 1e-308) as zero, in this thread, in the block.

    The momentum of a dead ReLU unit decays into such denormal numbers and stays there, and
    arithmetic with them is slow, on some CPUs many times. The setting is undone afterwards: it
    applies to all arithmetic of the thread, and a searcher in the same process must compute what
    it would compute in a process of its own.
    """
    before = sys.float_info.min / 2 == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
