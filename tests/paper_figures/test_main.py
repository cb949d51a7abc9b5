"""What can be asked of ``python -m paper_figures``; ``test_gallery`` has the paper's gallery."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bohb_study.cli import command_line
from bohb_study.files import replace_files
from bohb_study.store.checksums import SUMS_FILE, seal_folder
from bohb_study.store.sealed import sealed_json
from paper_figures import command_run as program
from paper_figures import gallery_plan
from paper_figures.command import main
from paper_figures.gallery_plan import PLAN, Item
from paper_figures.registry import figures
from paper_figures.toolkit import save, style

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

SMALL = (
    Item("one", "anytime", ("one",), ("random", "bohb")),
    Item("finals-one", "table-finals", ("one",)),
    Item("finals-two", "table-finals", ("two",)),
)
Run = Callable[..., int]
Said = Callable[..., str]


@pytest.fixture(scope="module", autouse=True)
def _coarse() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(save, "DPI", 40)
        yield


@pytest.fixture
def run(small_paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The program with words, for a plan of three items, in a folder of its own."""
    monkeypatch.setattr(gallery_plan, "PLAN", SMALL)
    monkeypatch.setattr(program, "PLAN", SMALL)
    monkeypatch.setattr(program, "HOME", tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    return lambda *words: command_line.run(main, ["--paper", str(small_paper), *map(str, words)])


@pytest.fixture
def refused(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """What is said of bad words: one line, exit 2, and nothing is written."""

    def said(*words: str | Path) -> str:
        assert run(*words) == 2
        out, line = capsys.readouterr()
        assert (out, line.count("\n")) == ("", 1)
        assert line.startswith("error: ")
        assert not list(tmp_path.iterdir())
        return line.removeprefix("error: ")

    return said


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_without_results_paper_one_line_and_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in ([], ["--check"]):
        assert command_line.run(main, words) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == "error: no studies in results/paper: name one with --study PATH\n"


BAD: dict[str, str] = {
    "--study nowhere": "nowhere: no study here; give the folder that holds study.json",
    "--stduy x": "Unrecognized options: --stduy, x; did you mean --study",
    "--figures nine": "--figures nine: no such figure; allowed: one, finals-one, finals-two",
    "--figures finals-one one2": "--figures one2: no such figure",
    "--venue nature": "--venue nature: no such page; allowed: neurips, icml, jmlr, slides",
    "--venue nature --figures finals-one": "--venue nature: no such page",
    "--tasks digits": "--tasks digits: not in it; there are mfh3-good",
    "--tasks digits --figures finals-two": "--tasks digits: not in it; there are counting-ones-8",
    "--methods gp": "--methods gp: not in it; there are bohb, hyperband, random",
    "--rule best": "--rule best: not known; allowed: full, highest, validated",
    "--x epochs": "--x epochs: not known; allowed: full-evals, seconds",
    "--html": "--html: needs --study",
    "--check --out x": "--check: compares the paper's figures as they are, without options",
    "--check --venue icml": "--check: compares the paper's",
    "--check --tasks digits": "--check: compares the paper's",
    "--check --methods bohb": "--check: compares the paper's",
    "--check --rule any": "--check: compares the paper's",
    "--check --x seconds": "--check: compares the paper's",
    "--check --study x": "--check: compares the paper's",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_usage_is_one_line_and_exit_2(words: str, refused: Said) -> None:
    assert refused(*words.split()).startswith(BAD[words])


def test_the_list_is_the_plan_and_draws_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--list") == 0
    assert capsys.readouterr().out.split() == [item.name for item in SMALL]
    assert not list(tmp_path.iterdir())


def test_another_venue_is_as_wide_as_its_column_and_leaves_the_gallery_alone(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--venue", "icml", "--figures", "one") == 0
    assert files(tmp_path) == ["results"]
    figures = tmp_path / "results" / "figures"
    assert files(figures) == ["one.pdf", "one.png", "one.svg"]
    assert capsys.readouterr().out.splitlines() == [
        f"results/figures/one.{form}" for form in ("pdf", "png", "svg")
    ]
    assert _inches(figures / "one.svg") in (pytest.approx(3.25), pytest.approx(6.75))


def test_a_figure_that_its_page_cannot_hold_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--figures", "one") == 0
    assert capsys.readouterr().err.splitlines() == ["one (1/1)"]
    monkeypatch.setattr(style, "tallest", lambda venue: 1.0 if venue == "slides" else 8.5)
    assert run("--figures", "one", "--venue", "slides") == 0
    (line,) = capsys.readouterr().err.splitlines()[1:]
    told = r"warning: one: \d\.\d in high, a page of slides has 1\.0: show fewer tasks or methods"
    assert re.fullmatch(told, line)


def _inches(svg: Path) -> float:
    found = re.search(r'<svg [^>]*width="([\d.]+)pt"', svg.read_text())
    assert found is not None
    return float(found[1]) / 72


def test_one_figure_of_the_paper_leaves_the_gallery_alone(run: Run, tmp_path: Path) -> None:
    assert run("--figures", "finals-two") == 0
    assert files(tmp_path / "results" / "figures") == ["finals-two.md", "finals-two.tex"]
    assert run("--figures", "finals-two", "--out", tmp_path / "mine") == 0
    assert files(tmp_path / "mine") == ["finals-two.md", "finals-two.tex"]
    assert not (tmp_path / "home").exists()


def test_a_task_is_shown_by_what_has_it(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--tasks", "counting-ones-8") == 0
    assert files(tmp_path / "results" / "figures") == ["finals-two.md", "finals-two.tex"]
    said = capsys.readouterr().err.splitlines()
    assert said[1:] == [
        f"not drawn: {name}: --tasks counting-ones-8: not in it; there are mfh3-good"
        for name in ("one", "finals-one")
    ]
    assert not (tmp_path / "home").exists()


def test_an_axis_leaves_out_what_does_not_have_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ranks alone have no seconds; whoever names them is told."""
    both = (Item("ranks", "ranks", ("one",)), SMALL[1])
    monkeypatch.setattr(gallery_plan, "PLAN", both)
    monkeypatch.setattr(program, "PLAN", both)
    assert run("--x", "seconds") == 0
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("not drawn: ranks: ranks are taken along full evaluations")
    assert files(tmp_path / "results" / "figures") == ["finals-one.md", "finals-one.tex"]
    assert run("--x", "seconds", "--figures", "ranks") == 1
    assert capsys.readouterr().err.startswith("error: ranks are taken along full evaluations")


def test_a_gallery_has_no_holes(
    run: Run, small_paper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = tmp_path / "paper"
    shutil.copytree(small_paper / "one", paper / "one")
    assert command_line.run(main, ["--paper", str(paper)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith(f"error: {paper}/two: no study here")
    assert not (tmp_path / "home" / "README.md").exists()
    assert not (tmp_path / "home" / "gallery" / "SHA256SUMS").exists()


def test_methods_alone(run: Run, tmp_path: Path) -> None:
    assert run("--methods", "hyperband", "random", "--figures", "finals-one") == 0
    table = (tmp_path / "results/figures/finals-one.md").read_text()
    assert "Hyperband" in table
    assert "BOHB" not in table


def test_another_incumbent_is_another_figure(run: Run, tmp_path: Path) -> None:
    words = ("--figures", "one", "--out")
    assert run(*words, tmp_path / "as it is") == 0
    assert run("--rule", "any", *words, tmp_path / "any") == 0
    for name in ("one.svg", "one.pdf", "one.png"):
        before, after = ((tmp_path / f / name).read_bytes() for f in ("as it is", "any"))
        assert before != after
    assert "lowest loss at any fidelity" in (tmp_path / "any" / "one.svg").read_text()


def test_seconds_where_they_are_known_and_one_line_where_they_are_not(
    run: Run, small_paper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = shutil.copytree(small_paper / "one", tmp_path / "a" / "one")
    words = ("--study", study, "--figures", "anytime", "--x", "seconds")
    assert run(*words) == 0
    assert "virtual seconds" in (study / "figures" / "anytime.svg").read_text()
    _without_seconds(study)
    capsys.readouterr()
    assert run(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("error: --x seconds: mfh3-good has no virtual seconds")


def _without_seconds(study: Path) -> None:
    path, records = study / "cells.parquet", study / "cells.json"
    table = pq.read_table(path)
    at = table.column_names.index("virtual_seconds")
    none = pa.array(np.full(len(table), None), pa.float64())
    pq.write_table(table.set_column(at, table.schema.field(at), none), path)
    said = json.loads(records.read_text())
    said["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    records.write_bytes(sealed_json(said))
    (study / SUMS_FILE).unlink()
    seal_folder(study)


def test_of_a_study_what_fits_is_drawn_and_the_rest_is_told(
    run: Run, small_paper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    names = ("anytime", "learning-curves", "grid-random", "finals")
    some = {name: figures()[name] for name in names}
    monkeypatch.setattr(program, "figures", lambda: some)
    assert run("--study", small_paper / "one", "--out", tmp_path / "mine") == 0
    assert files(tmp_path / "mine") == ["anytime.pdf", "anytime.png", "anytime.svg"]
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "not drawn: learning-curves: no task with learning curves among the rows of single trials",
        "not drawn: grid-random: grid-random: no cell of both grid and random is stored with all "
        "its rows",
        "not drawn: finals: no final configuration was retrained: nothing to draw",
    ]
    assert run("--study", small_paper / "one", "--figures", "curves") == 1
    renamed, error = capsys.readouterr().err.splitlines()
    assert renamed.startswith("figure curves is now learning-curves; the former name will be")
    assert error.startswith("error: no task with learning curves")
    assert run("--study", small_paper / "one", "--figures", "scaling") == 2
    assert capsys.readouterr().err.startswith("error: --figures scaling: not of one study; allowed")


def test_a_missing_cell_stops_with_exit_1_unless_allowed(
    stored: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {"anytime": figures()["anytime"]}
    monkeypatch.setattr(program, "figures", lambda: only)
    (stored / "cells/digits/bohb/1.json").unlink()
    assert command_line.run(main, ["--study", str(stored)]) == 1
    assert "digits/bohb/1" in capsys.readouterr().err
    assert not (stored / "figures").exists()
    assert command_line.run(main, ["--study", str(stored), "--allow-missing"]) == 0
    assert (stored / "figures/anytime.pdf").exists()


@pytest.mark.parametrize("below", ["", "below"])
def test_what_cannot_be_written_is_one_line(
    run: Run, tmp_path: Path, below: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert run("--figures", "finals-one", "--out", tmp_path / "file" / below) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith(f"error: --out: cannot write {tmp_path}/file/")


def test_a_full_disk_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replace_files.__module__ + ".os.fsync", full)
    assert run("--figures", "finals-one") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("error: --out: disk full while writing results/figures/finals-one.md")


def test_the_page_of_a_study_is_named(
    run: Run, small_paper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write_report(study: Path, out: Path | None, *, allow_missing: bool) -> Path:
        assert (study, allow_missing) == (small_paper / "one", False)
        assert out is not None
        out.write_text("<html>")
        return out

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paper_figures.report.write_report", write_report)
        out = tmp_path / "page.html"
        assert run("--html", "--study", small_paper / "one", "--out", out) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert files(tmp_path) == ["page.html"]


def test_the_whole_plan_is_what_is_drawn_by_default() -> None:
    assert gallery_plan.items(()) is PLAN
