"""scikit-learn's own loops on one thread, for sums depend on how they are divided among threads."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """Hold OpenMP and BLAS to one thread in the block.

    Processes that run cells have one by their environment; a notebook has as many as it likes. To
    be called after what computes has been imported: libraries that are loaded later are not held.
    """
    held: AbstractContextManager[object] = _controller().limit(limits=1)
    return held


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all libraries of the process: milliseconds
