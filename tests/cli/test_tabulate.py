"""From a task to a table, to a study of the table, and back: by the commands themselves."""

import json
import re
from pathlib import Path

import pytest

from bohb_study.cli import command_line, compare, compare_run, reproduce, tabulate
from bohb_study.store import load_study
from bohb_study.tasks.tabular.surrogate import validated

pytestmark = [
    pytest.mark.usefixtures("all_cells_run_here"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster"),
]
STUDY = ["--tasks", "table:tables/branin-mf.parquet", "surrogate:tables/branin-mf.json"]
STUDY += ["--methods", "random", "bohb", "--budget", "5", "--seeds", "1", "--out", "results"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of Branin's function, and a study of it."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["--tasks", "branin-mf", "--configs", "120", "--jobs", "1"]
        assert command_line.run(tabulate.main, words) == 0
        assert command_line.run(compare.main, STUDY) == 0
    return folder


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    return home


def study_in(home: Path) -> Path:
    (found,) = (home / "results").iterdir()
    return found


def test_the_table_is_shown(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--tasks", "branin-mf", "--configs", "120"]
    assert command_line.run(tabulate.main, words) == 0  # is there already
    shown = capsys.readouterr().out
    assert "branin-mf: 120 configurations" in shown
    assert re.search(r"81 +100\.0% +81 +1\.000 +0\.9\d\d", shown)
    assert "tables/branin-mf.parquet (0.02 MB)" in shown


def test_a_study_of_tables_has_its_rows(home: Path) -> None:
    study = load_study(study_in(home))
    assert set(study.frame["task"]) == {"table-branin-mf", "surrogate-branin-mf"}
    assert (study.frame["status"] == "ok").all()
    sha256 = json.loads((home / "tables" / "branin-mf.json").read_text())["sha256"]
    assert {task.data for task in study.study.tasks.values()} == {sha256}
    assert study.study.identity == {
        "budget": 5.0,
        "task_tables": {"table-branin-mf": sha256, "surrogate-branin-mf": sha256},
    }


def test_a_study_of_tables_is_reproduced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    validated.cache_clear()  # it is said once a process
    assert command_line.run(reproduce.main, [str(study_in(here))]) == 0
    out, said = capsys.readouterr()
    assert "equal: 252 rows of 4 cells" in out
    assert "rank correlation, 5-fold cross-validated on 120 configurations" in said


def test_a_study_of_tables_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compare_run, "_write", lambda *given, **named: None)  # draws for seconds
    assert command_line.run(compare.main, STUDY) == 0
    assert "of 4 cells" not in capsys.readouterr().err  # nothing is run again
    assert command_line.run(compare.main, ["--from", str(study_in(here)), "--out", "again"]) == 0
    (again,) = Path("again").iterdir()
    assert again.name == study_in(here).name


def test_a_study_is_not_reproduced_with_another_table(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    words = ["--tasks", "branin-mf", "--configs", "110", "--jobs", "1"]
    assert command_line.run(tabulate.main, words) == 0
    capsys.readouterr()
    assert command_line.run(reproduce.main, [str(study_in(here))]) == 2
    assert "was run on other data than are here" in capsys.readouterr().err
    assert command_line.run(compare.main, ["--from", str(study_in(here)), "--out", "x"]) == 2
    assert "its files or data are not those that it was run with" in capsys.readouterr().err
    Path("tables/branin-mf.parquet").unlink()
    assert command_line.run(reproduce.main, [str(study_in(here))]) == 2
    error = capsys.readouterr().err
    assert "there is no " in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tasks", "branin"], "--tasks branin: no such task; did you mean branin-mf?"),
        (["--tasks", "branin-mf", "--configs", "0"], "--configs 0: must be 1 to 100,000"),
        (["--tasks", "branin-mf", "--seeds", "0"], "--seeds 0: must be 1 to 1,000"),
        (["--tasks", "branin-mf", "--jobs", "0"], "--jobs 0: must be at least 1"),
        (
            ["--tasks", "branin-mf", "--out", "tables/branin-mf.json/no"],
            "--out tables/branin-mf.json/no/branin-mf.partial.jsonl: cannot be written: Not a dir",
        ),
        (["--tasks", "table:none.parquet"], "--tasks table:none.parquet: there is no "),
        (["--tasks", "branin-mf", "--configs", "119"], "--out tables: holds another table bran"),
    ],
)
def test_what_cannot_be_made_is_one_line(
    words: list[str], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.run(tabulate.main, words) == 2
    error = capsys.readouterr().err
    *_, last = error.splitlines()
    assert last.startswith(f"error: {said}")
    assert error.count("error") == 1


def test_two_tables_of_one_name_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "other").mkdir(exist_ok=True)
    for suffix in ("json", "parquet"):
        copy = here / "other" / f"branin-mf.{suffix}"
        copy.write_bytes((here / "tables" / f"branin-mf.{suffix}").read_bytes())
    words = ["--tasks", "table:tables/branin-mf.parquet", "table:other/branin-mf.parquet"]
    assert command_line.run(compare.main, [*words, "--dry-run"]) == 2
    assert "table-branin-mf is given more than once" in capsys.readouterr().err
