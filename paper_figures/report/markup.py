"""Text and data as HTML; what comes from a study is escaped here, or in ``summaries.html``."""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any


def text(value: object) -> str:
    """Plain text as HTML; what stands between backticks is code."""
    parts = escape(str(value)).split("`")
    if not len(parts) % 2:
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def items(lines: Iterable[str], kind: str = "notes") -> str:
    """A list of HTML lines; nothing where there are none."""
    inside = "".join(f"<li>{line}</li>\n" for line in lines)
    return f'<ul class="{kind}">\n{inside}</ul>\n' if inside else ""


def embedded_json(data: Any) -> str:
    """JSON that stays inside its script element, whatever its strings hold.

    Raises:
        ValueError: it holds NaN or an infinity.
    """
    dumped = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return dumped.replace("<", "\\u003c")  # no </script>, no <!--; in a string it means the same


def filled(template: str, parts: Mapping[str, str]) -> str:
    """The template with each ``{{name}}`` replaced, once: what a part holds is left alone.

    Raises:
        KeyError: a part is missing.
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)
