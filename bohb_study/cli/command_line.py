"""What the commands share: a dataclass from the command line, one-line errors, exit codes.

Exit 0: done. 1: a run, a file or a check failed. 2: bad usage. 130: interrupted (SIGINT), 143:
terminated (SIGTERM), 129: hung up (SIGHUP); what was finished by then is kept.

What becomes of the output changes no file. A reader that goes away (``| head -1``) and a stdout or
stderr that the caller has closed (``>&-``) change no exit code either; where stdout takes no more
(``> /dev/full``), the line on stderr says so and the exit code is 1.
"""

import contextlib
import io
import os
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import tyro

from bohb_study import interrupts, streams
from bohb_study.cli.flags import flag, present_flags, with_flags
from bohb_study.cli.given_paths import check_long_paths
from bohb_study.errors import StudyError, UsageError

Options = TypeVar("Options")
PACKAGE = Path(__file__).parents[1]
_NO_NUMBER = re.compile(
    r"(--\S+): no type matching \{None\}\|(INT|FLOAT) could be instantiated from \['(.*?)'\]"
)
"""What tyro says of a number that may be left out."""


def parse(options: type[Options], argv: Sequence[str], description: str, prog: str) -> Options:
    """The dataclass ``options`` from command-line words.

    Args:
        options: what can be asked for.
        argv: the words; flags in a former spelling are taken, and a line on stderr says so.
        description: what ``--help`` says first.
        prog: how the command is called, such as ``bohb-study compare``.

    Raises:
        UsageError: one line that names the flag, what was given and what is allowed.
        SystemExit: 0, after ``--help``.
    """
    assert is_dataclass(options)
    words = [*present_flags(argv, set(_flags_of(options)))]
    argv = [word for word, _ in words]
    for note in (note for _, note in words if note):
        print(note, file=sys.stderr)
    _refuse_repeated(argv)
    _refuse_empty(argv)
    boxes = io.StringIO()
    try:
        with _page(options, argv), contextlib.redirect_stderr(boxes):
            found = tyro.cli(options, prog=prog, args=argv, description=description, add_help=True)
    except SystemExit as exit_:
        if exit_.code == 0:
            raise
        raise UsageError(one_line(boxes.getvalue())) from None
    # what a task file of the user's says while it is read, such as a warning
    sys.stderr.write(boxes.getvalue())
    check_long_paths(found)
    return found


def _flags_of(options: Any) -> Iterator[str]:
    hints = get_type_hints(options)
    for field in fields(options):
        if is_dataclass(hints[field.name]):
            yield from _flags_of(hints[field.name])
        else:
            yield flag(field.name)


def _refuse_repeated(argv: Sequence[str]) -> None:
    flags = [word.partition("=")[0].replace("_", "-") for word in argv if word.startswith("--")]
    twice = next((flag for flag in flags if flags.count(flag) > 1), None)
    if twice:
        raise UsageError(f"{twice}: given more than once")


def _refuse_empty(argv: Sequence[str]) -> None:
    """An empty word is a variable of the shell's that was not set; as a path it would mean here."""
    for before, word in zip(["", *argv], argv, strict=False):
        if not word:
            raise UsageError(f"{before} ''".lstrip() + ": empty; give a value, or leave it out")
        if word.startswith("--") and word.endswith("=") and word.count("=") == 1:
            raise UsageError(f"{word[:-1]} '': empty; give a value, or leave it out")


@contextlib.contextmanager
def _page(options: Any, argv: Sequence[str]) -> Iterator[None]:
    """No line breaks in error boxes; help fills the terminal's width."""
    if {"-h", "--help"} & set(argv):
        from bohb_study.cli import help_pages

        with help_pages.filled(options):
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


def again(command: str, argv: Sequence[str]) -> str:
    """How to go on after an interrupt: the command as it was called, without ``--fresh``.

    Args:
        command: its name, such as ``compare``.
        argv: its words.
    """
    called = sys.argv[0]
    script = ["python", called] if called.endswith(f"{command}.py") else ["bohb-study", command]
    return shlex.join([*script, *(word for word in argv if word != "--fresh")])


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
    if found := _NO_NUMBER.match(message):
        name, kind, given = found.groups()
        return f"{name} {given}: must be a {'whole ' if kind == 'INT' else ''}number"
    for section in sections[1:]:
        if section[:1] == ["Argument helptext:"] and len(section) > 1:
            message += f" (usage: {section[1]})"
        if section[:1] == ["Perhaps you meant:"] and len(section) > 1:
            message += f"; did you mean {section[1]}?"
    return message or "the arguments cannot be read; see --help"


def one_printable_line(text: str) -> str:
    """``text`` on one line: what a terminal would obey (a new line, a colour) is written out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def run(main: Callable[[Sequence[str]], int], argv: Sequence[str] | None = None) -> int:
    """Call ``main`` with the command-line words and turn what it raises into an exit code.

    One line goes to stderr; ``--debug`` among the words shows the traceback instead.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _called(main, words)
    except SystemExit as exit_:  # after --help
        if exit_.code == 0 and _finished(0):
            return 1
        raise
    return _finished(code)


def _called(main: Callable[[Sequence[str]], int], words: Sequence[str]) -> int:
    try:
        try:
            interrupts.begin()
            with warnings.catch_warnings():
                warnings.showwarning = _shown_warning(warnings.showwarning)
                return main(words)
        finally:
            interrupts.close()
    except KeyboardInterrupt as interrupt:
        if "--debug" in words:
            raise
        return _ended(interrupt.args)
    except SystemExit as exit_:
        # Ray answers SIGTERM so while it starts, and whatever else was raised on the way out
        if interrupts.received() is None and exit_.code != signal.SIGTERM:
            raise
        return _ended((), default=signal.SIGTERM)
    except Exception as error:
        if "--debug" in words:
            raise
        if interrupts.received() is not None:
            return _ended(())
        _say(f"error: {_message(error)}")
        return 2 if isinstance(error, UsageError) else 1


def _shown_warning(usual: Callable[..., object]) -> Callable[..., None]:
    """One line for what this package warns of, without the place in its code; else as usual."""

    def show(message: Warning | str, category: type[Warning], filename: str, *further: Any) -> None:
        if Path(filename).is_relative_to(PACKAGE):
            _say(f"warning: {message}")
        else:
            usual(message, category, filename, *further)

    return show


def _ended(advice: Sequence[object], default: signal.Signals = signal.SIGINT) -> int:
    """Say that a signal has ended the command, and how to go on; returns the exit code."""
    number = interrupts.received() or default
    _say(": ".join([interrupts.WORDS[number], *map(str, advice)]))
    return interrupts.exit_code(number)


def _message(error: Exception) -> str:
    if isinstance(error, UsageError | StudyError):
        return with_flags(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {_reason(error)}"
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text} (--debug shows where)"


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _finished(code: int) -> int:
    """Write out what was printed; returns ``code``, or 1 where that is 0 and printing failed."""
    error = streams.unwritten()
    if error is None:
        return code
    _say(f"error: stdout takes no more: {_reason(error)}; files are not affected")
    return code or 1


def _say(line: str) -> None:
    print(one_printable_line(line), file=sys.stderr)
