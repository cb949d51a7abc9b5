"""Text and numbers as HTML; everything that comes from a study is escaped here and nowhere else."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_NUMBER = re.compile(r"[-+]?\d[\d.,e+-]*( ?%)?( \[.*\])?")


def text(value: object) -> str:
    """Plain text as HTML; what stands between backticks is code."""
    parts = escape(str(value)).split("`")
    if not len(parts) % 2:
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in a box of its own, which scrolls where the page is narrow.

    Args:
        caption: read to those who cannot see it.
        headings: of the columns; HTML, as all cells.
        rows: each as long as ``headings``; the first cell is the row's heading.
    """
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    body = "".join(f"<tr>{''.join(_cells(row))}</tr>\n" for row in rows)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">\n'
        f'<table>\n<caption class="unseen">{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )


def _cells(row: Sequence[str]) -> Iterable[str]:
    yield f'<th scope="row">{row[0]}</th>'
    for cell in row[1:]:
        kind = ' class="number"' if _NUMBER.fullmatch(cell) else ""
        yield f"<td{kind}>{cell}</td>"


def items(lines: Iterable[str], kind: str = "notes") -> str:
    """A list of HTML lines; nothing where there are none."""
    inside = "".join(f"<li>{line}</li>\n" for line in lines)
    return f'<ul class="{kind}">\n{inside}</ul>\n' if inside else ""


def embedded_json(data: Any) -> str:
    """JSON that stays inside its script element, whatever its strings hold.

    Raises:
        ValueError: it holds NaN or an infinity.
    """
    told = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return told.replace("<", "\\u003c")  # no </script>, no <!--; in a string it means the same


def filled(template: str, parts: Mapping[str, str]) -> str:
    """The template with each ``{{name}}`` replaced, once: what a part holds is left alone.

    Raises:
        KeyError: a part is missing.
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)
