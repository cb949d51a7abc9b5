import io
import re

import pytest
from rich.console import Console


class FakeClock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return FakeClock()


class Recorded(Console):
    """80 columns that are kept: of a terminal, or of what is none."""

    def __init__(self, terminal: bool) -> None:
        self._written = io.StringIO()
        super().__init__(
            file=self._written,
            width=80,
            force_terminal=terminal,
            color_system=None,
            _environ={},
        )

    @property
    def written(self) -> str:
        return self._written.getvalue()

    def lines(self) -> list[str]:
        """All lines that were drawn; where rich moves the cursor a new line begins."""
        text = re.sub(r"\x1b\[[?\d;]*[A-Za-z]|\r", "\n", self.written)
        return [line for line in text.split("\n") if line.strip()]


@pytest.fixture
def terminal() -> Recorded:
    return Recorded(terminal=True)


@pytest.fixture
def pipe() -> Recorded:
    return Recorded(terminal=False)


@pytest.fixture
def cells() -> dict[str, int]:
    """The units that each cell may spend."""
    return {"digits/grid/0": 100, "digits/bohb/0": 100, "digits/hpbandster-hyperband/0": 200}
