"""Files that are whole or not there: written beside their target, flushed, then renamed."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from bohb_study.columns import SCHEMA_VERSION
from bohb_study.errors import StudyError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Put every file in its place, in the order given; missing folders are made.

    All files are written in full and flushed to disk before the first one takes its place. What is
    left then are renames, which need no space, so a full disk changes nothing. Killed between two
    renames, a process leaves files that are whole but of two ages, which is what hashes are for.

    Raises:
        StudyError: the disk is full or a file cannot be written; what existed is untouched.
    """
    with ExitStack() as stack:
        staged = {path: stack.enter_context(_staged(path, contents[path])) for path in contents}
        for path, temporary in staged.items():
            with _explained(path):
                os.replace(temporary, path)
        for folder in dict.fromkeys(path.parent for path in contents):
            with _explained(folder):
                _flush_folder(folder)


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """``data`` as the JSON text that is stored: readable, in the order given.

    Raises:
        ValueError: it holds NaN or an infinity, which are not JSON.
    """
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> dict[str, Any]:
    """A stored JSON object.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read or parsed, or was not written by this program.
        StudyError: a newer version of this program wrote it.
    """
    try:
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise ValueError("is not JSON") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, int) or schema < 1:
        raise ValueError("says no schema version")
    if schema > SCHEMA_VERSION:
        raise StudyError(
            f"{path}: written by a newer version (schema {schema}, this program reads "
            f"{SCHEMA_VERSION}); use that version"
        )
    return dict(data)


@contextmanager
def _staged(path: Path, data: bytes) -> Iterator[Path]:
    """``data`` on disk beside ``path``; gone at the end unless it was renamed.

    The name is fixed: only the holder of the study's lock writes, and what a killed process left
    behind is overwritten when its cell is run again.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(OSError):  # below a file, or where nothing can be written, nothing was
            temporary.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = (
            f"disk full while writing {path}"
            if error.errno in DISK_FULL
            else f"cannot write {path}: {error.strerror}"
        )
        raise StudyError(f"{what}; nothing that existed was lost") from error
