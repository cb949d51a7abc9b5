"""Cells and trainings in this process: one of its own takes seconds of imports to start.

For tests that need what a study leaves. That processes of their own give the same rows, and what
becomes of them, is tested in ``running/pools/test_local.py`` and ``experiments/test_compare.py``.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest


def run_cells(jobs: Sequence[Any], at_once: int) -> Generator[Any, None, None]:
    """As ``local.run_cells``, one after the other and here."""
    from bohb_study.engines.base import Finished, one_line

    for job in jobs:
        try:
            yield Finished(job.cell, job.run(), None)
        except Exception as error:
            yield Finished(job.cell, None, one_line(error))


@contextmanager
def in_process() -> Iterator[None]:
    """Within it, what would run in processes of this machine runs in this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bohb_study.running.pools.local.run_cells", run_cells)
        yield


@pytest.fixture
def cells_run_here() -> Iterator[None]:
    """``in_process`` for a test."""
    with in_process():
        yield


@pytest.fixture(scope="module")
def all_cells_run_here() -> Iterator[None]:
    """``in_process`` for the rest of a file and its other fixtures."""
    with in_process():
        yield
