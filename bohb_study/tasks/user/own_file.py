"""A file of the user's, named as ``path/to/file.py:NAME``: its text, its hash and its errors.

The file alone decides what stands in it. Its sha256 is part of the study's identity; its folder is
not searched for imports, so nothing beside it decides a row; and its text travels with what is
pickled, so other processes and the nodes of a cluster need no such file.
"""

import errno
import hashlib
import re
import stat
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from bohb_study.errors import UsageError
from bohb_study.tasks.spaces import with_cause
from bohb_study.tasks.user.time_limit import TooLongError, time_limit
from bohb_study.tasks.user.user_file import executed, load

IMPORT_SECONDS = 30.0
"""How long importing a user's file may take, and then making what is in it: an import of PyTorch
takes 5 on a slow disk. Code that ends the process itself (``os._exit``) cannot be held."""
MOST_BYTES = 16 * 2**20
"""Size of a user's file, at most."""
PLAIN_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}"
"""What a task or a method may be called: it becomes a folder."""

Own = TypeVar("Own", bound="OwnFile")


@dataclass(frozen=True)
class OwnFile(ABC):
    """The text of a user's file, read once, and which class or object of it is meant."""

    parameter: str
    """What it was given for: ``tasks`` or ``methods``."""
    given: str
    """As it was given: path/to/file.py:NAME."""
    class_name: str
    """Of the class, or of the variable, that is meant."""
    path: str
    """Absolute; a copy in another process only names it in tracebacks."""
    source: bytes = field(repr=False)
    """The file's text."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What frames and folders call it; raises UsageError where it can have none."""

    @property
    def sha256(self) -> str:
        """Hash of the file's text."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def identity(self) -> dict[str, str]:
        """What decides the rows: the file, and which class or object of it."""
        return {"class": self.class_name, "sha256": self.sha256}

    def module(self) -> ModuleType:
        """The file as a module, imported once per process.

        Raises:
            UsageError: it cannot be imported, or takes longer than ``IMPORT_SECONDS``.
        """
        with self.one_line_errors("importing it"):
            return load(self.source, self.path)

    def error(self, text: str) -> UsageError:
        """An error that names the parameter and the file."""
        return UsageError(f"{self.given}: {text}", self.parameter)

    def check_name(self, name: str) -> None:
        """Raise UsageError for a name that cannot be a folder's."""
        if not re.fullmatch(PLAIN_NAME, name):
            raise self.error(f"name {name!r} must be at most 100 letters, digits and _ -")

    @contextmanager
    def one_line_errors(self, doing: str, *as_it_is: type[Exception]) -> Iterator[None]:
        """Give the file's own code its time, and turn what it raises into a UsageError.

        Args:
            doing: what takes the time.
            as_it_is: what is let through, for it says which parameter it is about.
        """
        try:
            with time_limit(IMPORT_SECONDS):
                yield
        except TooLongError as error:
            raise self.error(
                f"{doing} took longer than {IMPORT_SECONDS:g} s ({self.path}"
                f"{line_of(error, self.path)}); a {self._kind}'s file says what is to be run, and "
                "runs nothing itself"
            ) from error
        except BaseException as error:
            named = isinstance(error, as_it_is) and bool(getattr(error, "parameter", None))
            if named or isinstance(error, KeyboardInterrupt):
                raise
            raise self.error(described(error, self.path)) from error

    @property
    def _kind(self) -> str:
        return self.parameter.removesuffix("s")


def read_file_of(parameter: str, given: str) -> tuple[str, str, bytes]:
    """The name, absolute path and text of ``given`` (path:NAME, from the current folder).

    Nothing of the file is executed.

    Raises:
        UsageError: not path:NAME, no .py, or a file that cannot be read.
    """
    file, _, name = given.rpartition(":")
    if not name.isidentifier():
        raise UsageError(f"{given}: must look like path/to/file.py:NAME", parameter)
    if not file.endswith(".py"):
        raise UsageError(f"{given}: {file or 'nothing'} is no .py file", parameter)
    path = Path(file).absolute()
    try:
        return name, str(path), _read(path)
    except OSError as error:
        raise UsageError(f"{given}: cannot read {path}: {error.strerror}", parameter) from None


def by_name(files: Iterable[Own]) -> dict[str, Own]:
    """Files of the user's by the names of what is meant of them, in the order given.

    Raises:
        UsageError: as ``OwnFile.name``; or two have one name.
    """
    found: dict[str, Own] = {}
    for own in files:
        name = own.name
        if name in found:
            raise UsageError(
                f"{found[name].given} {own.given}: both are named {name}; "
                'give one another by name = "..."',
                own.parameter,
            )
        found[name] = own
    return found


def check_executed(own: Iterable[OwnFile]) -> None:
    """Raise UsageError for a file of a stored study that this process was not told to execute."""
    for one in own:
        if not executed(one.source):
            raise UsageError(
                f"the stored study names the file {one.given} (sha256 {one.sha256[:16]}), which "
                f"would be executed: look at it, then name it in {one.parameter}, or give "
                "trust=True"
            )


def executes(files: Iterable[OwnFile]) -> list[str]:
    """A line for each file, to be shown where a stored study's files are executed."""
    lines = (f"executes {one.path} (sha256 {one.sha256})" for one in files)
    return list(dict.fromkeys(lines))


def described(error: BaseException, path: str) -> str:
    """Type and message of ``error`` and the file's line that raised it, as one line."""
    text = error.msg if isinstance(error, SyntaxError) else with_cause(error)
    line = line_of(error, path)
    where = f" ({path}{line})" if line else ""
    if isinstance(error, ModuleNotFoundError):
        where += "; neither the current folder nor the file's own is searched"
    # what is meant for the user says itself what it is
    kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
    return f"{kind}{' '.join(text.split())[:300]}{where}"


def line_of(error: BaseException, path: str) -> str:
    """Which line of the file raised ``error``; empty where none did."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    if isinstance(error, SyntaxError) and error.filename == path:
        lines.append(error.lineno)
    return f", line {lines[-1]}" if lines else ""


def _read(path: Path) -> bytes:
    """The text of a regular file: a pipe is not waited for."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "is no file")
    with path.open("rb") as file:
        source = file.read(MOST_BYTES + 1)
    if len(source) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"is larger than {MOST_BYTES / 1e6:.0f} MB")
    return source
