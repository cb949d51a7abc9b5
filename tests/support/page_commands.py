"""Whether a command that a page shows is one that the real parsers take."""

import re
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from unittest.mock import patch

from repository import ROOT

from bohb_study.cli import command_line

OTHERS = {"apt", "cd", "conda", "git", "pip", "pre-commit", "ray", "sha256sum", "xdg-open"}
"""Programs of others, whose flags are not ours to check."""
TARGETS = {"compare": "compare", "figures": "figures", "reproduce": "reproduce", "paper": "paper"}
"""Targets of the Makefile whose ARGS are a command's."""


class ParsedError(Exception):
    """The words were taken; nothing is to be done."""


def check(command: str) -> None:
    """Raise AssertionError or the parser's own error where a command cannot be meant."""
    words = shlex.split(command.partition(" | ")[0])
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    match words:
        case ["make", *rest]:
            _check_make(rest)
        case ["bohb-study" | "python", "-m", "bohb_study", subcommand, *rest]:
            _parse(_subcommand(subcommand), rest)
        case ["python", "-m", "paper_figures", *rest]:
            _parse(_subcommand("figures"), rest)
        case ["bohb-study", subcommand, *rest]:
            _parse(_subcommand(subcommand), rest)
        case ["python", script, *rest] if script.startswith("experiments/"):
            _parse(_script(ROOT / script), rest)
        case ["python", script, *_]:
            assert (ROOT / script).exists() or Path(script).exists(), f"{command}: no such file"
        case [program, *_]:
            assert program in OTHERS, f"{command}: nothing checks {program}"


def _check_make(words: Sequence[str]) -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    target = next((word for word in words if "=" not in word), "help")
    assert target in targets, f"make {target}: no such target"
    given = next((word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")), None)
    if given is not None and target in TARGETS:
        _parse(_subcommand(TARGETS[target]), shlex.split(given))


def _parse(main: Callable[[Sequence[str]], int], words: Sequence[str]) -> None:
    real = command_line.parse

    def only_parse(*arguments: object, **named: object) -> None:
        real(*arguments, **named)
        raise ParsedError

    with patch.object(command_line, "parse", only_parse):
        try:
            main(words)
        except ParsedError:
            return
    raise AssertionError(f"{shlex.join(words)}: nothing was parsed")


def _subcommand(name: str) -> Callable[[Sequence[str]], int]:
    if name == "figures":
        return import_module("paper_figures.__main__").main
    return _script(ROOT / "experiments" / f"{name}.py")


def _script(path: Path) -> Callable[[Sequence[str]], int]:
    assert path.exists(), f"{path.relative_to(ROOT)}: no such script"
    spec = spec_from_file_location(f"script_{path.stem}", path)
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # the parser reads the source of what it defines
    spec.loader.exec_module(module)
    return module.main
