"""Checks of what is given on the command line before anything is done with it."""

import os
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from bohb_study.errors import UsageError

MOST_REPEATS = 1000
"""Of a measurement or a training: what more of them would add is below any other error."""
NAME_BYTES, PATH_BYTES = 255, 4095
"""The longest file name, and path, that Linux takes."""


def check_long_paths(options: Any) -> None:
    """Raise UsageError for a path among the fields of ``options`` that no file can have."""
    for field in fields(options):
        value = getattr(options, field.name)
        if is_dataclass(value):
            check_long_paths(value)
        elif isinstance(value, Path):
            check_long_path(field.name, value)


def check_long_path(parameter: str, path: Path) -> None:
    """Raise UsageError for a path that is longer than Linux takes."""
    name = max((os.fsencode(part) for part in path.parts), key=len, default=b"")
    for what, given, most in (
        ("a name", name, NAME_BYTES),
        ("it", os.fsencode(path), PATH_BYTES),
    ):
        if len(given) > most:
            raise UsageError(f"{path}: {what} has {len(given)} bytes; at most {most}", parameter)


def check_file(parameter: str, path: Path) -> None:
    """Raise UsageError where ``path`` cannot be a file to write, before what is to be written."""
    check_long_path(parameter, path)
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file", parameter)
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        raise UsageError(f"{path}: {above} is no folder", parameter)


def check_numbers(parameter: str, values: Sequence[float], least: float, most: float) -> None:
    """Raise UsageError unless there are ``values``, none twice, from ``least`` to ``most``."""
    given = " ".join(f"{value:g}" for value in values)
    if not values or len(set(values)) < len(values):
        raise UsageError(f"{given}: give at least one, and none twice", parameter)
    if not min(values) >= least:
        raise UsageError(f"{given}: must be at least {least:g}", parameter)
    if not max(values) <= most:
        raise UsageError(f"{given}: must be at most {most:,g}", parameter)


def check_repeats(repeats: int) -> None:
    """Raise UsageError for a number of ``repeats`` that cannot be meant."""
    if not 1 <= repeats <= MOST_REPEATS:
        raise UsageError(f"{repeats}: must be at least 1, at most {MOST_REPEATS:,}", "repeats")
