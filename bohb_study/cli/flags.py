"""Parameters as flags: what the library names as in Python, and how flags were spelled before."""

import re
from collections.abc import Collection, Iterator, Sequence

from bohb_study.errors import UsageError, after
from bohb_study.former_names import renamed

FORMER_FLAGS = {
    "--task": "--tasks",
    "--task-option": "--task-options",
    "--figure": "--figures",
    "--incumbent": "--rule",
}
"""Spellings that are taken for one more release, and what they are now."""

_GIVEN = (
    *("allow_missing", "anyway", "cpus_per_trial", "download", "engine", "fresh"),
    *("gpus_per_trial", "numerics", "workers", "task_options", "trust", "data_parallel"),
    *("trial_timeout", "trial_memory"),
)
"""Parameters that a message of the library may advise to set."""
_KEYWORD = re.compile(
    rf"""(?<![\w.])({"|".join(_GIVEN)})=(?:True|"([^"]*)"|\("([^"]*)",\)|(\d+(?:\.\d+)?))"""
)


def flag(parameter: str) -> str:
    """A parameter's flag: ``--task-options`` for ``task_options``."""
    return "--" + parameter.replace("_", "-")


def with_flags(said: Exception | str) -> str:
    """An error, or a line of the library's, with flags where it names parameters.

    ``budget 0.5: must be ...`` becomes ``--budget 0.5: must be ...``, and what is to be given,
    such as ``fresh=True`` or ``engine="tune"``, becomes ``--fresh`` and ``--engine tune``.
    """
    if isinstance(said, UsageError) and said.parameter:
        return with_flags(after(flag(said.parameter), said.message))
    return _KEYWORD.sub(_as_flag, str(said))


def _as_flag(found: re.Match[str]) -> str:
    name, *values = found.groups()
    value = next((value for value in values if value is not None), None)
    return flag(name) if value is None else f"{flag(name)} {value}"


def present_flags(argv: Sequence[str], known: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """The words with flags as they are spelled now.

    Args:
        argv: command-line words.
        known: the flags that the command has.

    Yields:
        Each word, and what is to be said of it; None where nothing is.
    """
    for word in argv:
        given, equals, value = word.partition("=")
        spelled = given.replace("_", "-")
        now = FORMER_FLAGS.get(spelled)
        if now is None or now not in known or spelled in known:
            yield word, None
        else:
            yield f"{now}{equals}{value}", renamed(spelled, now)
