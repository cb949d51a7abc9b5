"""Studies of odd shapes: every figure, table and page is made, or left out with one line."""

import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from bohb_study.cli import command_line
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.errors import StudyError, UsageError
from bohb_study.schema import HP
from bohb_study.store import LoadedStudy, load_study, write_cell, write_study
from bohb_study.study import StudyConfig
from bohb_study.summaries.markdown import to_markdown
from paper_figures.command import main
from paper_figures.figure_study import FigureStudy, figure_study
from paper_figures.packed_frames import with_derived
from paper_figures.registry import figures, tables
from paper_figures.report.page import page
from paper_figures.toolkit import save
from paper_figures.toolkit.rounding import settle

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

METHODS = ("grid", "random", "hyperband", "bohb")
TASK = "synthetic-curves"
LOSSES = ["val_loss", "test_loss"]
Shape = Callable[[LoadedStudy], LoadedStudy]
NO_NUMBER = re.compile(r"(?<![\w-])[-+]?(nan|inf)(?![\w-])", re.IGNORECASE)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> LoadedStudy:
    """So small a study that no bracket is completed."""
    config = StudyConfig((TASK,), METHODS, budget=3, seeds=2, engine="virtual")
    folder, tasks = tmp_path_factory.mktemp("odd") / "compare", config.resolve().tasks
    folder.mkdir()
    write_study(folder, "compare", config, tasks)
    for cell in config.cells():
        result = run_cell(CellJob(cell, tasks[cell.task], config.budget, config.workers))
        record = {"engine": "virtual", "ledger": asdict(result.account), "seconds": result.seconds}
        of_study = {"study": config.id, "space": result.space}
        write_cell(folder, cell, result.frame, {**record, **of_study})
    study = load_study(folder)
    bad = study.frame["status"] != "ok"
    return replace(study, frame=study.frame.assign(**{x: study.frame[x].mask(bad) for x in LOSSES}))


def rows(keep: Callable[[pd.DataFrame], "pd.Series[bool]"]) -> Shape:
    """Some of the rows, and the cells that have any."""

    def shape(study: LoadedStudy) -> LoadedStudy:
        frame = study.frame[keep(study.frame)].reset_index(drop=True)
        keys = set(zip(frame["task"], frame["method"], frame["seed"], strict=True))
        cells = {key: record for key, record in study.cells.items() if key in keys}
        return replace(study, frame=frame, cells=cells)

    return shape


def failed(where: Callable[[pd.DataFrame], "pd.Series[bool]"]) -> Shape:
    """Some of the trainings failed."""

    def shape(study: LoadedStudy) -> LoadedStudy:
        bad = where(study.frame)
        losses = {name: study.frame[name].mask(bad) for name in LOSSES}
        status = study.frame["status"].mask(bad, "failed")
        return replace(study, frame=study.frame.assign(**losses, status=status))

    return shape


def losses(change: Callable[["pd.Series[float]"], "pd.Series[float] | float"]) -> Shape:
    def shape(study: LoadedStudy) -> LoadedStudy:
        new = {name: change(study.frame[name]) for name in LOSSES}
        return replace(study, frame=study.frame.assign(**new))

    return shape


def asynchronous(study: LoadedStudy) -> LoadedStudy:
    config = replace(study.study.config, workers=4)
    frame = study.frame.assign(virtual_seconds=np.nan)
    return replace(study, frame=frame, study=replace(study.study, config=config))


def inactive(study: LoadedStudy) -> LoadedStudy:
    names = [name for name in study.frame if str(name).startswith(HP)]
    gone = {name: study.frame[name].mask(everywhere(study.frame)) for name in names}
    return replace(study, frame=study.frame.assign(**gone))


def everywhere(frame: pd.DataFrame) -> "pd.Series[bool]":
    return frame["seq"] >= 0


def both(*shapes: Shape) -> Shape:
    return lambda study: reduce(lambda made, shape: shape(made), shapes, study)


def unmeasured(study: LoadedStudy) -> LoadedStudy:
    return replace(study, frame=study.frame.assign(test_loss=np.nan))


def accuracy(study: LoadedStudy) -> LoadedStudy:
    task = replace(study.study.tasks[TASK], val_metric="-score", test_metric="-s")
    turned = losses(lambda x: -x)(study)
    return replace(turned, study=replace(study.study, tasks={TASK: task}))


SHAPES: dict[str, Shape] = {
    "no complete bracket": lambda study: study,
    "one row": rows(lambda f: f.index == 0),
    "one cell": both(rows(lambda f: (f["method"] == "bohb") & (f["seed"] == 0)), unmeasured),
    "all failed": failed(everywhere),
    "one method failed": both(failed(lambda f: f["method"] == "bohb"), inactive),
    "failed in one seed": failed(lambda f: (f["method"] != "grid") & (f["seed"] == 1)),
    "huge, no seconds": both(losses(lambda x: x * 1e299), asynchronous),
    "tiny and negative": losses(lambda x: -1e-12 * x),
    "all alike": losses(lambda x: x.where(x.isna(), 0.0)),
    "accuracy": accuracy,
}
PAGES = ("one row", "all failed", "accuracy")


def shown(loaded: LoadedStudy) -> FigureStudy:
    return with_derived(figure_study(loaded, allow_missing=True), loaded)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_is_stored_is_drawn_or_left_out_with_a_line(ran: LoadedStudy, shape: str) -> None:
    study = shown(SHAPES[shape](ran))
    drawn, left_out = [], []
    for name, spec in figures().items():
        try:
            figure, caption = spec.draw(study)
        except (StudyError, UsageError) as error:
            left_out.append(str(error))
            continue
        settle(figure)
        drawn.append(name)
        for text in (caption, *words(figure)):
            assert not NO_NUMBER.search(text), (name, text)
    for spec in tables().values():
        try:
            assert not NO_NUMBER.search(text := to_markdown(spec.make(study))), text
        except (StudyError, UsageError) as error:
            left_out.append(str(error))
    assert all(len(line.splitlines()) == 1 for line in left_out)
    assert "anytime" in drawn


@pytest.mark.parametrize("shape", PAGES)
def test_whatever_is_stored_has_a_page(ran: LoadedStudy, shape: str) -> None:
    loaded = SHAPES[shape](ran)
    told = page(loaded.path, loaded, shown(loaded))
    start = told.index('id="data"')
    data = told[start : told.index("</script>", start)]
    assert ('"metric":"score","higher":true' in data) == (shape == "accuracy")
    none = told.count("none in 2 of 2 seeds")
    assert (none == 2 * len(METHODS)) == (shape == "all failed")


def test_without_rows_there_is_no_page(ran: LoadedStudy) -> None:
    loaded = rows(lambda f: f.index < 0)(ran)
    with pytest.raises(StudyError, match="no rows: nothing to show"):
        page(loaded.path, loaded, shown(loaded))


def test_the_command_draws_rungs_and_curves_without_a_complete_bracket(
    ran: LoadedStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails where rungs of brackets that were not completed are scaled by nothing."""
    folder = tmp_path / "study"
    shutil.copytree(ran.path, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(save, "DPI", 30)
        assert (
            command_line.run(
                main, ["--study", str(folder), "--figures", "rungs", "learning-curves"]
            )
            == 0
        )
    assert "not drawn" not in capsys.readouterr().err
