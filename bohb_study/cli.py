"""What the scripts share: a dataclass from the command line, one-line errors, exit codes.

Exit 0: done. 1: a run, a file or a check failed. 2: bad usage. 130: interrupted.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import tyro

from bohb_study.errors import StudyError, UsageError

Options = TypeVar("Options")


def parse(options: type[Options], argv: Sequence[str], description: str) -> Options:
    """The dataclass ``options`` from command-line words.

    Raises:
        UsageError: one line that names the flag, what was given and what is allowed.
        SystemExit: 0, after ``--help``.
    """
    assert is_dataclass(options)
    _refuse_repeated(argv)
    boxes = io.StringIO()
    try:
        with _wide(), contextlib.redirect_stderr(boxes):
            return tyro.cli(options, args=argv, description=description, add_help=True)
    except SystemExit as exit_:
        if exit_.code == 0:
            raise
    raise UsageError(one_line(boxes.getvalue()))


def _refuse_repeated(argv: Sequence[str]) -> None:
    flags = [word.partition("=")[0].replace("_", "-") for word in argv if word.startswith("--")]
    twice = next((flag for flag in flags if flags.count(flag) > 1), None)
    if twice:
        raise UsageError(f"{twice}: given more than once")


@contextlib.contextmanager
def _wide() -> Any:
    """No line breaks in error boxes; help keeps the terminal's width."""
    if {"-h", "--help"} & set(sys.argv):
        yield
        return
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "2000"
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def check_file(flag: str, path: Path) -> None:
    """Raise UsageError where ``path`` cannot be a file to write, before what is to be written."""
    if path.is_dir():
        raise UsageError(f"{flag} {path}: is a folder; name a file")
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        raise UsageError(f"{flag} {path}: {above} is no folder")


def one_line(box: str) -> str:
    """The message of one of tyro's boxes of several lines, as one line.

    Where stdout is not UTF-8 the box is drawn by dashes alone, below its title.
    """
    lines = [line.strip(" │") for line in box.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("╭", "╰"))]
    sections: list[list[str]] = [[]]
    for line in lines:
        if set(line) in ({"─"}, {"-"}):
            sections.append([])
        else:
            sections[-1].append(line)
    if "╭" not in box:
        del sections[0]
    message = re.sub(r"^Error parsing ", "", " ".join(sections[0] if sections else []))
    for section in sections[1:]:
        if section[:1] == ["Argument helptext:"] and len(section) > 1:
            message += f" (usage: {section[1]})"
        if section[:1] == ["Perhaps you meant:"] and len(section) > 1:
            message += f"; did you mean {section[1]}?"
    return message or "the arguments cannot be read; see --help"


def run(main: Callable[[Sequence[str]], int], argv: Sequence[str] | None = None) -> int:
    """Call ``main`` with the command-line words and turn what it raises into an exit code.

    One line goes to stderr; ``--debug`` among the words shows the traceback instead.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return main(words)
    except (UsageError, StudyError) as error:
        if "--debug" in words:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt as interrupt:
        if "--debug" in words:
            raise
        print(": ".join(["interrupted", *map(str, interrupt.args)]), file=sys.stderr)
        return 130
    except Exception as error:
        if "--debug" in words:
            raise
        text = " ".join(str(error).split())[:300]
        print(f"error: {type(error).__name__}: {text} (--debug shows where)", file=sys.stderr)
        return 1
