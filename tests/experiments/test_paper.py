"""experiments/paper.py: a named study, retrained, packed and put into a table."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bohb_study.analysis import anytime, estimate
from bohb_study.audit.study_audit import audit_study
from bohb_study.cli import command_line, paper, paper_run
from bohb_study.errors import StudyError
from bohb_study.numbers import interval
from bohb_study.paper.effort import effort, full_evaluation_seconds
from bohb_study.paper.named_studies import STUDIES, PaperStudy, paper_studies
from bohb_study.paper.reports import REPORTS, RESULTS
from bohb_study.running.options import RunOptions
from bohb_study.running.pools import local
from bohb_study.running.progress import make_progress
from bohb_study.running.reproduction import choose, prepare_rerun, reproduce
from bohb_study.store import load_study, pack, read_finals
from bohb_study.store.checksums import SUMS_FILE, seal_folder
from bohb_study.store.sealed import sealed_json
from bohb_study.store.sidecars.derived_frames import read_derived
from bohb_study.study import StudyConfig
from bohb_study.summaries.normalisation_references import stored_references
from bohb_study.summaries.stored_table import table_with_audit
from bohb_study.summaries.study_table import retrained_table
from bohb_study.tasks import make_task
from repository import ROOT

SMALL = PaperStudy(
    "small",
    "digits, hardly trained",
    tasks=("digits",),
    methods=("random", "hyperband"),
    budget=4,
    seeds=2,
    task_options=("digits.epochs=3",),
)
FILES = [
    *("SHA256SUMS", "audit.json", "cells.json", "cells.parquet", "finals.json"),
    *("references.json", "study.json", "table.md"),
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster"),
    pytest.mark.usefixtures("all_cells_run_here"),
]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The module of the subcommand."""
    return paper


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    STUDIES[SMALL.name] = SMALL
    yield
    del STUDIES[SMALL.name]


