"""What becomes of each fenced block of a page, in order, in one namespace and one folder.

* ``python`` is executed, or written as a file where its title is a file name. A file of the
  repository that is shown whole is tested where it is.
* ``sh`` goes through the real command-line parsers; after a line ``<!-- run -->`` it is executed.
* ``text`` with the title "Output" must be what the block before it printed.
* After a line ``<!-- not run: REASON -->`` Python is compiled and nothing more, and commands are
  not parsed.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from page_commands import check
from repository import ROOT

BLOCK = RawFencedCodeBlockLexer(re.compile(r"(?P<language>\w*)(?P<info>[^\n]*)\n"))
TITLE = re.compile(r'title="([^"]+)"')
SNIPPET = re.compile(r'--8<-- "([^"]+)"\s*\Z')
COMMENT = re.compile(r"<!-- (run|not run: .+?) -->\s*\Z")
CHECKED = ("python", "sh", "text")
SHOWN = ("", "bibtex", "diff", "ini", "yaml")
"""Languages of blocks that are shown and hold nothing that could be run."""
PRINTED = "_printed_"
"""Where the namespace keeps what the last block printed."""


def parse(document: Document) -> Iterable[Region]:
    """Every fenced block of a page, with what its evaluation needs."""
    for region in BLOCK(document):
        comment = COMMENT.search(document.text[: region.start])
        region.parsed = region.lexemes["source"]
        region.lexemes["said"] = comment[1] if comment else ""
        region.evaluator = evaluate
        yield region


SYBIL = Sybil(parsers=[parse])


def evaluate(example: Example) -> str | None:
    """Do with a block what its language and its title say; a text is what is wrong with it."""
    lexemes = example.region.lexemes
    language, said = lexemes["language"], lexemes["said"]
    title = TITLE.search(lexemes["info"])
    where = f"{Path(example.path).name}, line {example.line}"
    if language in SHOWN:
        return None
    if language not in CHECKED:
        return f"{where}: nothing checks blocks of {language}"
    if language == "text":
        return _compared(example, where) if title and title[1] == "Output" else None
    if language == "sh" and said.startswith("not run"):
        return None
    if language == "sh":
        _shell(example, run=said == "run")
    elif snippet := SNIPPET.match(example.parsed):
        assert (ROOT / snippet[1]).exists(), f"{where}: {snippet[1]} is not there"
    elif title and re.fullmatch(r"\w+\.py", title[1]):
        compile(example.parsed, example.path, "exec")
        Path(title[1]).write_text(example.parsed)
    elif said.startswith("not run"):
        compile(example.parsed, example.path, "exec")
    else:
        example.namespace.setdefault("__name__", "__docs__")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            PythonEvaluator()(example)
        example.namespace[PRINTED] = printed.getvalue()
    return None


def _compared(example: Example, where: str) -> str | None:
    printed, shown = (
        [line.rstrip() for line in text.strip("\n").splitlines()]
        for text in (example.namespace.get(PRINTED, ""), example.parsed)
    )
    if printed == shown:
        return None
    return f"{where}: the page shows\n{example.parsed}\nbut what is printed is\n" + "\n".join(
        printed
    )


def _shell(example: Example, *, run: bool) -> None:
    printed = []
    for command in commands_in(example.parsed):
        check(command)
        if not run:
            continue
        ended = subprocess.run(
            ["bash", "-c", _here(command)],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
        printed.append(ended.stdout)
    example.namespace[PRINTED] = "".join(printed)


def _here(command: str) -> str:
    """The command by this interpreter, also where the package is not installed."""
    command = re.sub(r"^bohb-study\b", "python -m bohb_study", command)
    return re.sub(r"^python\b", shlex.quote(sys.executable), command)


def commands_in(source: str) -> list[str]:
    """The commands of a block, one a line; a backslash joins lines, a # begins a comment."""
    joined = re.sub(r"\\\n\s*", "", source)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]
