"""The checks of code blocks notice what is wrong with a page."""

from pathlib import Path

import pytest
from sybil.example import SybilFailure

from bohb_study.errors import UsageError
from page_blocks import SYBIL, commands_in
from page_commands import check


def evaluate(folder: Path, *blocks: tuple[str, str]) -> None:
    """Evaluate a page of fenced blocks, each with what stands behind its fence."""
    page = folder / "page.md"
    page.write_text("\n".join(f"```{info}\n{source}\n```\n" for info, source in blocks))
    for example in SYBIL.parse(page).examples():
        example.evaluate()


def test_blocks_share_a_namespace_and_output_is_compared(tmp_path: Path) -> None:
    shown = 'text title="Output"'
    evaluate(tmp_path, ("python", "x = 3"), ("python", "print(x + 1)"), (shown, "4"))
    with pytest.raises(SybilFailure, match=r"the page shows\n5\n+but what is printed is\n4"):
        evaluate(tmp_path, ("python", "print(4)"), (shown, "5"))


def test_what_raises_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        evaluate(tmp_path, ("python", "1 / 0"))


def test_a_language_that_nothing_checks_fails(tmp_path: Path) -> None:
    with pytest.raises(SybilFailure, match="nothing checks blocks of ruby"):
        evaluate(tmp_path, ("ruby", "puts 1"))


def test_a_titled_block_is_a_file_for_those_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read = 'print(open("mine.py").read())'
    evaluate(
        tmp_path,
        ('python title="mine.py"', "1 / 0"),
        ("python", read),
        ('text title="Output"', "1 / 0"),
    )


def test_a_whole_file_that_is_shown_must_be_there(tmp_path: Path) -> None:
    title = 'python title="examples/gone.py"'
    with pytest.raises(AssertionError, match=r"examples/gone\.py is not there"):
        evaluate(tmp_path, (title, '--8<-- "examples/gone.py"'))


def test_a_block_that_is_run_must_succeed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- run -->\n```sh\nbohb-study compare --list | grep -q no-such-task\n```\n")
    (example,) = SYBIL.parse(page).examples()
    with pytest.raises(AssertionError, match="no-such-task"):
        example.evaluate()


def test_commands_of_a_block() -> None:
    source = "# a remark\nmake compare  # another\nbohb-study figures \\\n    --check\n"
    assert commands_in(source) == ["make compare", "bohb-study figures --check"]


@pytest.mark.parametrize(
    "command",
    [
        "bohb-study compare --budget 3 --seeds 2",
        "python experiments/compare.py --tasks mfh3 --methods random bohb",
        "python -m paper_figures --check",
        "OMP_NUM_THREADS=1 bohb-study reproduce results/paper/digits --sample 2 --anyway",
        "make compare ARGS='--budget 3'",
        "pip install -e '.[lcdb]'",
    ],
)
def test_commands_that_can_be_meant(command: str) -> None:
    check(command)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("bohb-study compare --budgets 3", "budgets"),
        ("bohb-study compare --methods bob", "bob"),
        ("bohb-study figures --venues icml", "venues"),
        ("make compare ARGS='--budget none'", "none"),
    ],
)
def test_commands_that_the_parsers_refuse(command: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(command)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("bohb-study tune", "no such command"),
        ("python experiments/tune.py", "no such file"),
        ("make coffee", "no such target"),
        ("wget something", "nothing checks wget"),
    ],
)
def test_commands_that_are_not_there(command: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check(command)
