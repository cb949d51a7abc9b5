"""From a stored study to the files of its figures."""

from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from bohb_study import numerics
from bohb_study.store import LoadedStudy, finals_frame, loaded_study, read_finals
from bohb_study.summaries.normalisation_references import stored_references
from paper_figures.figure_study import FigureStudy, figure_study
from paper_figures.registry import figures
from paper_figures.toolkit.save import save


def draw_study(
    study: Path | str | LoadedStudy, out: Path | str | None = None, *, allow_missing: bool = False
) -> list[Path]:
    """Draw the figures of each run for a study; the same study gives the same bytes.

    Figure ``finals`` only where final configurations were retrained and have a test loss.

    Args:
        study: a study's folder, as it was run or packed, or what was loaded from it.
        out: where the files go; default: ``figures`` in the study's folder.
        allow_missing: draw although cells are missing; the caption then names them.

    Returns:
        The files that were written.

    Raises:
        UsageError: there is no such study.
        StudyError: cells are missing or damaged, or there are no rows.
    """
    loaded, drawn = open_study(study, allow_missing=allow_missing)
    folder = Path(out) if out else loaded.path / "figures"
    files = []
    for name, figure, caption in figures_of(drawn):
        within = None if out else loaded.path
        files += save(figure, name, caption, drawn.provenance, folder, within)
    return files


def open_study(
    study: Path | str | LoadedStudy, *, allow_missing: bool
) -> tuple[LoadedStudy, FigureStudy]:
    """A study as it is stored, and as figures see it; raises as ``draw_study``."""
    numerics.warn_if_differing()
    loaded = loaded_study(study, allow_missing)
    path, study_id = loaded.path, loaded.study.id
    trained = read_finals(path, study_id)
    return loaded, figure_study(
        loaded,
        allow_missing=allow_missing,
        finals=finals_frame(trained) if trained else None,
        references=stored_references(path, study_id),
    )


def figures_of(study: FigureStudy) -> Iterator[tuple[str, Figure, str]]:
    """Every figure that is drawn after each run: its name, the figure, its caption."""
    for name, spec in figures().items():
        if spec.after_run and spec.after_run(study):
            yield name, *spec.draw(study)
