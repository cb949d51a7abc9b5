"""What exists before a cell is set aside from collections while it runs, and only then."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from bohb_study.engines.garbage import older_objects_set_aside


class Cycle:
    """Garbage that only the collector frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def nothing_set_aside() -> Iterator[None]:
    """As outside of tests, which set aside what they have imported."""
    before = gc.get_freeze_count()
    gc.unfreeze()
    yield
    if before:
        gc.freeze()


@pytest.mark.usefixtures("nothing_set_aside")
def test_what_is_made_meanwhile_is_collected_and_what_was_there_is_afterwards() -> None:
    older = weakref.ref(Cycle())
    with older_objects_set_aside():
        newer = weakref.ref(Cycle())
        gc.collect()
        assert older() is not None
        assert newer() is None
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert older() is None


@pytest.mark.usefixtures("nothing_set_aside")
def test_an_error_puts_everything_back() -> None:
    with pytest.raises(RuntimeError), older_objects_set_aside():
        raise RuntimeError
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("nothing_set_aside")
def test_what_somebody_else_has_set_aside_stays_so() -> None:
    gc.freeze()
    with older_objects_set_aside(), older_objects_set_aside():
        pass
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
