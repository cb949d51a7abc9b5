"""Parts of a page of the documentation that commands write, between two lines of their own."""

import re
from pathlib import Path

from bohb_study.errors import StudyError


def between(page: Path, text: str, begin: str, end: str, section: str) -> str:
    """The text of a page with ``section`` between its lines ``begin`` and ``end``.

    Raises:
        StudyError: the lines are not there, or more than once; names the page.
    """
    if text.count(begin) != 1 or text.count(end) != 1:
        raise StudyError(f"{page}: lacks the lines {begin} and {end}")
    pattern = re.escape(begin) + ".*" + re.escape(end)
    return re.sub(pattern, lambda _: f"{begin}\n\n{section}\n\n{end}", text, flags=re.DOTALL)
