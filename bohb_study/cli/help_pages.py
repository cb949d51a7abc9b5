"""Help that fills the terminal's width, whatever that is.

tyro keeps the line breaks of a field's docstring, since a class indents its lines, and does not
wrap what a command says of itself.
"""

import ast
import contextlib
import inspect
import io
import itertools
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro

_EMPTY_ROW = re.compile(r"(?:\x1b\[[\d;]*m)*│(?:\x1b\[[\d;]*m|[ │])*")
"""What tyro draws where a text fills its line and no default follows."""


@contextlib.contextmanager
def filled(options: type) -> Iterator[None]:
    """While open, the help that tyro prints for ``options`` fills the terminal's width.

    A flag that is off, and an option that is not given, show no default: their text says it.

    Args:
        options: a dataclass, which may hold further ones.
    """
    page = _Page()
    try:
        with contextlib.ExitStack() as stack:
            for each in _with_nested(options):
                stack.enter_context(_described(each))
            stack.enter_context(contextlib.redirect_stdout(page))
            yield
    finally:
        width = shutil.get_terminal_size().columns
        for line in page.getvalue().splitlines():
            if not _EMPTY_ROW.fullmatch(line):
                print(textwrap.fill(line, width) if line[:1].isalpha() else line)


class _Page(io.StringIO):
    """Text that tyro draws as it would for stdout: in colour, in boxes, or plainly."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # StringIO's is an attribute
        return sys.__stdout__.encoding if sys.__stdout__ else "utf-8"

    def isatty(self) -> bool:
        return sys.__stdout__ is not None and sys.__stdout__.isatty()


def _with_nested(options: type) -> Iterator[type]:
    yield options
    for hint in get_type_hints(options).values():
        if is_dataclass(hint):
            yield from _with_nested(hint)  # type: ignore[arg-type]  # a class, not an instance


@contextlib.contextmanager
def _described(options: type) -> Iterator[None]:
    """While open, the fields' texts are in their annotations, each on one line."""
    before = options.__annotations__
    hints = get_type_hints(options, include_extras=True)
    defaults = {field.name: field.default for field in fields(options)}
    for name, text in _texts(options):
        hint, default = hints[name], defaults[name]
        unsaid = default is None or default is False or default in ("", ())
        argument = tyro.conf.arg(
            help=text,
            help_behavior_hint="" if unsaid else None,
            metavar=_placeholder(name, hint, optional=unsaid),
        )
        hints[name] = Annotated[hint, argument]
    options.__annotations__ = hints
    try:
        yield
    finally:
        options.__annotations__ = before


def _placeholder(name: str, hint: Any, *, optional: bool) -> str | None:
    """What stands for a value: of a word without a flag its name; None leaves it to tyro."""
    kinds = get_args(hint)
    if tyro.conf.Positional in kinds:
        return f"[{name.upper()}]" if optional else name.upper()
    if get_origin(hint) is Annotated:
        kinds = get_args(kinds[0])
    if NoneType not in kinds:
        return None
    given = next(kind for kind in kinds if kind is not NoneType)
    if get_origin(given) is Literal:
        return "{" + ",".join(get_args(given)) + "}"
    return str(given.__name__).upper()


def _texts(options: type) -> Iterator[tuple[str, str]]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(options))).body
    assert isinstance(tree, ast.ClassDef)
    for pair in itertools.pairwise(tree.body):
        match pair:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split())
