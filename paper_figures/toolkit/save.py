"""The one place that writes figures: the same study gives the same bytes by every command."""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

from bohb_study.files import replace_files
from paper_figures.figure_study import Provenance
from paper_figures.toolkit import style
from paper_figures.toolkit.literal import as_written
from paper_figures.toolkit.rounding import settle

FORMATS = ("pdf", "png", "svg")
DPI = 300
"""Of the PNG; the others have no pixels."""
_SOFTWARE = "bohb_study paper_figures"
_CLIP = re.compile(rb"\bp[0-9a-f]{10}(?=[\")])")


def render(
    figure: Figure,
    title: str,
    caption: str,
    source: Provenance,
    formats: Sequence[str] = FORMATS,
) -> dict[str, bytes]:
    """The figure in each of ``formats``, by file ending; nothing is written.

    What it draws is rounded first, see ``rounding``. No date and no version of matplotlib is in the
    bytes, so that equal figures are equal files.
    """
    as_written(figure)
    settle(figure)
    metadata = _metadata(title, caption, source)
    rendered = {}
    with matplotlib.style.context(["default", style.saving()]):
        for form in formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=form, dpi=DPI, metadata=metadata[form])
            content = buffer.getvalue()
            rendered[form] = _numbered_clips(content) if form == "svg" else content
    return rendered


def _numbered_clips(svg: bytes) -> bytes:
    """The same picture with the names of its clipping paths numbered in order of appearance.

    Matplotlib names each by a hash of its exact bounds, whose last bits come from the solver of the
    layout and differ with what was drawn before; as written, with fewer digits, they do not.
    """
    names: dict[bytes, bytes] = {}

    def name(found: re.Match[bytes]) -> bytes:
        return names.setdefault(found[0], b"clip%d" % len(names))

    return _CLIP.sub(name, svg)


def save(
    figure: Figure,
    title: str,
    caption: str,
    source: Provenance,
    folder: Path,
    within: Path | None = None,
) -> list[Path]:
    """Write the figure as ``folder/title.{pdf,png,svg}``; returns the paths.

    Args:
        figure: what is written.
        title: stem of the files.
        caption: goes into their metadata.
        source: where the figure comes from, stored in the files too.
        folder: made where it is not there.
        within: a study's folder that ``folder`` is in: no link below it is followed.

    Raises:
        StudyError: a file cannot be written.
    """
    rendered = render(figure, title, caption, source)
    files = {folder / f"{title}.{form}": content for form, content in rendered.items()}
    replace_files(files, within)
    return list(files)


def _metadata(title: str, caption: str, source: Provenance) -> Mapping[str, dict[str, Any]]:
    """By format: what figure, what it shows, and the study, commit and rows behind it."""
    return {
        "pdf": {
            "Title": title,
            "Subject": caption,
            "Keywords": str(source),
            "Creator": _SOFTWARE,
            "Producer": _SOFTWARE,
            "CreationDate": None,
        },
        "png": {
            "Software": _SOFTWARE,
            "Title": title,
            "Description": caption,
            "Source": str(source),
        },
        "svg": {
            "Title": title,
            "Description": caption,
            "Keywords": [f"study {source.study}", f"commit {source.commit}", f"{source.rows} rows"],
            "Creator": [_SOFTWARE],
            "Date": None,
        },
    }
