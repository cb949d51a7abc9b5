"""Whatever is typed wrongly costs one line, exit 2, and not a single file."""

import hashlib
import json
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bohb_study.cli import command_line
from bohb_study.cli.entry import COMMANDS
from bohb_study.errors import StudyError, UsageError
from bohb_study.identity import cell_hash, code_parts, versions
from bohb_study.methods import METHODS
from bohb_study.numerics import expected
from bohb_study.schema import COLUMNS, build_frame
from bohb_study.store import write_cell, write_study
from bohb_study.store.code_file import write_code
from bohb_study.store.sealed import sealed_json
from bohb_study.study import StudyConfig

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

Main = Callable[[Sequence[str]], int]
Refused = Callable[..., str]


def script(name: str) -> Main:
    """``main`` of a subcommand."""
    main: Main = import_module(COMMANDS[name][0]).main
    return main


compare, reproduce, figures = script("compare"), script("reproduce"), script("figures")


def files(folder: Path) -> dict[Path, str]:
    """Everything below a folder, with the hash of its bytes."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in folder.rglob("*")
    }


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a script that must refuse; returns the line that it says."""

    def run(main: Main, *words: str | Path, code: int = 2) -> str:
        before = files(tmp_path)
        assert command_line.run(main, [str(word) for word in words]) == code
        out, said = capsys.readouterr()
        assert out == ""
        assert said.count("\n") == 1
        assert said.startswith("error: ")
        assert "Traceback" not in said
        assert files(tmp_path) == before
        return said.removeprefix("error: ").rstrip("\n")

    return run


# compare.py

