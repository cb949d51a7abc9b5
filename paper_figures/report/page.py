"""The page: one file with its data, its figures, its looks and plotly inside."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from bohb_study.errors import StudyError
from bohb_study.files import replace_files
from bohb_study.store import LoadedStudy
from bohb_study.store.sidecars.audit_json import read_audit
from bohb_study.summaries.stored_table import summary_of
from bohb_study.summaries.utilisation import utilisation_table
from paper_figures.draw import open_study
from paper_figures.figure_study import FigureStudy
from paper_figures.report import sections
from paper_figures.report.markup import embedded_json, filled, text
from paper_figures.report.plot_data import plot_data

REPORT = "report.html"
"""Name of the page in a study's folder."""


def write_report(
    study: Path | str | LoadedStudy, out: Path | str | None = None, *, allow_missing: bool = False
) -> Path:
    """Write the page of a study; the same study gives the same bytes.

    Args:
        study: a study's folder, as it was run or packed, or what was loaded from it.
        out: the file; default: report.html in the study's folder.
        allow_missing: go on although cells are missing; the page then names them.

    Returns:
        The file.

    Raises:
        UsageError: there is no such study.
        StudyError: cells are missing or damaged, there are no rows, or the file cannot be written;
            what existed is untouched.
    """
    loaded, drawn = open_study(study, allow_missing=allow_missing)
    folder = loaded.path
    path = Path(out) if out else folder / REPORT
    content = page(folder, loaded, drawn).encode()
    replace_files({path: content}, within=None if out else folder)
    return path


def page(folder: Path, loaded: LoadedStudy, study: FigureStudy) -> str:
    """The page as text.

    Raises:
        StudyError: there are no rows.
    """
    if study.frame.empty:
        raise StudyError(f"{folder}: no rows: nothing to show")
    audit = _audit(folder, loaded)
    return filled(
        _resource("template.html"),
        {
            "title": text(study.provenance.study),
            "css": _resource("report.css"),
            "sentence": sections.sentence(study),
            "headline": sections.headline(loaded, study, audit),
            "tasks": sections.tasks_table(loaded, study),
            "summary": sections.summary_section(summary_of(loaded))
            + sections.utilisation_section(utilisation_table(loaded)),
            "audit": sections.audit_section(audit),
            "figures": sections.figures_section(study),
            "source": text(study.provenance),
            "data": embedded_json(plot_data(study)),
            "plotly": get_plotlyjs(),
            "script": _resource("report.js"),
        },
    )


def _audit(folder: Path, loaded: LoadedStudy) -> Mapping[str, Any] | None:
    """The audit that is stored; made where none is and all rows are there."""
    stored = read_audit(folder, loaded.study.id)
    if stored is not None or loaded.is_compact:
        return stored
    from bohb_study.audit.study_audit import audit_study  # imports Ray: seconds, and rarely needed

    return audit_study(loaded).to_json()


def _resource(name: str) -> str:
    return (resources.files("paper_figures.report") / name).read_text()
