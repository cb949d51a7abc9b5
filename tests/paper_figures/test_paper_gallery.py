"""The plan of the paper's figures, and the gallery that is checked byte for byte."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bohb_study.analysis.incumbents.rules import chosen
from bohb_study.cli import command_line
from bohb_study.errors import StudyError, UsageError
from bohb_study.methods.registry import METHODS
from bohb_study.paper.named_studies import STUDIES
from bohb_study.store import load_study
from bohb_study.store.checksums import SUMS_FILE, seal_folder
from bohb_study.store.sealed import sealed_json
from paper_figures import command_run as program
from paper_figures import gallery_plan, registry
from paper_figures.command import main
from paper_figures.gallery_plan import PLAN, Item, items
from paper_figures.paper_gallery import (
    RenderedItem,
    RenderOptions,
    Studies,
    differences,
    make,
    page,
    read_sums,
    sums,
)
from paper_figures.registry import RENAMED, figures, series, tables
from paper_figures.toolkit import save, style
from repository import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

SMALL = (
    Item("anytime-one", "anytime", ("one",), ("random", "bohb")),
    Item("ranks", "ranks", ("one", "two")),
    Item("scaling", "scaling", ("one", "four")),
    Item("table-finals", "table-finals", ("one", "two")),
)
CHEAP = (SMALL[0], SMALL[3])
ANYTIME = [f"anytime-one.{form}" for form in ("pdf", "png", "svg")]
TABLE = ["table-finals.md", "table-finals.tex"]
FINE = save.DPI
Run = Callable[..., int]


# The plan


def test_every_item_can_be_drawn_of_what_the_paper_runs() -> None:
    assert len({item.name for item in PLAN}) == len(PLAN)
    for item in PLAN:
        assert item.what in {*figures(), *series(), *tables()}
        assert item.studies
        assert set(item.studies) <= set(STUDIES)
        for method in item.methods:
            assert method in METHODS
            assert style.line(method).label
            assert any(method in STUDIES[name].methods for name in item.studies)
        tasks = [task for name in item.studies for task in STUDIES[name].tasks]
        assert set(item.tasks) <= set(tasks)
        if item.what in series():
            assert len({STUDIES[name].workers for name in item.studies}) == len(item.studies)
        else:
            assert len(tasks) == len(set(tasks))  # else they cannot be joined


def test_the_plan_has_every_figure_of_the_protocol() -> None:
    wanted = (
        "anytime overview ranks ecdf speedup learning-curves rungs suggestions grid-random "
        "surrogate bohb-variants scaling time-spent"
    )
    assert set(wanted.split()) <= {item.what for item in PLAN}
    assert {item.what for item in PLAN} <= {*figures(), *series(), *tables()}
    assert set(tables()) <= {item.what for item in PLAN}


def test_items_by_name_in_the_order_asked_for() -> None:
    assert items(()) == PLAN
    assert [item.name for item in items(("time-spent", "ecdf"))] == ["time-spent", "ecdf"]
    with pytest.raises(UsageError, match=r"figures tiem: no such figure; allowed: anytime-digits"):
        items(("ecdf", "tiem"))


def test_former_names_are_understood_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(RENAMED.values()) <= set(figures())
    assert not set(RENAMED) & {*figures(), *series(), *tables()}
    assert [item.name for item in items(tuple(RENAMED))] == list(RENAMED.values())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(RENAMED)
    assert (
        "figure time is now time-spent; the former name will be removed in the next release"
        in lines
    )


def test_every_module_that_draws_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(registry.__file__).parent / "figures"
    drawing = [path for path in folder.glob("*.py") if "FIGURE = " in path.read_text()]
    assert len(drawing) == len(figures()) + len(series())
    twice = figures()["anytime"]
    monkeypatch.setattr(registry, "_found", lambda _: (twice, twice))
    with pytest.raises(ValueError, match="anytime: two figures"):
        figures()


# Files and hashes, without drawing


def test_the_list_is_what_sha256sum_reads(tmp_path: Path) -> None:
    files = {"b.md": b"two", "a.pdf": b"\x00one"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "SHA256SUMS").write_bytes(sums(files))
    done = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=True
    )
    assert done.stdout == b"a.pdf: OK\nb.md: OK\n"
    assert list(read_sums(tmp_path / "SHA256SUMS")) == ["a.pdf", "b.md"]


@pytest.mark.parametrize("text", [None, "0123 one space\n"])
def test_a_list_that_cannot_be_read_is_one_line(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "SHA256SUMS").write_text(text)
    with pytest.raises(StudyError, match=r"SHA256SUMS: no list of hashes .*run python -m paper_f"):
        read_sums(tmp_path / "SHA256SUMS")


def test_differences_name_the_file_and_both_hashes() -> None:
    expected = {"same": hashlib.sha256(b"1").hexdigest(), "other": "f" * 64}
    found = differences({"same": b"1", "other": b"2", "new": b"3"}, expected)
    assert found == [
        f"other: {hashlib.sha256(b'2').hexdigest()[:12]} is drawn now, ffffffffffff is in the list",
        "new: not in the list",
    ]


def test_the_page_shows_every_figure_and_table_with_its_command() -> None:
    one = RenderedItem(SMALL[0], {"anytime-one.png": b""}, "A caption.")
    two = RenderedItem(SMALL[3], {"table-finals.md": b""}, "| a |\n| --- |\n")
    assert page([one, two]).decode().endswith(
        "## anytime-one\n\n![anytime-one](gallery/anytime-one.png)\n\nA caption.\n\n"
        "`python -m paper_figures --figures anytime-one`\n\n"
        "## table-finals\n\n| a |\n| --- |\n\n"
        "`python -m paper_figures --figures table-finals` ([LaTeX](gallery/table-finals.tex))\n"
    )  # fmt: skip


# The gallery of a small paper


@pytest.fixture(scope="module", autouse=True)
def _coarse() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(save, "DPI", 40)
        yield


@pytest.fixture(scope="module")
def drawn(small_paper: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a gallery of ``SMALL``, to be copied."""
    home = tmp_path_factory.mktemp("home")
    _draw(home, SMALL, small_paper)
    return home


