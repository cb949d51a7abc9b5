"""JSON files that carry the hash of their own text, so that a changed byte is seen.

The last key of such a file, ``self``, is the sha256 of all that stands before it. It is the text
that is hashed, not what it means: every byte of the file counts, and nothing is written anew to
be compared. Files of schema 1 have no hash of their own.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bohb_study.errors import StudyError
from bohb_study.files import json_bytes, read_file
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store import shapes
from bohb_study.store.shapes import Shape

_OWNED = shapes.fields({"study": shapes.line})

SELF = "self"
"""Key of the hash."""
SEALED_SINCE = 2
"""Schema from which every JSON file of a study carries its hash."""
MOST_JSON_BYTES = 256 * 2**20
MOST_DIGITS = 300
"""Of a whole number, so that it is no infinity as a float."""
MOST_LEVELS = 32
"""Of lists and objects within one another."""

_END = b"\n}\n"
_SEAL = re.compile(rb',\n "self": "([0-9a-f]{64})"\n\}\n')
_SEAL_BYTES = len(b',\n "self": ""') + 64 + len(_END)


def sealed_json(data: Mapping[str, Any]) -> bytes:
    """``data``, which says its schema, as JSON text with its hash; one that it has is left out.

    Raises:
        ValueError: it holds NaN or an infinity, which are not JSON.
    """
    return seal(json_bytes({key: value for key, value in data.items() if key != SELF}))


def seal(text: bytes) -> bytes:
    """The same JSON object with its hash as its last key."""
    assert text.endswith(_END), "not an object that is written over several lines"
    body = text.removesuffix(_END)
    sha256 = hashlib.sha256(body).hexdigest()
    return body + f',\n "{SELF}": "{sha256}"'.encode() + _END


def read_json(path: Path) -> dict[str, Any]:
    """A stored JSON object, without its hash, which holds.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read or parsed, is not as it was written, or was not written by
            this program; says which.
        StudyError: a newer version of this program wrote it.
    """
    text = read_file(path, MOST_JSON_BYTES)
    found = _SEAL.fullmatch(text, max(0, len(text) - _SEAL_BYTES))
    if found and hashlib.sha256(text[: found.start()]).hexdigest() != found[1].decode():
        raise ValueError("is not as it was written (sha256)")
    data = parsed(text)
    schema = data.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise ValueError("says no schema version")
    if schema > SCHEMA_VERSION:
        raise StudyError(
            f"{path}: written by a newer version (schema {schema}, this program reads "
            f"{SCHEMA_VERSION}); use that version"
        )
    if schema >= SEALED_SINCE and not found:
        raise ValueError("lacks the hash of itself")
    data.pop(SELF, None)
    return data


def read_beside(path: Path, study_id: str, shape: Shape) -> dict[str, Any]:
    """As ``read_json``, what is stored beside a study, of this shape.

    Raises:
        ValueError: as ``read_json``; it is of another study, or not such.
    """
    data = read_json(path)
    _OWNED(data, "")
    if data["study"] != study_id:
        raise ValueError(f"belongs to study {data['study']}, not {study_id}")
    shape(data, "")
    return data


def parsed(text: bytes) -> dict[str, Any]:
    """A JSON object that can be written again as it is.

    Raises:
        ValueError: it is no JSON object in UTF-8, has a key twice, a number that is none or too
            large, or too many levels.
    """
    try:
        data = json.loads(
            text.decode(),
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_int=_int,
            parse_float=_float,
        )
    except RecursionError:
        raise ValueError(f"is nested deeper than {MOST_LEVELS} levels") from None
    except _RefusedError as why:
        raise ValueError(str(why)) from None
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(data, dict):
        raise ValueError("is no JSON object")
    _check(data, MOST_LEVELS)
    return data


class _RefusedError(ValueError):
    """What JSON allows and no file of a study has."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RefusedError("has a key twice")
    return found


def _no_number(text: str) -> float:
    raise _RefusedError(f"holds {text}")


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise _RefusedError("holds a number that is too large")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _RefusedError("holds a number that is too large")
    return value


def _check(value: Any, levels: int) -> None:
    """Raise ValueError for too many levels, or for text that cannot be written."""
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value)
    elif isinstance(value, dict | list):
        if not levels:
            raise ValueError(f"is nested deeper than {MOST_LEVELS} levels")
        if isinstance(value, dict):
            for key in value:
                _check(key, levels)
            value = value.values()
        for one in value:
            if isinstance(one, str | dict | list):
                _check(one, levels - 1)


def _check_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds text that is none (half a surrogate pair)") from None
