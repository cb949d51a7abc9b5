"""From a stored study to the files of its figures."""

from collections.abc import Callable, Iterator
from pathlib import Path

from matplotlib.figure import Figure

from bohb_study import numerics
from bohb_study.analysis import bootstrap_seed
from bohb_study.paper.normalisation_references import stored_references
from bohb_study.store import LoadedStudy, finals_frame, load_study, read_finals
from paper_figures.figure_study import FigureStudy, figure_study
from paper_figures.figures import anytime, finals, finals_data
from paper_figures.toolkit.save import save

FIGURES: dict[str, Callable[[FigureStudy], tuple[Figure, str]]] = {
    "anytime": anytime.figure,
    "finals": finals.figure,
}
"""Every figure by the name of its files: a pure function to the figure and its caption."""


def draw_study(
    path: Path | str, out: Path | str | None = None, *, allow_missing: bool = False
) -> list[Path]:
    """Draw every figure of the study at ``path``; the same study gives the same bytes.

    Figure ``finals`` only where final configurations were trained again and have a test loss.

    Args:
        path: a study's folder, as it was run or packed.
        out: where the files go; ``path/figures`` where not given.
        allow_missing: draw although cells are missing; the caption then names them.

    Returns:
        The files that were written.

    Raises:
        UsageError: there is no study at ``path``, or a method has no line in ``style``.
        StudyError: cells are missing or damaged, or there are no rows.
    """
    path = Path(path)
    _, study = open_study(path, allow_missing=allow_missing)
    folder = Path(out) if out else path / "figures"
    files = []
    for name, figure, caption in figures_of(study):
        within = None if out else path
        files += save(figure, name, caption, study.provenance, folder, within)
    return files


def open_study(path: Path, *, allow_missing: bool) -> tuple[LoadedStudy, FigureStudy]:
    """The study at ``path`` as it is stored, and as figures see it; raises as ``draw_study``."""
    numerics.warn_if_differing()
    loaded = load_study(path, allow_missing=allow_missing)
    study_id = loaded.study.id
    trained = read_finals(path, study_id)
    return loaded, figure_study(
        loaded,
        bootstrap_seed(study_id),
        allow_missing=allow_missing,
        finals=finals_frame(trained) if trained else None,
        references=stored_references(path, study_id),
    )


def figures_of(study: FigureStudy) -> Iterator[tuple[str, Figure, str]]:
    """Every figure that the study has the data for: its name, the figure, its caption."""
    for name, draw in FIGURES.items():
        if name == "finals" and not finals_data.any_panel(study):
            continue
        yield name, *draw(study)
