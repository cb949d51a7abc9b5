"""A page of help that lists commands, a paragraph each."""

import shutil
import textwrap
from collections.abc import Iterable, Mapping


def overview(usage: str, about: str, commands: Mapping[str, str], further: Iterable[str]) -> str:
    """The page, as wide as the terminal.

    Args:
        usage: how a command is called.
        about: one paragraph.
        commands: name -> what it does.
        further: paragraphs below the list.
    """
    columns = shutil.get_terminal_size().columns
    name_columns = max(map(len, commands)) + 4
    listed = [
        textwrap.fill(
            text,
            max(columns, name_columns + 20),
            initial_indent=f"  {name}".ljust(name_columns),
            subsequent_indent=" " * name_columns,
        )
        for name, text in commands.items()
    ]
    paragraphs = [f"usage: {usage}", "", textwrap.fill(about, columns), "", *listed]
    if further := [textwrap.fill(text, columns) for text in further]:
        paragraphs += ["", *further]
    return "\n".join(paragraphs)
