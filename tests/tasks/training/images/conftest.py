"""No test of images touches the user's cache."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None:
    pass
