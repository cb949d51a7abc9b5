"""Tables of curves as users name them: ``table:PATH`` and ``surrogate:PATH``.

A few tables come with the package (``shipped``); they are named without a path.
"""

import hashlib
import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from bohb_study.errors import UsageError
from bohb_study.files import read_file
from bohb_study.tasks.registry import table_kind
from bohb_study.tasks.tabular.curve_parquet import table_of
from bohb_study.tasks.tabular.curve_table import CurveTable
from bohb_study.tasks.tabular.shipped import SHIPPED, shipped

MOST_BYTES = 200 * 2**20
"""Of a table that is read: it is meant to be passed on, and has a few MB."""
MOST_CARD_BYTES = 32 * 2**20
NAMES = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
"""What a file may be called, before its ending: it names the task, and so a folder."""


def table_path(given: str) -> Path:
    """The parquet file, absolute, that ``given`` (table:PATH) names by itself or by its card.

    A name without ending or folder is one of ``shipped``.

    Raises:
        UsageError: the path is none of a table.
    """
    kind = table_kind(given)
    assert kind is not None
    text = given.removeprefix(f"{kind}:")
    path = Path(os.path.expanduser(text))  # no shell expands what follows a colon
    if text in (known := shipped()):
        return SHIPPED / f"{text}.parquet"
    if path.suffix not in (".parquet", ".json"):
        own = f", or one of the package: {', '.join(known)}" if known else ""
        raise UsageError(
            f"{given}: must name a table, such as {kind}:tables/NAME.parquet{own}", "tasks"
        )
    if not NAMES.fullmatch(path.stem):
        raise UsageError(
            f"{given}: {path.stem!r} names the task, so it must be at most 80 letters, digits and "
            "_ -; rename the file and its card",
            "tasks",
        )
    return path.with_suffix(".parquet").absolute()


def read_card(path: Path, given: str) -> dict[str, Any]:
    """The card of the table at ``path``.

    Raises:
        UsageError: it is not there, or damaged.
    """
    card = path.with_suffix(".json")
    try:
        found = json.loads(read_file(card, MOST_CARD_BYTES))
    except FileNotFoundError:
        raise UsageError(f"{given}: there is no {card}, the table's card", "tasks") from None
    except (ValueError, RecursionError) as why:
        said = str(why) if str(why).startswith(("is ", "cannot ")) else "is no JSON"
        raise UsageError(f"{given}: {card} {said}", "tasks") from None
    if not isinstance(found, dict) or not isinstance(found.get("sha256"), str):
        raise UsageError(f"{given}: {card} is no card of a table", "tasks")
    return found


def vouched_table(path: Path, given: str) -> CurveTable:
    """The table at ``path``, which is the one that its card describes.

    Raises:
        UsageError: one of the two is not there or damaged, or they do not belong together.
    """
    found = hashlib.sha256(table_data(path, given)).hexdigest()
    sha256: str = read_card(path, given)["sha256"]
    if found != sha256:
        raise UsageError(
            f"{given}: {path} is not the table of its card: damaged, or another file", "tasks"
        )
    return known_table(str(path), sha256, given)


@lru_cache(maxsize=16)
def known_table(path: str, sha256: str, given: str) -> CurveTable:
    """The table with this hash, read once per process.

    Raises:
        UsageError: it is not at ``path`` any more, or damaged, hostile, or no table.
    """
    data = table_data(Path(path), given)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise UsageError(f"{given}: {path} is not the table that it was", "tasks")
    try:
        return table_of(data)
    except ValueError as why:
        raise UsageError(f"{given}: {path} {why}", "tasks") from None


def table_data(path: Path, given: str) -> bytes:
    """The bytes of a table.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    try:
        return read_file(path, MOST_BYTES)
    except FileNotFoundError:
        raise UsageError(f"{given}: there is no {path}", "tasks") from None
    except ValueError as why:
        raise UsageError(f"{given}: {path} {why}", "tasks") from None