@pytest.fixture(scope="module")
def made(
    script: ModuleType, all_cells_run_here: None, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What a run leaves: results, and the packed study in paper."""
    folder = tmp_path_factory.mktemp("made")
    assert command_line.run(script.main, _words(folder)) == 0
    return folder


def _words(folder: Path, *more: str) -> list[str]:
    where = ["--out", str(folder / "results"), "--paper", str(folder / "papers")]
    return ["small", *where, "--repeats", "2", *more]


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "copy")


def test_what_it_leaves(made: Path) -> None:
    """Fails where the packed study cannot be read by itself, trainings included."""
    assert sorted(file.name for file in (made / "papers" / "small").iterdir()) == FILES
    (run,) = (made / "results").iterdir()
    study = load_study(made / "papers" / "small")
    assert run.name == f"small-{study.study.id}"
    assert len(study.cells) == 4
    finals = read_finals(made / "papers" / "small", study.study.id)
    assert finals == read_finals(run, study.study.id)
    assert [(f.training.kind, f.training.repeat) for f in finals] == [
        ("retrained", repeat) for repeat in (0, 1) for _ in range(4)
    ]
    assert {f.status for f in finals} == {"ok"}


def test_the_table_needs_the_packed_study_alone(made: Path) -> None:
    table = retrained_table(load_study(made / "papers" / "small"))
    assert table.headings == (
        *("method", "trials", "epochs charged", "unspent"),
        *("validation cross-entropy", "test error", "retrained", "rungs as planned"),
    )
    finals = read_finals(made / "papers" / "small", table.title.removeprefix("small-"))
    for row, method in zip(table.texts(), SMALL.methods, strict=True):
        values = dict(zip(table.headings, row, strict=True))
        assert values["method"] == method
        assert (values["epochs charged"], values["unspent"]) == ("24", "0")
        means = [
            sum(f.test_loss for f in finals if (f.training.method, f.training.seed) == (method, s))
            for s in (0, 1)
        ]
        over = estimate(np.array(means) / 2, 0)
        assert values["retrained"] == interval(over.centre, over.low, over.high)
    assert table.column("rungs as planned") == ["n/a", "yes, 4"]
    assert table.notes[0].startswith("mean over 2 seeds [range, not an interval] of each cell's")
    assert "outside the budget" in table.notes[1]
    assert "2 fresh training seeds each" in table.notes[1]
    audit = ["audit: passes (11 checks, 4 cells; not applicable: model)"]
    text = (made / "papers" / "small" / "table.md").read_text()
    assert text == table_with_audit(table, audit).decode()
    lines = text.splitlines()
    assert lines[2].startswith("| method | trials | epochs charged |")
    assert {line.count("|") for line in lines[2:6]} == {len(table.headings) + 1}
    assert lines[4].startswith("| `random` | 8 | 24 | 0 | ")
    assert lines[-1] == audit[0]


def test_again_trains_nothing_and_writes_the_same(
    script: ModuleType, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    monkeypatch.setattr(local, "run_cells", lambda *_: pytest.fail("something was run"))
    assert command_line.run(script.main, _words(copy)) == 0
    after = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    assert after == before


def test_without_trainings_there_is_a_table_and_no_stale_file(copy: Path) -> None:
    (run,) = (copy / "results").iterdir()
    (run / "finals.json").unlink()
    pack(run, copy / "papers" / "small")
    assert not (copy / "papers" / "small" / "finals.json").exists()
    table = retrained_table(load_study(copy / "papers" / "small"))
    assert "retrained" not in table.headings
    assert len(table.notes) == 1
    assert [len(row) for row in table.rows] == [len(table.headings)] * 2


def reseal(packed: Path) -> None:
    """List its files anew, as whoever changed one would have to."""
    (packed / SUMS_FILE).unlink()
    seal_folder(packed)


def test_what_failed_or_diverged_is_said(copy: Path) -> None:
    path = copy / "papers" / "small" / "finals.json"
    data = json.loads(path.read_text())
    for row in data["trainings"]:
        if row["method"] == "random" and row["repeat"] == 0:
            row["status"] = "failed" if row["seed"] else "diverged"
    path.write_bytes(sealed_json(data))
    reseal(path.parent)
    shown = dict(zip(*_columns(copy / "papers" / "small", "method", "retrained"), strict=True))
    assert shown["random"] == "1 diverged; 1 failed"
    assert shown["hyperband"].startswith("0.")


def _columns(folder: Path, *names: str) -> list[list[str]]:
    table = retrained_table(load_study(folder))
    return [table.column(name) for name in names]


def test_a_refit_has_a_column(copy: Path) -> None:
    path = copy / "papers" / "small" / "finals.json"
    data = json.loads(path.read_text())
    extra = {**data["trainings"][0], "kind": "all data", "test_loss": 0.0625}
    data["trainings"].append(extra)
    path.write_bytes(sealed_json(data))
    reseal(path.parent)
    shown = dict(
        zip(
            *_columns(copy / "papers" / "small", "method", "refit on all training data"),
            strict=True,
        )
    )
    assert shown.pop(extra["method"]) == "0.06250"
    assert set(shown.values()) == {"-"}


@pytest.mark.parametrize("failing", ["cell", "training"])
def test_a_failure_is_told_and_is_exit_1(
    script: ModuleType,
    copy: Path,
    failing: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (run,) = (copy / "results").iterdir()
    (run / "finals.json").unlink()
    if failing == "cell":
        (run / "cells/digits/random/0.json").unlink()
    shutil.rmtree(copy / "papers" / "small")

    def run_cells(jobs: Sequence[Any], at_once: int) -> Iterator[Any]:
        yield from (local.Finished(job.cell, None, "out of luck") for job in jobs)

    monkeypatch.setattr(local, "run_cells", run_cells)
    assert command_line.run(script.main, _words(copy)) == 1
    said = capsys.readouterr().err
    which = "digits/random/0" if failing == "cell" else "digits/random/0, retrained 1"
    assert f"failed: {which}: out of luck" in said
    # trainings that failed are said in the table; a study with a hole is not packed
    assert (copy / "papers" / "small").exists() == (failing == "training")


def test_interrupted_it_says_how_to_go_on(
    script: ModuleType,
    copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(paper_run, "retrain_finals", interrupted)
    words = _words(copy, "--fresh", "--seeds", "1")
    monkeypatch.setattr(paper_run, "run_study", lambda *_: _Done(copy))
    assert command_line.run(script.main, words) == 130
    words.remove("--fresh")
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(
        f"what is finished is kept; go on with: bohb-study paper {' '.join(words)}"
    )


class _Done:
    def __init__(self, path: Path) -> None:
        self.path, self.failed = path, dict[str, str]()


def test_a_dirty_checkout_is_said(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paper_run, "run_one", lambda *_: 0)
    for dirty, count in ((True, 1), (False, 0), (None, 0)):
        monkeypatch.setattr(paper_run, "git_state", lambda dirty=dirty: {"dirty": dirty})
        assert command_line.run(script.main, ["small"]) == 0
        assert capsys.readouterr().err.count("warning: the checkout is dirty") == count


BAD: dict[str, str] = {
    "": "NAME: name a study; known: digits, fidelities, tables, workers-1, ",
    "fashion-mnits": "fashion-mnits: no such study; did you mean fashion-mnist?",
    "xyz": "xyz: no such study; known: digits, fidelities, tables, workers-1, ",
    "digits more": "Unrecognized options: more",
    "digits --repeats 0": "--repeats 0: must be at least 1",
    "digits --seeds 0": "--seeds 0: must be a whole number, at least 1",
    "digits --jobs 0": "--jobs 0: must be at least 1",
    "digits --full": "--full: digits is run whole; allowed for counting-ones",
    "digits --reps 2": "Unrecognized options: --reps",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_words_are_one_line_and_exit_2(
    script: ModuleType,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command_line.run(script.main, words.split()) == 2
    out, said = capsys.readouterr()
    assert (out, said.count("\n")) == ("", 1)
    assert said.startswith(f"error: {BAD[words]}")
    assert not list(tmp_path.iterdir())


def test_a_target_that_is_being_run_is_refused(script: ModuleType, copy: Path) -> None:
    (run,) = (copy / "results").iterdir()
    shutil.copytree(run, copy / "other" / "small")
    assert command_line.run(script.main, ["small", "--paper", str(copy / "other")]) == 2


THIN = PaperStudy(
    "thin",
    "counting ones, hardly counted",
    tasks=("counting-ones-8",),
    methods=("random", "hyperband"),
    budget=22,
    seeds=2,
    is_compact=True,
    whole=("counting-ones-8",),
)


def test_a_thinned_study_shows_the_same_and_cannot_be_counted(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STUDIES, "thin", THIN)
    words = ["thin", "--out", str(tmp_path / "results"), "--paper", str(tmp_path / "papers")]
    assert command_line.run(script.main, words) == 0
    packed = load_study(tmp_path / "papers" / "thin")
    (folder,) = (tmp_path / "results").iterdir()
    whole = load_study(folder)
    assert packed.is_compact
    assert not whole.is_compact
    assert len(packed.frame) < len(whole.frame) / 4
    assert packed.cells == whole.cells
    tops = {"counting-ones-8": 729}
    for rule in ("full", "highest", "validated", "paper", "any"):
        short, full = (anytime(study.frame, rule, tops).curves for study in (packed, whole))
        for one, other in zip(short, full, strict=True):
            at = other.runs.loc[one.runs.index]
            pd.testing.assert_frame_equal(one.runs, at)
    for refuse in (audit_study, retrained_table):
        with pytest.raises(StudyError, match="packed without the rows at which no incumbent chan"):
            refuse(packed)
    text = (tmp_path / "papers" / "thin" / "table.md").read_text()
    assert "audit: passes" in text
    derived = read_derived(packed.path, packed.study.id)
    assert set(derived) == {"whole", "correlations", "suggestions", "brackets"}
    assert len(derived["whole"]) == (whole.frame["seed"] == 0).sum()
    assert derived["correlations"]["off_ledger"].any()
    assert stored_references(packed.path, packed.study.id)["counting-ones-8"].best == -8
    pack(packed.path, tmp_path / "again")
    again = load_study(tmp_path / "again")
    assert again.is_compact
    assert (again.path / "audit.json").read_bytes() == (packed.path / "audit.json").read_bytes()
    cells = choose(packed, 2)
    key = (cells[0].task, cells[0].method, cells[0].seed)
    packed.cells[key] = replace(packed.cells[key], rows_hash="0" * 64)
    first, second = reproduce(prepare_rerun(packed, cells), RunOptions(), make_progress)
    assert second.difference is None
    assert first.difference is not None
    assert first.difference.column == "(hash of all rows)"
    assert first.rows == whole.cells[first.cell.task, first.cell.method, first.cell.seed].rows


def test_claims_need_all_packed_studies(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line a group that lacks any; the page of results stays as it is."""
    (tmp_path / "docs").mkdir()
    (tmp_path / RESULTS).write_text("as it was")
    monkeypatch.chdir(tmp_path)
    assert command_line.run(script.main, ["--claims"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{group}: its studies are not packed in results/paper" for group in REPORTS]
    assert (tmp_path / RESULTS).read_text() == "as it was"


def test_list_and_dry_run_write_nothing(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command_line.run(script.main, ["--list"]) == 0
    listed = capsys.readouterr().out
    for study in STUDIES.values():
        assert study.name in listed
    assert command_line.run(script.main, ["digits", "--dry-run", "--seeds", "4"]) == 0
    planned = capsys.readouterr().out
    for words in ("1350 epochs", "27/9/3/1 at 1/3/9/27", "56 cells of 50", "260 retrainings"):
        assert words in planned
    assert not list(tmp_path.iterdir())


def test_modelled_hours_count_everything_that_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SMALL.config()
    task = make_task("digits", {"epochs": "3"})
    assert 0 < full_evaluation_seconds(task) < 1
    seconds: Callable[[Any], float] = lambda one: 3600.0 if one.epochs == 3 else 36000.0  # noqa: E731
    monkeypatch.setattr("bohb_study.paper.effort.full_evaluation_seconds", seconds)
    # 4 cells of 4 full evaluations and 3 retrainings each
    assert "outside the budget 12 retrainings; about 28.0 h" in effort(config, 3)
    whole = make_task("digits", {"epochs": "9"})
    monkeypatch.setattr(type(task), "on_all_data", lambda self: whole)
    text = effort(config, 3)
    assert "12 retrainings, 2 refits on all training data; about 48.0 h" in text


def test_the_named_studies_are_what_was_said() -> None:
    assert STUDIES["digits"].repeats == 5
    workers = {name: one for name, one in STUDIES.items() if name.startswith("workers-")}
    assert [one.config().workers for one in workers.values()] == [1, 4, 16, 64]
    assert {one.config(seeds=2).tasks for one in workers.values()} == {("mfh6-good",)}
    assert [one.name for one in paper_studies("main")] == [
        "digits",
        "fidelities",
        "tables",
        *workers,
    ]
    for one in STUDIES.values():
        assert set(one.whole) <= set(one.tasks)
        assert one.is_compact or not one.whole
    images = STUDIES["fashion-mnist"]
    assert images.methods == ("grid", "random", "asha", "hyperband", "bohb")
    assert (images.budget, images.seeds) == (20, 4)


def test_what_is_packed_of_digits_is_what_is_named() -> None:
    """Its id, which names its folder, is that of compare.py."""
    digits = STUDIES["digits"].config()
    stored = load_study(ROOT / "results/paper/digits").study
    assert digits.id == stored.id == StudyConfig(seeds=10).id
    assert (set(digits.methods), digits.seeds) == (set(stored.methods), stored.seeds)
