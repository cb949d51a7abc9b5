"""Whether a command that a page shows is one that the real parsers take."""

import re
import shlex
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from bohb_study.cli import command_line
from bohb_study.cli.entry import COMMANDS
from repository import ROOT

OTHERS = {"apt", "cd", "git", "kubectl", "pip", "pre-commit", "ray", "sbatch", "sha256sum"}
"""Programs of others, whose flags are not ours to check."""
SCRIPTS = {"experiments/benchmark.py": "bench"}
"""Scripts that are not called as their command is."""


class ParsedError(Exception):
    """The words were taken; nothing is to be done."""


def check(command: str) -> None:
    """Raise AssertionError, or the parser's own error, where a command cannot be meant."""
    words = shlex.split(command.partition(" | ")[0])
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    match words:
        case ["make", *rest]:
            _check_make(rest)
        case ["bohb-study", name, *rest] | ["python", "-m", "bohb_study", name, *rest]:
            _parse(name, rest)
        case ["python", "-m", "paper_figures", *rest]:
            _parse("figures", rest)
        case ["python", "-m", *_] | ["bohb-study"]:
            pass
        case ["python", script, *rest]:
            assert (ROOT / script).exists(), f"{command}: no such file"
            _parse(SCRIPTS.get(script, Path(script).stem), rest)
        case [program, *_]:
            assert program in OTHERS, f"{command}: nothing checks {program}"


def _check_make(words: Sequence[str]) -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    target = next((word for word in words if "=" not in word), "help")
    assert target in targets, f"make {target}: no such target"
    given = next((word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")), None)
    if given is not None and target in COMMANDS:
        _parse(target, shlex.split(given))


def _parse(name: str, words: Sequence[str]) -> None:
    """Give the words to a command, and stop it once they are parsed."""
    assert name in COMMANDS, f"bohb-study {name}: no such command"
    real = command_line.parse

    def only_parse(*arguments: object, **named: object) -> None:
        real(*arguments, **named)
        raise ParsedError

    with patch.object(command_line, "parse", only_parse):
        try:
            import_module(COMMANDS[name][0]).main(words)
        except ParsedError:
            return
    raise AssertionError(f"{shlex.join(words)}: nothing was parsed")
