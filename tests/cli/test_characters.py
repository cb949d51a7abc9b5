"""``characters``: from the command line to the file, the tables and the page."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bohb_study.analysis.diagnostics import fanova
from bohb_study.cli import characters, command_line
from bohb_study.cli.tasks_page import (
    BEGIN,
    END,
    LIST_BEGIN,
    LIST_END,
    characters_section,
    tasks_section,
)
from bohb_study.summaries.characters_json import read_characters
from bohb_study.tasks import TASKS
from repository import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

PAGE = "\n".join(["# Mine", BEGIN, "old", END, "between", LIST_BEGIN, LIST_END, ""])


@pytest.fixture(autouse=True, scope="module")
def few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanova, "TREES", 8)
        yield


def run(*words: str) -> int:
    return command_line.run(characters.main, words)


@pytest.mark.usefixtures("cells_run_here")
def test_characters_are_computed_stored_and_put_on_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "characters.json", tmp_path / "page.md"
    page.write_text(PAGE)
    assert run("--tasks", "mfh3-good", "--configs", "30", "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert "What decides between methods" in printed
    assert str(out) in printed
    more = ["--tasks", "lcdb-44", "branin-mf", "--configs", "25", "--page", str(page)]
    assert run(*more, "--out", str(out)) == 0
    found = read_characters(out)
    assert list(found) == ["branin-mf", "lcdb-44", "mfh3-good"]
    assert found["mfh3-good"].character.configs == 30
    assert found["lcdb-44"].character.configs < 25  # of a finite space each counts once
    said = json.loads(out.read_text())["runs"][0]
    assert said["numerics"]["mode"] == "portable"
    assert {"date", "cpu", "versions", "code"} <= set(said)
    text = page.read_text()
    assert characters_section(found) in text
    assert tasks_section() in text
    assert "old" not in text
    assert "between" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["characters.json", "page.md"]


def test_a_page_is_written_from_the_file_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    stored = ROOT / "results/paper/characters.json"
    assert run("--page", str(page), "--out", str(stored)) == 0
    assert characters_section(read_characters(stored)) in page.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--tasks: name at least one, or a page to write"),
        (["--tasks", "digit"], "--tasks digit: no such task; did you mean digits"),
        (["--tasks", "digits", "--configs", "1"], "--configs 1: must be 2 to 100,000"),
        (["--tasks", "digits", "--jobs", "0"], "--jobs 0: must be at least 1"),
        (["--tasks", "digits", "--page", "none.md"], "--page none.md: no such page"),
        (["--tasks", "mfh3", "--out", "/proc/none.json"], "--out /proc/none.json.part: cannot be"),
        (["--tasks", "digits", "--task-options", "digits.epoch=3"], "digits.epoch: no such option"),
    ],
)
def test_what_cannot_be_computed_is_refused_in_a_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert said in capsys.readouterr().err


def test_an_interrupt_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> Iterator[object]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("bohb_study.running.pools.local.run_cells", interrupted)
    words = ["--tasks", "mfh3-good", "--out", str(tmp_path / "c.json")]
    assert run(*words) == 130
    said = capsys.readouterr().err
    assert "finished evaluations are kept; go on with: bohb-study characters --tasks" in said


def test_the_documentation_shows_what_is_stored() -> None:
    page = (ROOT / "docs/tasks.md").read_text()
    stored = read_characters(ROOT / "results/paper/characters.json")
    assert f"{BEGIN}\n\n{characters_section(stored)}\n\n{END}" in page
    assert f"{LIST_BEGIN}\n\n{tasks_section()}\n\n{LIST_END}" in page
    listed = page[page.index(LIST_BEGIN) :]
    missing = [name for name in TASKS if f"`{name}" not in listed and f" {name}" not in listed]
    assert not missing
