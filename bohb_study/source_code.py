"""What a Python source file does and what it imports, read from its syntax tree."""

import ast
from collections.abc import Iterator

PACKAGE = __name__.partition(".")[0]
_FINDERS = ("find_spec", "files", "import_module")
"""Functions that are given the name of a package, to find it or its data."""


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of the modules that a source file imports, or finds by name, when it runs."""
    for node in _run(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # what is imported from a package may be a module of it
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and _called(node) in _FINDERS:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes below ``tree`` but those that only a type checker reads."""
    left = [tree]
    while left:
        node = left.pop()
        if not _for_checkers(node):
            yield node
            left += ast.iter_child_nodes(node)


def _for_checkers(node: object) -> bool:
    """Whether it is ``if TYPE_CHECKING:`` without an else."""
    return (
        isinstance(node, ast.If)
        and not node.orelse
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def behaviour(node: object) -> str:
    """A syntax tree as text: equal for files that do the same, on every version of Python.

    Left out are docstrings, other strings that stand alone, ``pass``, what only type checkers read,
    and from where in this package a name is imported. Fields that are empty are not written: each
    version of Python has more of them (``ast.dump`` differs for that).
    """
    if isinstance(node, list):
        return f"[{','.join(behaviour(item) for item in node if not _silent(item))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
        del fields["module"]
    written = (
        f"{key}={behaviour(value)}" for key, value in fields.items() if value not in (None, [])
    )
    return f"{type(node).__name__}({','.join(written)})"


def _silent(node: object) -> bool:
    alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return alone or isinstance(node, ast.Pass) or _for_checkers(node)
