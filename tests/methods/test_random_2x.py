"""A method with a multiple of the budget: the same draws, its own ledger, and no row in a table."""

import shutil
from pathlib import Path

import pytest

from bohb_study.cli import listings
from bohb_study.paper.effort import effort
from bohb_study.running.options import RunOptions
from bohb_study.running.progress import make_progress
from bohb_study.running.reproduction import reproduce
from bohb_study.running.rerun import prepare_rerun
from bohb_study.running.retraining_plan import plan
from bohb_study.running.runner import run_study
from bohb_study.store import load_study, pack
from bohb_study.study import Cell, StudyConfig
from bohb_study.summaries.study_table import retrained_table
from paper_figures import draw_study
from paper_figures.figure_study import figure_study
from repository import ROOT

CONFIG = StudyConfig(
    tasks=("digits",),
    methods=("random", "random-2x"),
    budget=3,
    seeds=2,
    task_options=("digits.epochs=3",),
)
pytestmark = pytest.mark.usefixtures("all_cells_run_here")
LINE = "random-2x, baseline with twice the budget: "


@pytest.fixture(scope="module")
def ran(all_cells_run_here: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_study(CONFIG, RunOptions(out=tmp_path_factory.mktemp("results"))).path


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ran, tmp_path / ran.name)


def test_it_draws_as_random_does_and_goes_on_for_as_long_again(folder: Path) -> None:
    study = load_study(folder)
    for seed in (0, 1):
        once, twice = (study.rows(("digits", m, seed)) for m in CONFIG.methods)
        both = ["trial", "config_id", "level", "units", "val_loss", "test_loss"]
        assert twice[both].iloc[: len(once)].equals(once[both])
        assert len(twice) == 2 * len(once) == 18
        ledger = study.cells["digits", "random-2x", seed].account
        assert (ledger.allowed, ledger.charged, ledger.executed) == (18, 18, 18)
        assert study.cells["digits", "random", seed].account.allowed == 9


@pytest.mark.parametrize("form", ["as it was run", "packed"])
def test_a_stored_study_knows_its_larger_budgets(folder: Path, form: str, tmp_path: Path) -> None:
    if form == "packed":
        pack(folder, tmp_path / "pack")
        folder = tmp_path / "pack"
    study = load_study(folder)
    assert study.larger_budgets == {"random-2x": 2}
    assert figure_study(study, allow_missing=False).larger_budgets == {"random-2x": 2}


def test_a_study_of_before_has_none() -> None:
    assert load_study(ROOT / "results/paper/fashion-mnist").larger_budgets == {}


def test_the_table_has_no_row_of_it_and_a_line_below(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listings.console().print(listings.summary_table(load_study(folder)))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    names = [line.split()[0] for line in lines if line]
    assert names[-2:] == ["digits:", "random-2x,"]
    assert names.count("random-2x") == 0
    assert lines[-1].startswith(LINE + "0.")
    assert lines[-1].endswith("]")


def test_the_paper_s_table_has_no_row_of_it_and_a_note(folder: Path) -> None:
    table = retrained_table(load_study(folder))
    assert table.column("method") == ["random"]
    assert table.notes[1].startswith(LINE + "0.")


def test_it_is_not_retrained(folder: Path) -> None:
    planned = plan(load_study(folder), 2)
    assert {job.cell.method for job in planned} == {"random"}
    assert len(planned) == 4


def test_modelled_hours_count_it_whole_and_its_retrainings_not() -> None:
    alone = StudyConfig(**{**CONFIG.to_json(), "methods": ("random",)})
    assert (
        "4 cells of 3 full evaluations (more with a larger budget); outside the budget 6"
        in effort(CONFIG, 3)
    )
    assert "2 cells of 3 full evaluations; outside the budget 6 retrainings" in effort(alone, 3)


def test_modelled_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bohb_study.paper.effort.full_evaluation_seconds", lambda task: 3600.0)
    # 2 cells of 3, 2 cells of 6, and 3 retrainings of 2 incumbents
    assert "about 24.0 h" in effort(CONFIG, 3)


def test_a_cell_of_it_comes_out_the_same_when_run_again(folder: Path) -> None:
    study, cell = load_study(folder), Cell("digits", "random-2x", 1)
    (found,) = reproduce(prepare_rerun(study, [cell]), RunOptions(), make_progress)
    assert (found.cell, found.rows, found.difference) == (cell, 18, None)


def test_its_figure_ends_where_the_others_do(folder: Path, tmp_path: Path) -> None:
    files = draw_study(folder, tmp_path / "figures")
    assert [file.name for file in files] == ["anytime.pdf", "anytime.png", "anytime.svg"]
    assert "its axis is divided by 2" in files[2].read_text()


def test_a_study_of_nothing_else_can_be_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = StudyConfig(tasks=("mfh3",), methods=("random-2x",), budget=2, seeds=1)
    study = load_study(run_study(config, RunOptions(out=tmp_path)).path)
    listings.console().print(listings.summary_table(study))
    assert LINE in " ".join(capsys.readouterr().out.split())
