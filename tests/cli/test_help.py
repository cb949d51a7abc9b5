"""Help fills the terminal, whatever its width."""

import itertools
import re
from collections.abc import Callable
from importlib import import_module

import pytest

from bohb_study.cli import bench, entry

Shown = Callable[[str, int], list[str]]

MODULES = {name: module for name, (module, _) in entry.COMMANDS.items() if name != "bench"}
MODULES |= {f"bench {part}": f"bohb_study.cli.bench_{part}" for part in bench.PARTS}
TEXT = re.compile(r"(     |\S.*?  )\s*\S")
"""A row that has more than a flag."""
EVERYWHERE = pytest.mark.parametrize(
    ("command", "width"), [*itertools.product(MODULES, (60, 80, 97, 120))]
)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shown:
    """The lines of a command's help in a terminal of that width."""

    def show(command: str, width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        with pytest.raises(SystemExit) as end:
            import_module(MODULES[command]).main(["--help"])
        assert end.value.code == 0
        out, said = capsys.readouterr()
        assert said == ""
        return out.splitlines()

    return show


@EVERYWHERE
def test_no_line_is_longer_than_the_terminal(command: str, width: int, shown: Shown) -> None:
    assert max(map(len, shown(command, width))) <= width


@EVERYWHERE
def test_no_line_ends_before_the_next_word_has_no_room(
    command: str, width: int, shown: Shown
) -> None:
    rows = [line[2:-2] for line in shown(command, width) if line.startswith("│")]
    assert rows
    for row, below in itertools.pairwise(rows):
        if below.startswith("     ") and TEXT.match(row.rstrip()):
            assert len(f"{row.rstrip()} {below.split()[0]}") > len(row)


@EVERYWHERE
def test_a_default_that_says_nothing_is_left_out(command: str, width: int, shown: Shown) -> None:
    lines = shown(command, width)
    assert not [line for line in lines if "│" in line and not line.strip("│ ")]
    assert not re.search(r"\(default: *(None|False)?\)|\{None|LITERAL", " ".join(lines))


@pytest.mark.parametrize(
    "overview", [entry.overview, bench.overview], ids=["bohb-study", "bohb-study bench"]
)
@pytest.mark.parametrize("width", [40, 60, 80])
def test_overviews_fill_the_terminal_too(
    overview: Callable[[], str], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert width - 20 < max(map(len, overview().splitlines())) <= width


def test_reading_help_leaves_the_options_as_they_were(shown: Shown) -> None:
    from bohb_study.study import StudyConfig

    before = dict(StudyConfig.__annotations__)
    shown("compare", 80)
    assert StudyConfig.__annotations__ == before
