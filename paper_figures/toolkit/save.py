"""The one place that writes figures: the same study gives the same bytes, whoever draws it."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

from bohb_study.store.files import replace_files
from paper_figures.figure_study import Provenance
from paper_figures.toolkit import style
from paper_figures.toolkit.rounding import settle

FORMATS = ("pdf", "png", "svg")
DPI = 300
"""Of the PNG; the others have no pixels."""
_SOFTWARE = "bohb_study paper_figures"


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
    settle(figure)
    metadata = _metadata(title, caption, source)
    rendered = {}
    with matplotlib.style.context(["default", style.saving()]):
        for form in formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=form, dpi=DPI, metadata=metadata[form])
            rendered[form] = buffer.getvalue()
    return rendered


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
        source: likewise.
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