def _draw(home: Path, small: Sequence[Item], paper: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _set(patch, home, small)
        assert command_line.run(main, ["--paper", str(paper)]) == 0


def _set(patch: pytest.MonkeyPatch, home: Path, small: Sequence[Item]) -> None:
    patch.setattr(gallery_plan, "PLAN", tuple(small))
    patch.setattr(program, "PLAN", tuple(small))
    patch.setattr(program, "HOME", home)


@pytest.fixture(scope="module")
def cheap(small_paper: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a gallery of ``CHEAP``, to be copied."""
    home = tmp_path_factory.mktemp("cheap")
    _draw(home, CHEAP, small_paper)
    return home


@pytest.fixture
def paper(small_paper: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small_paper, tmp_path / "paper")


@pytest.fixture
def home(cheap: Path, tmp_path: Path) -> Path:
    return shutil.copytree(cheap, tmp_path / "home")


@pytest.fixture
def run(home: Path, paper: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``python -m paper_figures`` with words, for ``CHEAP`` in copies of gallery and paper."""
    _set(monkeypatch, home, CHEAP)
    monkeypatch.chdir(home.parent)
    return lambda *words: command_line.run(main, ["--paper", str(paper), *map(str, words)])


@pytest.fixture
def quick(
    run: Run, paper: Path, monkeypatch: pytest.MonkeyPatch, made: dict[Item, RenderedItem]
) -> Run:
    """The same, drawing nothing: what is drawn is given."""
    monkeypatch.setattr(program, "make", lambda item, _: made[item])
    return run


@pytest.fixture(scope="module")
def made(small_paper: Path) -> dict[Item, RenderedItem]:
    studies = Studies(small_paper, RenderOptions())
    return {item: make(item, studies) for item in CHEAP}


def test_an_item_is_drawn_from_its_studies_cut_to_what_it_shows(small_paper: Path) -> None:
    studies = Studies(small_paper, RenderOptions())
    (both,) = studies.of(Item("x", "rungs", ("one", "two"), ("bohb", "random")))
    assert [task.name for task in both.tasks] == ["mfh3-good", "counting-ones-8"]
    assert both.methods == ("bohb", "random")
    for name in ("seconds", "whole", "correlations", "suggestions", "brackets"):
        assert not both.derived_frame(name).empty
    assert set(both.references) == {"mfh3-good", "counting-ones-8"}
    series = studies.of(Item("x", "scaling", ("one", "four")))
    assert [study.workers for study in series] == [1, 4]
    (one,) = studies.of(Item("x", "rungs", ("one", "two"), (), ("counting-ones-8",)))
    assert [task.name for task in one.tasks] == ["counting-ones-8"]


def test_options_go_before_the_plan(small_paper: Path) -> None:
    options = RenderOptions("icml", ("mfh3-good",), ("hyperband",), "any", "full_evals")
    item = Item("x", "rungs", ("one", "two"), ("bohb",), ("counting-ones-8",))
    (study,) = Studies(small_paper, options).of(item)
    assert [task.name for task in study.tasks] == ["mfh3-good"]
    assert study.methods == ("hyperband",)
    assert (study.venue, study.rule, study.axis) == ("icml", "any", "full_evals")


def test_everything_is_drawn_listed_and_shown(drawn: Path) -> None:
    gallery = drawn / "gallery"
    figures = [
        f"{n}.{f}" for n in ("anytime-one", "ranks", "scaling") for f in ("pdf", "png", "svg")
    ]
    assert sorted(p.name for p in gallery.iterdir()) == sorted([*figures, *TABLE, "SHA256SUMS"])
    listed = read_sums(gallery / "SHA256SUMS")
    assert set(listed) == {*figures, *TABLE, "../README.md"}
    for name, expected in listed.items():
        assert hashlib.sha256((gallery / name).read_bytes()).hexdigest() == expected
    shown = (drawn / "README.md").read_text()
    for item in SMALL:
        assert f"## {item.name}\n" in shown
        assert f"`python -m paper_figures --figures {item.name}`" in shown
    assert (gallery / "table-finals.md").read_text().strip() in shown
    done = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=gallery, check=False
    )
    assert done.returncode == 0
    with Image.open(gallery / "scaling.png") as image:
        assert "Description" in image.info
        assert image.info["Source"].count("-") >= 2  # both studies of the series
        assert image.info["Source"].startswith("study one-")
        assert " four-" in image.info["Source"]


def test_check_is_0_where_every_byte_is_the_same_and_writes_nothing(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.parent.rglob("*")}
    assert run("--check") == 0
    said = capsys.readouterr()
    assert said.out == "2 of 2 are byte for byte as listed\n"
    assert said.err == "anytime-one (1/2): same\ntable-finals (2/2): same\n"
    assert {path: path.stat().st_mtime_ns for path in home.parent.rglob("*")} == before


def test_check_names_one_changed_value_by_the_files_that_show_it(
    run: Run, paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _change_one_value(paper / "one", correct=True)
    load_study(paper / "one")  # nothing else would tell
    assert run("--check") == 1
    out = capsys.readouterr().out
    named = [line.partition(":")[0] for line in out.splitlines()]
    assert named[:5] == [*ANYTIME, *TABLE]
    assert "../README.md: " in out  # the table is on it
    assert out.splitlines()[-1] == "0 of 2 are byte for byte as listed"


def test_check_of_a_damaged_parquet_is_one_line_an_item(
    run: Run, paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _change_one_value(paper / "one", correct=False)
    assert run("--check") == 1
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert len(lines) == 3
    for name, line in zip(("anytime-one", "table-finals"), lines, strict=False):
        assert line.startswith(f"{name}: {paper}/one/cells.parquet: is not the file in SHA256SUMS")
    assert "Traceback" not in said.err


def _change_one_value(folder: Path, *, correct: bool) -> None:
    """The noise-free loss of BOHB's last incumbent, by a thousandth."""
    path, records = folder / "cells.parquet", folder / "cells.json"
    table = pq.read_table(path)
    frame = load_study(folder).frame
    mine = frame[(frame["method"] == "bohb") & (frame["seed"] == 0)].sort_values("seq")
    row = mine.index[chosen(mine, "validated", 81)[-1]]
    values = table["true_loss"].to_pylist()
    values[row] += 1e-3
    at = table.column_names.index("true_loss")
    changed = table.set_column(at, table.schema.field(at), pa.array(values, pa.float64()))
    pq.write_table(changed, path)
    if correct:
        said = json.loads(records.read_text())
        said["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        records.write_bytes(sealed_json(said))
        (folder / SUMS_FILE).unlink()
        seal_folder(folder)


def test_check_is_1_after_the_list_was_edited(
    quick: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / "gallery/SHA256SUMS"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith("anytime-one.svg"))
    lines[at] = "0" * 64 + lines[at][64:]
    path.write_text("\n".join(lines) + "\n")
    assert quick("--check") == 1
    out = capsys.readouterr().out
    assert out.startswith("anytime-one.svg: ")
    assert "000000000000 is in the list" in out
    assert out.endswith("1 of 2 are byte for byte as listed\n")


@pytest.mark.parametrize("name", ["table-finals.tex", "../README.md"])
def test_check_is_1_where_a_file_is_not_in_the_list(
    quick: Run, home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / "gallery/SHA256SUMS"
    lines = [line for line in path.read_text().splitlines() if not line.endswith(name)]
    path.write_text("\n".join(lines) + "\n")
    assert quick("--check") == 1
    assert f"{name}: not in the list\n" in capsys.readouterr().out


def test_check_is_1_where_the_list_has_a_file_that_is_not_drawn(
    quick: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (home / "gallery/SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  old.pdf\n")
    assert quick("--check") == 1
    out = capsys.readouterr().out
    assert out == "old.pdf: in the list, not drawn\n2 of 2 are byte for byte as listed\n"


@pytest.mark.parametrize("name", ["../README.md", "anytime-one.png", "old.md"])
def test_check_is_1_where_a_file_that_is_there_was_edited_or_left_behind(
    quick: Run, home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (home / "gallery" / name).open("ab") as file:
        file.write(b"mine")
    assert quick("--check") == 1
    assert f"{name}: the file there is not as listed\n" in capsys.readouterr().out


def test_check_needs_no_file_that_is_not_committed(quick: Run, home: Path) -> None:
    (home / "gallery/anytime-one.pdf").unlink()
    assert quick("--check") == 0


def test_one_figure_can_be_checked_by_itself(
    quick: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "README.md").write_text("mine")
    assert quick("--check", "--figures", "table-finals") == 0
    assert capsys.readouterr().out == "1 of 1 are byte for byte as listed\n"


def test_check_without_a_list_is_one_line(
    quick: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "gallery/SHA256SUMS").unlink()
    assert quick("--check") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no list of hashes" in said


def test_another_process_gives_the_same_bytes(
    small_paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PDF, PNG and SVG: a fresh one, whatever the order of sets is, and this one."""
    shutil.copytree(small_paper / "one", tmp_path / "paper" / "dehb")
    words = ["--figures", "anytime-dehb", "--paper", str(tmp_path / "paper")]
    out = tmp_path / "out"
    running = subprocess.Popen(
        [sys.executable, "-m", "paper_figures", *words, "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1"},
        stdout=subprocess.DEVNULL,
    )
    monkeypatch.setattr(save, "DPI", FINE)
    here = make(items(("anytime-dehb",))[0], Studies(tmp_path / "paper", RenderOptions())).files
    assert set(here) == {f"anytime-dehb.{form}" for form in ("pdf", "png", "svg")}
    assert running.wait() == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == here
