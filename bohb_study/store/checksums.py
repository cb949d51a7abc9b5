"""SHA256SUMS: what the files of a packed study must be, as ``sha256sum --check`` reads it."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from bohb_study.errors import StudyError
from bohb_study.files import read_file, replace_files
from bohb_study.store.names import PACK_AGAIN, PACKED_RECORDS, SUMS_FILE

__all__ = [
    "SUMS_FILE",
    "TABLE_FILE",
    "check_sums",
    "read_sums",
    "seal_folder",
    "write_packed",
]

TABLE_FILE = "table.md"
"""The study's table, which the page shows as it is."""
LISTED = (".json", ".md", ".parquet")
"""Endings of the files that make a packed study; a page and figures can be beside it."""
MOST_LINES = 1000
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_][A-Za-z0-9_.+-]{0,99})")


def write_packed(folder: Path, contents: Mapping[str, bytes | None], *, anew: bool = False) -> None:
    """Write files of a packed study, then its list of hashes, if it has one.

    Only what is written is hashed: of all other files the list keeps what it said, so that one that
    was damaged before stays so.

    Args:
        folder: of the packed study; of one that is not packed there is no list.
        contents: name -> content; None for a file that is removed.
        anew: a list is begun, of these files and of what else is there as it is now.

    Raises:
        StudyError: the disk is full or a file cannot be written; what existed is untouched.
    """
    files = {name: content for name, content in contents.items() if content is not None}
    sums = _found(folder) if anew else read_sums(folder)
    if sums is not None:
        sums = {name: own for name, own in sums.items() if name not in contents}
        sums |= {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files[SUMS_FILE] = _text(sums)
    replace_files({folder / name: content for name, content in files.items()}, folder)
    for name, content in contents.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)


def seal_folder(folder: Path) -> Path:
    """List the files of a packed study as they are now; returns the list.

    Raises:
        StudyError: it is not packed, does not agree with the list that it has, or cannot be read.
    """
    if not (folder / PACKED_RECORDS).exists():
        raise StudyError(f"{folder}: holds no packed study")
    check_sums(folder)
    replace_files({folder / SUMS_FILE: _text(_found(folder))}, folder)
    return folder / SUMS_FILE


def _found(folder: Path) -> dict[str, str]:
    """The list of the files that are there now."""
    sums: dict[str, str] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix in LISTED and not path.name.startswith("."):
            try:
                sums[path.name] = hashlib.sha256(read_file(path)).hexdigest()
            except (FileNotFoundError, ValueError) as why:
                raise StudyError(f"{path}: {why}") from None
    return sums


def check_sums(folder: Path, *, needed: bool = False) -> None:
    """Raise StudyError, in one line, where a packed study is not as its list of hashes says.

    Every file of the list must be there and as listed; and every JSON, parquet and table in the
    folder must be in the list.

    Args:
        folder: of the packed study.
        needed: it must have a list.
    """
    sums = read_sums(folder)
    if sums is None:
        if needed:
            raise StudyError(f"{folder / SUMS_FILE}: is not there; {PACK_AGAIN}")
        return
    for name, expected in sums.items():
        try:
            found = hashlib.sha256(read_file(folder / name)).hexdigest()
        except FileNotFoundError:
            raise StudyError(
                f"{folder / name}: is in {SUMS_FILE} and is not there; {PACK_AGAIN}"
            ) from None
        except ValueError as why:
            raise StudyError(f"{folder / name}: {why}; {PACK_AGAIN}") from None
        if found != expected:
            raise StudyError(f"{folder / name}: is not the file in {SUMS_FILE}; {PACK_AGAIN}")
    for path in sorted(folder.iterdir()):
        vouched = path.suffix in {".json", ".parquet"} or path.name == TABLE_FILE
        if vouched and path.name not in sums:
            shown = path.name if path.name.isprintable() else ascii(path.name)
            raise StudyError(f"{folder / shown}: is not in {SUMS_FILE}; {PACK_AGAIN}")


def read_sums(folder: Path) -> dict[str, str] | None:
    """The list of hashes of a packed study: name -> sha256; None where there is none.

    Raises:
        StudyError: it is damaged.
    """
    path = folder / SUMS_FILE
    try:
        lines = read_file(path, MOST_LINES * 200).decode("ascii").splitlines()
        found = [_LINE.fullmatch(line) for line in lines]
        sums = {match[2]: match[1] for match in found if match}
        if len(sums) != len(lines):
            raise ValueError("is no list of hashes")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise StudyError(f"{path}: damaged: is not text; {PACK_AGAIN}") from None
    except ValueError as why:
        raise StudyError(f"{path}: damaged: {why}; {PACK_AGAIN}") from None
    return sums


def _text(sums: Mapping[str, str]) -> bytes:
    return "".join(f"{own}  {name}\n" for name, own in sorted(sums.items())).encode()
