"""Where a command begins: the installed ``bohb-study``, ``python -m``, and the scripts.

Nothing slow is imported before the guard is up: signals and output are taken over first, then the
process is held to the baseline's kernels, and only then is a command imported.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from bohb_study import start
from bohb_study.checkout import PACKAGE
from bohb_study.cli import overviews

COMMANDS: dict[str, tuple[str, str]] = {
    "compare": (
        "bohb_study.cli.compare",
        "compare hyperparameter optimisers on identical budgets",
    ),
    "status": (
        "bohb_study.cli.status",
        "say how far a running or finished study is, and what is left",
    ),
    "reproduce": (
        "bohb_study.cli.reproduce",
        "run a stored study again and compare it row by row",
    ),
    "tabulate": (
        "bohb_study.cli.tabulate",
        "evaluate a space-filling design of a task and write it as a table of curves",
    ),
    "figures": (
        "paper_figures.command",
        "draw the figures and tables of the paper, or those of one study",
    ),
    "paper": (
        "bohb_study.cli.paper",
        "run a named study of the paper, retrain its final configurations, and pack it",
    ),
    "characters": (
        "bohb_study.cli.characters",
        "compute what about a task decides which method fits it",
    ),
    "pack": (
        "bohb_study.cli.pack",
        "pack a finished study into a few files",
    ),
    "bench": (
        "bohb_study.cli.bench",
        "measure the engine, the loading of images and of studies, and imports",
    ),
}
"""Subcommand -> its module, whose ``main`` takes the words, and what it does."""

LOOKING = ("-h", "--help", "--list", "--dry-run", "--dry_run", "--version")
"""With one of these no number is computed, so it does not matter by which kernels."""


def run() -> NoReturn:
    """The installed command: the first word says which."""
    words = sys.argv[1:]
    _guard(words)
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        sys.exit(0 if words else 2)
    if words[0] == "--version":
        from bohb_study import __version__

        print(f"bohb-study {__version__}")
        sys.exit(0)
    if words[0] not in COMMANDS:
        print(
            f"error: {words[0]}: no such command; allowed: {', '.join(COMMANDS)}", file=sys.stderr
        )
        sys.exit(2)
    sys.exit(_called(words[0], words[1:]))


def script(name: str) -> NoReturn:
    """One subcommand as a script of its own; all words are its."""
    words = sys.argv[1:]
    _guard(words)
    sys.exit(_called(name, words))


def overview() -> str:
    """The subcommands, a paragraph each."""
    return overviews.overview(
        "bohb-study COMMAND [OPTIONS]",
        "Compares hyperparameter optimisers on Ray Tune under identical budgets.",
        {name: text for name, (_, text) in COMMANDS.items()},
        (
            "bohb-study COMMAND --help lists the options of a command.",
            "bohb-study --version prints the version.",
        ),
    )


def _guard(words: Sequence[str]) -> None:
    with suppress(OSError):  # the current folder may be gone
        here = os.getcwd()
        if sys.path[0] == here and here != str(PACKAGE.parent):
            del sys.path[0]  # ``python -m``, perhaps in a stranger's folder
    start.guard(computes=not {*LOOKING} & {*words})


def _called(name: str, words: Sequence[str]) -> int:
    from bohb_study.cli import command_line

    return command_line.run(import_module(COMMANDS[name][0]).main, words)