BAD: dict[str, str] = {
    "--tasks digit": "--tasks digit: no such task; did you mean digits",
    "--tasks xyz": "--tasks xyz: no such task; known: ",
    "--tasks": "--tasks: empty; name at least one",
    "--tasks digits digits": "--tasks digits digits: digits is given more than once",
    "--methods bhob": "--methods bhob: no such method; did you mean bohb?",
    "--methods xyz": "--methods xyz: no such method; known: grid, random, random-2x, ",
    "--methods": "--methods: empty; name at least one",
    "--methods random asha random": "--methods random asha random: random is given more than once",
    "--budget 0": "--budget 0: must be at least 1 full evaluation (= 27 units)",
    "--budget -1": "--budget -1: must be at least 1 full evaluation",
    "--budget 0.5": "--budget 0.5: must be at least 1 full evaluation",
    "--budget nan": "--budget nan: must be a finite number",
    "--budget inf": "--budget inf: must be a finite number",
    "--budget 1e999": "--budget inf: must be a finite number",
    "--budget 1.01": "--budget 1.01: 1.01 x 27 = 27.27 units; the budget must be a whole number",
    "--budget 1.0000001": "--budget 1.0000001: 1.0000001 x 27 = 27.000002700000003 units; the ",
    "--budget 1e-9": "--budget 1e-09: must be at least 1 full evaluation (= 27 units)",
    "--budget 1e9": "--budget 1000000000: must be at most 37,037 full evaluations of digits (a ",
    "--budget 37038": "--budget 37038: must be at most 37,037 full evaluations of digits",
    "--budget 1e300 --methods grid": "--budget 1e+300: must be at most 37,037 full evaluations of ",
    "--tasks counting-ones-8 --budget 12346": "--budget 12346: must be at most 12,345 ",
    "--task-options digits.epochs=3486784401 --budget 1": "--tasks digits: a full evaluation of "
    "3486784401 epochs is too long (a cell keeps its steps in memory: at most 1,000,000)",
    "--dry-run --budget 1e9": "--budget 1000000000: must be at most 37,037 full evaluations of ",
    "--budget abc": "--budget: could not convert string to float: 'abc'",
    "--budget": "Missing value for argument '--budget'",
    "--seeds 0": "--seeds 0: must be a whole number, at least 1",
    "--seeds -1": "--seeds -1: must be a whole number, at least 1",
    "--seeds 1.5": "--seeds: invalid literal for int() with base 10: '1.5'",
    "--seeds 99999999999": "--seeds 99999999999: must be at most 25,000 with 1 x 4 tasks and "
    "methods (a study has at most 100,000 cells)",
    "--dry-run --seeds 99999999999": "--seeds 99999999999: must be at most 25,000 with 1 x 4 ",
    f"--seeds {10**400}": f"--seeds {10**400}: must be at most 25,000 with 1 x 4 tasks and methods",
    "--methods random --seeds 100001": "--seeds 100001: must be at most 100,000 with 1 x 1 tasks",
    "--workers 1000000000": "--workers 1000000000: must be at most 10,000",
    "--workers 0": "--workers 0: must be a whole number, at least 1",
    "--data-parallel 0": "--data-parallel 0: must be a whole number, at least 1",
    "--data-parallel 3": "--data-parallel 3: must divide the batch sizes of digits: 32, 64, ",
    "--data-parallel 2 --tasks mfh3": "--data-parallel 2: mfh3 cannot be trained by several "
    "processes; allowed: 1",
    "--data-parallel 1.5": "--data-parallel: invalid literal for int() with base 10: '1.5'",
    "--task-options digits.dropout=1": "--task-options digits.dropout=1: must be a number from 0 ",
    "--eta 2": "--eta 2: does not fit 27 epochs; allowed: 3, 27",
    "--eta 1": "--eta 1: must be a whole number, at least 2",
    "--eta three": "--eta three: must be a whole number",
    "--engine ray": "invalid choice 'ray' for argument '--engine'. Expected one of ('auto', 'tune'",
    "--engine": "Missing value for argument '--engine'",
    "--budget 2 --budget 3": "--budget: given more than once",
    "--budget=2 --seeds 1 --budget=3": "--budget: given more than once",
    "--dry-run --dry_run": "--dry-run: given more than once",
    "--bugdet 2": "Unrecognized options: --bugdet, 2; did you mean --budget",
    "digits": "Unrecognized options: digits",
    "--jobs 0": "--jobs 0: must be at least 1",
    "--jobs 1000000000": "--jobs 1000000000: must be at most 1,024",
    f"--eta {10**400}": f"--eta {10**400}: does not fit 27 epochs; allowed: 3, 27",
    "--jobs -2": "--jobs -2: must be at least 1",
    "--task-options epochs=9": "--task-options epochs=9: must look like task.key=value",
    "--task-options digits.epochs": "--task-options digits.epochs: must look like task.key=value",
    "--task-options digits.epochs=": "--task-options digits.epochs=: must look like",
    "--task-options digits.epoch=9": "--task-options digits.epoch: no such option of digits; did "
    "you mean epochs?",
    "--task-options digits.eta=3": "--task-options digits.eta: no such option of digits; known: ",
    "--task-options digits.epochs=many": "--task-options digits.epochs=many: must be a whole "
    "number",
    "--task-options digits.epochs=10": "--task-options digits.epochs=10: must be a power of 3",
    "--task-options other.epochs=9": "--task-options other.epochs=9: other is not among tasks",
    "--task-options digits.epochs=9 digits.epochs=3": "--task-options digits.epochs=3: "
    "digits.epochs is given twice",
    "--name a/b": "--name 'a/b': must be a plain file name",
    "--name ..": "--name '..': must be a plain file name",
    "--cpus-per-trial 0": "--cpus-per-trial 0: must be a number, above 0",
    "--cpus-per-trial nan": "--cpus-per-trial nan: must be a number, above 0",
    "--cpus-per-trial inf": "--cpus-per-trial inf: must be a number, above 0",
    "--gpus-per-trial -1": "--gpus-per-trial -1: must be a number, 0 or above",
    "--gpus-per-trial nan": "--gpus-per-trial nan: must be a number, 0 or above",
    "--actors 1.5": "--actors 1.5: must be a whole number",
    "--jobs nan": "--jobs nan: must be a whole number",
    "--actors -1": "--actors -1: must be 0 or more",
    "--data-parallel 2 --actors 0": "--actors 0: trials on GPUs, or over several processes, are "
    "trained by actors; must be at least 1",
    "--dry-run --workers 2 --actors 3": "--actors 3: a cell trains at most --workers 2 trials at a "
    "time",
    "--workers 2 --actors 3": "--actors 3: a cell trains at most --workers 2 trials at a time",
    "--engine tune --workers 2 --actors 2": "--actors 2: engine tune has one a worker; allowed "
    "with --engine virtual",
    "--tasks fcnet-protein --methods bohb": "--methods bohb: fcnet-protein has a single fidelity, ",
}
"""Words -> what is said of them."""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", ""], "--out '': empty; give a value, or leave it out"),
        (["--out="], "--out '': empty; give a value, or leave it out"),
        (["--list", "--name", ""], "--name '': empty; give a value, or leave it out"),
        ([""], "'': empty; give a value, or leave it out"),
        (
            ["--out", "a/" + 256 * "n" + "/b"],
            f"--out a/{256 * 'n'}/b: a name has 256 bytes; at most 255",
        ),
        (["--out", 2049 * "n/"], f"--out {2048 * 'n/'}n: it has 4097 bytes; at most 4095"),
        (
            ["--name", "a\n\x1b[1m"],
            r"--name 'a\n\x1b[1m': must be a plain file name of at most 100 ",
        ),
    ],
)
def test_words_that_can_name_nothing(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.run(compare, words) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("reproduce", ""),
        ("pack", "target"),
        ("paper", "digits --paper"),
        ("bench", "frames --out"),
        ("figures", "--study"),
    ],
)
def test_a_path_that_is_too_long_for_any_command(
    command: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = 300 * "n"
    main = script(command)
    assert command_line.run(main, [*words.split(), name]) == 2
    assert capsys.readouterr().err.count(f"{name}: a name has 300 bytes; at most 255") == 1


@pytest.mark.parametrize("words", BAD)
def test_bad_words_for_compare(words: str, refused: Refused, tmp_path: Path) -> None:
    said = refused(compare, *words.split(), "--out", tmp_path / "out")
    assert said.startswith(BAD[words])


def test_what_was_given_is_said_whole_on_a_narrow_terminal(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert f"'{60 * 'x'}'" in refused(compare, "--budget", 60 * "x")


@pytest.mark.parametrize("words", ["--methods bhob", "--budget nan", "--bugdet 2", "--name a/b"])
def test_debug_shows_where(words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        command_line.run(compare, [*words.split(), "--debug", "--out", str(tmp_path / "out")])
    assert not any(tmp_path.iterdir())


def test_engine_virtual_is_allowed_with_several_workers(shown: Refused) -> None:
    table = shown("--dry-run", "--engine", "virtual", "--workers", "16", "--methods", "bohb")
    assert "1350 epochs" in table


@pytest.mark.parametrize("below", ["", "below", "far/below"])
def test_an_output_folder_that_is_a_file_or_below_one(
    below: str, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    out = tmp_path / "file" / below
    assert refused(compare, "--out", out).startswith(f"--out {out}: cannot be ")


def test_a_method_that_does_not_fit_the_ladder(refused: Refused, tmp_path: Path) -> None:
    words = ["--task-options", "digits.epochs=243", "--methods", "random", "asha"]
    said = refused(compare, *words, "--budget", "1", "--out", tmp_path / "out")
    assert said.startswith("IncrementalASHA: its rungs stand at (1, 3, 9, 27, 81), but ")


# Where nobody answers


@pytest.fixture
def port() -> Iterator[int]:
    """A local port on which somebody listens and never says a word."""
    with socket.create_server(("localhost", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """A local port on which nobody listens."""
    with socket.create_server(("localhost", 0)) as server:
        number: int = server.getsockname()[1]
    return number


@pytest.mark.usefixtures("disconnected")
def test_an_address_where_nobody_listens(
    closed_port: int, refused: Refused, tmp_path: Path
) -> None:
    address = f"localhost:{closed_port}"
    said = refused(compare, "--address", address, "--out", tmp_path / "out")
    assert said.startswith(f"--address {address}: nobody answers (Connection refused); give ")


@pytest.mark.usefixtures("disconnected")
def test_an_address_that_listens_and_never_answers(
    port: int, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bohb_study.running.pools.connection.CONNECT_SECONDS", 3.0)
    began = time.monotonic()
    said = refused(compare, "--address", f"localhost:{port}", "--out", tmp_path / "out")
    assert said == f"--address localhost:{port}: no Ray cluster answered within 3 s"
    assert time.monotonic() - began < 30


@pytest.mark.usefixtures("disconnected")
@pytest.mark.parametrize("address", ["nonsense", "localhost", "localhost:0", "host:99999", ":1"])
def test_what_is_no_address(address: str, refused: Refused, tmp_path: Path) -> None:
    said = refused(compare, "--address", address, "--out", tmp_path / "out")
    assert said == f"--address {address}: must be host:port or auto"


@pytest.mark.usefixtures("disconnected")
def test_ray_client_is_refused(refused: Refused, tmp_path: Path) -> None:
    """Its process is no node of the cluster: it would neither share files nor be compared."""
    said = refused(compare, "--address", "ray://head:10001", "--out", tmp_path / "out")
    assert said == (
        "--address ray://head:10001: Ray Client is not supported; run the command on a node of the "
        "cluster, with host:port or auto"
    )


# Looking without running


@pytest.fixture
def shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs compare.py, which must write no file; returns what it prints, on one line."""

    def run(*words: str) -> str:
        assert command_line.run(compare, [*words, "--out", str(tmp_path / "out")]) == 0
        out, said = capsys.readouterr()
        assert said == ""
        assert not any(tmp_path.iterdir())
        return out

    return run


def test_list_names_tasks_with_their_options_and_methods(shown: Refused) -> None:
    cells = [cell.strip() for line in shown("--list").splitlines() for cell in line.split("│")]
    assert {"digits", "27 epochs", "digits.epochs=27", *METHODS} <= set(cells)


def test_dry_run_prints_cells_units_and_planned_rungs(shown: Refused) -> None:
    table = shown("--dry-run", "--methods", *METHODS, "--budget", "50", "--seeds", "4")
    rows = {
        cells[2]: cells[3:-1]
        for line in table.splitlines()
        if len(cells := [cell.strip() for cell in line.split("│")]) > 6
    }
    full = ["4", "1350 epochs", "50 trials of 27 epochs"]
    band = "27/9/3/1 at 1/3/9/27  12/4/2 at 3/9/27  6/2 at 9/27  4 at 27"
    rungs = ["4", "1350 epochs", "rungs at 1, 3, 9, 27 epochs, no fixed sizes"]
    halving = ["4", "1350 epochs", band]
    hpbandsters = "27/9/3/1 at 1/3/9/27  9/3/1 at 3/9/27  6/2 at 9/27  4 at 27"
    own_sizes = ["4", "1350 epochs", hpbandsters]
    assert rows == {
        "grid": full,
        "random": full,
        "random-2x": ["4", "2700 epochs", "100 trials of 27 epochs"],
        **dict.fromkeys(("median", "asha", "asha-promotion", "asha-bohb"), rungs),
        "hyperband": halving,
        "bohb": halving,
        "bohb-stock": halving,
        "tpe": full,
        "tpe-univariate": full,
        "gp": full,
        "hpbandster-hyperband": own_sizes,
        "hpbandster-bohb": own_sizes,
    }


def test_dry_run_prints_the_rungs_by_both_rules(shown: Refused) -> None:
    table = shown("--dry-run", "--tasks", "digits", "fcnet-protein", "--methods", "random")
    bands = [
        cells[1:-1]
        for line in table.splitlines()
        if len(cells := [cell.strip() for cell in line.split("│")]) == 6
    ]
    assert bands == [
        ["digits", "1/3/9/27", "27/9/3/1", "27/9/3/1"],
        ["digits", "3/9/27", "12/4/2", "9/3/1"],
        ["digits", "9/27", "6/2", "6/2"],
        ["digits", "27", "4", "4"],
        ["fcnet-protein", "1", "1", "1"],
    ]


@pytest.mark.parametrize("look", ["--list", "--dry-run"])
def test_bad_words_are_refused_when_only_looking(
    look: str, refused: Refused, tmp_path: Path
) -> None:
    assert refused(compare, look, "--budget", "nan", "--out", tmp_path / "out").startswith("--budg")


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command_line.run(compare, ["--help"])
    assert end.value.code == 0
    assert "--budget" in capsys.readouterr().out


# reproduce.py and paper_figures


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A finished study of two cells, run by the code that is here."""
    return store(tmp_path / "study")


def store(folder: Path, **config: Any) -> Path:
    config = StudyConfig(methods=("random",), budget=1, seeds=2, **config)
    values = {"int": 1, "float": 0.5, "str": "x", "bool": True}
    row = {c.name: c.values[0] if c.values else values[c.kind] for c in COLUMNS}
    folder.mkdir()
    write_study(folder, "compare", config, config.resolve().tasks)
    for cell in config.cells():
        cell_row = {**row, "task": cell.task, "method": cell.method, "seed": cell.seed, "seq": 0}
        code = cell_hash(cell.task, cell.method, "tune")
        record = {"code": code, "versions": versions(), "git": {"commit": "c0ffee"}}
        record["study"] = config.id
        record |= {"numerics": expected("portable", torch=True)}
        write_cell(folder, cell, build_frame([cell_row], {}), record)
    write_code(folder, code_parts())
    return folder


def change(path: Path, **values: Any) -> None:
    path.write_bytes(sealed_json({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("main", [reproduce, figures], ids=["reproduce", "paper_figures"])
@pytest.mark.parametrize("path", ["nowhere", ".", "file"])
def test_a_path_that_is_no_study(main: Main, path: str, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    flag = ["--study"] if main is figures else []
    said = refused(main, *flag, tmp_path / path)
    assert said == f"{tmp_path / path}: no study here; give the folder that holds study.json"


@pytest.mark.parametrize("main", [reproduce, figures], ids=["reproduce", "paper_figures"])
@pytest.mark.parametrize("damaged", ["study.json", "0.parquet", "1.json"])
def test_a_damaged_study_is_exit_1(main: Main, damaged: str, study: Path, refused: Refused) -> None:
    """What was asked is right; a file is not."""
    (path,) = study.rglob(damaged)
    path.write_bytes(path.read_bytes()[:-30])
    flag = ["--study"] if main is figures else []
    assert str(path) in refused(main, *flag, study, code=1)


REPRODUCE_BAD: dict[str, str] = {
    "--sample 0": "--sample 0: must be between 1 and 2 (the cells)",
    "--sample 3": "--sample 3: must be between 1 and 2 (the cells)",
    "--sample x": "--sample x: must be a whole number",
    "--sample 1 --sample 1": "--sample: given more than once",
    "--jobs 0": "--jobs 0: must be at least 1",
    "--smaple 1": "Unrecognized options: --smaple, 1; did you mean --sample",
    "another": "Unrecognized options: another",
}


@pytest.mark.parametrize("words", REPRODUCE_BAD)
def test_bad_words_for_reproduce(words: str, study: Path, refused: Refused) -> None:
    assert refused(reproduce, study, *words.split()).startswith(REPRODUCE_BAD[words])


def test_reproduce_names_what_it_needs(refused: Refused) -> None:
    assert "Folder of the stored study" in refused(reproduce)


def test_a_study_at_two_workers_cannot_be_reproduced(refused: Refused, tmp_path: Path) -> None:
    """By engine tune, which is what ran a cell that does not say."""
    said = refused(reproduce, store(tmp_path / "two", workers=2))
    run = "digits/random/0 was run with 2 workers by engine tune, so its rows depend on the order "
    assert said.startswith(f"{tmp_path / 'two'}: {run}")


def test_a_study_of_other_code_cannot_be_reproduced(study: Path, refused: Refused) -> None:
    """The source file and the package that differ are named; a study of long ago has no parts."""
    (record,) = study.rglob("1.json")
    other = {**versions(), "ray": "2.0.0"}
    change(record, code="0" * 64, versions=other)
    changed = {"methods/random.py": "0" * 64, "methods/grid.py": "0" * 64}
    parts = {**code_parts(), **changed, "ray": "2.0.0"}
    write_code(study, parts)
    said = refused(reproduce, study)
    ray, anyway = f"ray: 2.0.0 -> {versions()['ray']}", "; --anyway compares all the same"
    assert said == f"{study}: code: methods/random.py: changed; {ray}{anyway}"
    (study / "code.json").unlink()
    assert refused(reproduce, study) == f"{study}: code: {ray}{anyway}"
    change(record, versions=versions())
    why = "code: that of commit c0ffee is not the code here"
    assert refused(reproduce, study) == f"{study}: {why}{anyway}"


@pytest.mark.usefixtures("disconnected")
def test_reproduce_at_an_address_where_nobody_listens(
    closed_port: int, study: Path, refused: Refused
) -> None:
    said = refused(reproduce, study, "--address", f"localhost:{closed_port}")
    assert said.startswith(f"--address localhost:{closed_port}: nobody answers ")


def test_debug_shows_where_in_the_others_too(study: Path) -> None:
    with pytest.raises(UsageError):
        command_line.run(reproduce, [str(study), "--sample", "0", "--debug"])
    with pytest.raises(UsageError):
        command_line.run(figures, ["--study", "nowhere", "--debug"])


FIGURES_BAD: dict[str, str] = {
    "--study": "Missing value for argument '--study'",
    "--html --out x": "--html: needs --study",
    "--check --out x": "--check: compares the paper's figures as they are",
    "--venue nature": "--venue nature: no such page; allowed: neurips",
    "--study x --study y": "--study: given more than once",
    "--studdy x": "Unrecognized options: --studdy, x; did you mean --study",
    "x": "Unrecognized options: x",
}


@pytest.mark.parametrize("words", FIGURES_BAD)
def test_bad_words_for_paper_figures(words: str, refused: Refused) -> None:
    assert refused(figures, *words.split()).startswith(FIGURES_BAD[words])


@pytest.mark.parametrize("below", ["", "below"])
def test_figures_cannot_go_to_a_file_or_below_one(
    below: str, study: Path, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    out = tmp_path / "file" / below
    said = refused(figures, "--study", study, "--out", out, "--figures", "anytime")
    assert said.startswith(f"--out: cannot write {out}")


# What the scripts share

BOX = """\
╭─ Unrecognized options ───────────────────╮
│ Unrecognized options: --bugdet, 2        │
│ ──────────────────────────────────────── │
│ Perhaps you meant:                       │
│     --budget FLOAT                       │
│         Full evaluations of each cell.   │
│ ──────────────────────────────────────── │
│ For full helptext, run compare.py --help │
╰──────────────────────────────────────────╯
"""
PLAIN = """\
 Value error
 --------------------------------------------------------------
  Error parsing --budget: could not convert string to float: 'x'
  --------------------------------------------------------------
  Argument helptext:
      --budget FLOAT
      Full evaluations of each cell.
  --------------------------------------------------------------
  For full helptext, see compare.py --help

"""


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (BOX, "Unrecognized options: --bugdet, 2; did you mean --budget FLOAT?"),
        (PLAIN, "--budget: could not convert string to float: 'x' (usage: --budget FLOAT)"),
        ("", "the arguments cannot be read; see --help"),
    ],
    ids=["UTF-8", "any other encoding", "nothing"],
)
def test_a_box_becomes_one_line(box: str, said: str) -> None:
    assert command_line.one_line(box) == said


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("--x 1: no"), 2, "error: --x 1: no\n"),
        (StudyError("a/b/0: missing"), 1, "error: a/b/0: missing\n"),
        (ZeroDivisionError("by\n  zero"), 1, "error: ZeroDivisionError: by zero (--debug shows "),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (KeyboardInterrupt("go on with: x"), 130, "interrupted: go on with: x\n"),
    ],
    ids=["usage", "study", "unexpected", "interrupted", "interrupted with advice"],
)
def test_what_is_raised_becomes_one_line_and_an_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(words: Sequence[str]) -> int:
        raise error

    assert command_line.run(main, []) == code
    printed = capsys.readouterr().err
    assert printed.startswith(said)
    assert printed.count("\n") == 1
    with pytest.raises(type(error)):
        command_line.run(main, ["--debug"])


def test_a_message_is_one_line_whatever_stands_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    def main(words: Sequence[str]) -> int:
        raise UsageError("--out a\nb\x1b[31m\udcff größe: no")

    assert command_line.run(main, []) == 2
    assert capsys.readouterr().err == "error: --out a\\nb\\x1b[31m\\udcff größe: no\n"


def test_a_file_that_cannot_be_used_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def main(words: Sequence[str]) -> int:
        raise OSError(28, "No space left on device", "results/x.png")

    assert command_line.run(main, []) == 1
    assert capsys.readouterr().err == "error: results/x.png: No space left on device\n"


def test_words_come_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["script", "one", "two"])
    got: list[str] = []
    assert command_line.run(lambda words: got.extend(words) or 7) == 7
    assert got == ["one", "two"]


def test_what_a_task_file_warns_of_is_heard_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors of the command line are caught and made one line; warnings must not go with them."""
    file = tmp_path / "own.py"
    file.write_text(
        "from ConfigSpace import Float\n"
        "from bohb_study import FunctionTask\n"
        "def train(config, seed):\n"
        "    yield 1.0\n"
        "task = FunctionTask(train, [Float('x', (0, 1))], 9, failure_loss=1e15)\n"
    )
    # as in a process of its own: pytest collects warnings before they are shown
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, *_, **__: print(message, file=sys.stderr)
        words = ["--tasks", f"{file}:task", "--methods", "random", "--dry-run"]
        assert command_line.run(compare, words) == 0
    said = capsys.readouterr().err
    assert said.splitlines() == [
        "FunctionTask train: failure_loss= is no longer needed: a training that fails is ranked "
        "last whatever the losses are"
    ]


def test_what_the_package_warns_of_is_one_line_without_a_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main(words: Sequence[str]) -> int:
        StudyConfig(methods=("bohb-ends-told",))
        return 0

    assert command_line.run(main, []) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "warning: method bohb-ends-told is now bohb-no-halving-fix; the former name will be "
        "removed in the next release"
    )
