"""Loops of scikit-learn and numpy on one thread, for sums depend on how threads divide them.

Processes that run cells have one by their environment; a notebook has as many as it likes.
"""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """Hold OpenMP and BLAS to one thread in the block.

    To be called after what computes has been imported: libraries that are loaded later are not
    held.
    """
    held: AbstractContextManager[object] = _controller().limit(limits=1)
    return held


def one_blas_thread() -> AbstractContextManager[object]:
    """Hold numpy's products of matrices to one thread in the block, whatever is imported later."""
    held: AbstractContextManager[object] = _blas().limit(limits=1)
    return held


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all libraries of the process: milliseconds


@cache
def _blas() -> ThreadpoolController:
    # one of its own, for scikit-learn's libraries may not have been loaded yet
    return ThreadpoolController().select(user_api="blas")
