"""Code of the user's gets its time and no more, in whatever thread it is called."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bohb_study.errors import UsageError
from bohb_study.tasks.user import own_file, time_limit
from bohb_study.tasks.user.time_limit import TooLongError
from bohb_study.tasks.user.user_task import read_own

SECONDS = 0.1


def loops() -> None:
    while True:
        pass


def waits() -> None:
    time.sleep(20)


def takes_no_notice() -> None:
    for _ in range(2):
        try:
            loops()
        except BaseException:
            continue


def stopped(code: Callable[[], None]) -> bool:
    """Whether ``code`` was stopped, and soon."""
    began = time.monotonic()
    try:
        with time_limit.time_limit(SECONDS):
            code()
            loops()
    except TooLongError:
        return time.monotonic() - began < 10
    return False


@pytest.mark.parametrize("code", [loops, waits, takes_no_notice])
def test_in_the_main_thread(code: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "AGAIN_SECONDS", SECONDS)
    assert stopped(code)


@pytest.mark.parametrize("code", [loops, takes_no_notice])
def test_in_another_thread(code: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "AGAIN_SECONDS", SECONDS)
    said: list[bool] = []
    thread = threading.Thread(target=lambda: said.append(stopped(code)), daemon=True)
    thread.start()
    thread.join(20)
    assert said == [True]


def test_what_is_quick_is_left_alone() -> None:
    before = sys.stdin
    with time_limit.time_limit(SECONDS):
        assert sys.stdin.read() == ""
    time.sleep(2 * SECONDS)
    assert sys.stdin is before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nwhile True:\n    x += 1\n", "importing it took longer than 0.1 s (PATH, line "),
        ("import time\ntime.sleep(20)\n", "importing it took longer than 0.1 s (PATH, line 2); a "),
        ("answer = input()\n", "EOFError: EOF when reading a line (PATH, line 1)"),
        ("raise GeneratorExit('why')\n", "GeneratorExit: why (PATH, line 1)"),
    ],
    ids=["loops", "waits", "asks", "raises what no Exception is"],
)
def test_a_file_that_does_more_than_say_what_its_task_is(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_file, "IMPORT_SECONDS", SECONDS)
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        _ = read_own(f"{path}:Mine").found
    assert str(error.value).startswith(f"tasks {path}:Mine: " + said.replace("PATH", str(path)))


def test_a_task_that_takes_for_ever_to_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from bohb_study.tasks import ComputedTask\n"
        "class Mine(ComputedTask):\n"
        "    def __post_init__(self):\n"
        "        while True:\n"
        "            pass\n"
        "Mine.__abstractmethods__ = frozenset()\n"
    )
    given = read_own(f"{path}:Mine")
    _ = given.found  # takes as long as its imports do
    monkeypatch.setattr(own_file, "IMPORT_SECONDS", SECONDS)
    with pytest.raises(UsageError, match=r"making the task took longer than 0.1 s \(.*, line [45]"):
        given.make()
