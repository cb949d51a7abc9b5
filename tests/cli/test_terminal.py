"""What a person reads at the end: the table, and whether brackets ran as planned."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bohb_study.analysis.diagnostics.brackets import BracketCheck
from bohb_study.budget import Account
from bohb_study.cli import listings
from bohb_study.cli.plan_tables import list_tables
from bohb_study.methods import METHODS
from bohb_study.running.reproduction import Comparison, Difference
from bohb_study.schema import SCHEMA_VERSION, build_frame
from bohb_study.store import CellRecord, LoadedStudy, StoredStudy, StoredTask
from bohb_study.store.stored_study import StoredConfig
from bohb_study.study import Cell, StudyConfig
from bohb_study.summaries.study_table import rungs_word
from bohb_study.tasks import TASKS

Judged = tuple[int, int, int]
"""Bracket, level, trials judged there."""
MakeStudy = Callable[..., LoadedStudy]

PLANNED: tuple[Judged, ...] = ((0, 1, 3), (0, 3, 1), (1, 3, 2))
"""One band on three epochs."""
TOO_MANY: tuple[Judged, ...] = ((0, 1, 3), (0, 3, 2), (1, 3, 2))


@pytest.fixture
def study() -> MakeStudy:
    """One cell a method, whose brackets judged as given."""

    def made(**judged: Sequence[Judged]) -> LoadedStudy:
        methods = tuple(name.replace("_", "-") for name in judged)
        config = StudyConfig(methods=methods, budget=3, seeds=1, task_options=("digits.epochs=3",))
        frames = [
            row for name, j in zip(methods, judged.values(), strict=True) for row in rows(name, j)
        ]
        records = {
            ("digits", name, 0): CellRecord(
                Cell("digits", name, 0),
                SCHEMA_VERSION,
                rows=len(judged),
                sha256="",
                rows_hash="",
                hyperparameters={"lr": "float"},
                extra=(),
                ledger=Account(9, 8, 8, 1, None, "space"),
                seconds={"engine": 12.4},
            )
            for name in methods
        }
        described = StoredStudy(
            name="compare",
            id=config.id,
            config=StoredConfig(3, 1, json=config.to_json()),
            tasks={
                "digits": StoredTask(
                    "epoch", 3, "loss", "error", None, (1, 3), eta=3, curve=True, resumable=True
                )
            },
            methods=methods,
            seeds=1,
            asked={"digits": dict.fromkeys(methods, 1)},
        )
        frame = build_frame(frames, {"lr": "float"})
        return LoadedStudy(Path("compare-1"), described, frame, records, [])

    return made


def rows(method: str, judged: Sequence[Judged]) -> list[dict[str, object]]:
    reports = [(bracket, level, t) for bracket, level, n in judged for t in range(n)]
    return [
        {
            "task": "digits",
            "method": method,
            "seed": 0,
            "seq": seq,
            "trial": 10 * bracket + trial,
            "config_id": f"{bracket}{trial}",
            "level": level,
            "units": 1,
            "units_restart": 1,
            "units_total": seq + 1,
            "full_evals": (seq + 1) / 3,
            "bracket": bracket,
            "rung": [1, 3].index(level),
            "decision": "end",
            "val_loss": 0.5 + seq / 100,
            "test_loss": 0.25,
            "status": "ok",
            "train_seconds": 2.0,
            "search_seconds": 0.5,
        }
        for seq, (bracket, level, trial) in enumerate(reports)
    ]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[object], str]:
    """What a table looks like in a log."""

    def show(table: object) -> str:
        listings.console().print(table)
        return capsys.readouterr().out

    return show


def test_the_summary_says_what_its_numbers_are(
    study: MakeStudy, printed: Callable[[object], str]
) -> None:
    table = printed(listings.summary_table(study(hyperband=PLANNED, bohb_stock=TOO_MANY)))
    title, *lines = (line.rstrip() for line in table.splitlines())
    assert title == "compare-1: the best report at full fidelity of each cell"
    assert "mean over 1 seed [range, not an interval]" in lines  # not swallowed as rich's markup
    assert lines[-1].endswith("charged in epochs")
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
    spreads = ["0.5300 [0.530, 0.530]", "0.2500 [0.250, 0.250]"]  # 0.5 was at one epoch
    (hyperband,) = (row for row in rows if row[0] == "hyperband")
    assert hyperband[2:] == ["8", "1", *spreads, "yes, 2", "12.0", "3.0", "12.4"]
    (stock,) = (row for row in rows if row[0] == "bohb-stock")
    assert "no: below" in stock


def test_a_score_has_a_column_of_its_own_name_and_sign(
    study: MakeStudy, printed: Callable[[object], str]
) -> None:
    made = study(hyperband=PLANNED)
    task = replace(made.study.tasks["digits"], val_metric="-accuracy", test_metric="error")
    stored = replace(made.study, tasks={"digits": task})
    frame = made.frame.assign(val_loss=-made.frame["val_loss"])
    table = printed(listings.summary_table(replace(made, frame=frame, study=stored)))
    assert "digits: accuracy (higher is better) and error, charged in epochs" in table
    assert re.search(r"accuracy +test loss", table)
    assert "0.5500 [0.550, 0.550]" in table  # the highest at full fidelity
    assert "-0.5" not in table


@pytest.fixture
def in_terminal() -> Callable[[object, int], str]:
    """What a table looks like in a terminal of some width."""

    def show(table: object, width: int) -> str:
        drawn = io.StringIO()
        Console(width=width, file=drawn, markup=False).print(table)
        return drawn.getvalue()

    return show


@pytest.mark.parametrize("width", [80, 120, 160])
def test_names_of_tasks_and_methods_are_listed_whole(
    width: int, in_terminal: Callable[[object, int], str]
) -> None:
    listed = "".join(in_terminal(table, width) for table in list_tables())
    assert max(map(len, listed.splitlines())) <= width
    assert {*TASKS, *METHODS} <= set(re.split(r"[\s,]+", listed))
    assert "\N{HORIZONTAL ELLIPSIS}" not in listed


@pytest.mark.parametrize(("width", "parts"), [(50, 4), (80, 3), (160, 1)])
def test_a_table_that_is_broader_than_the_terminal_is_drawn_in_parts(
    width: int, parts: int, study: MakeStudy, in_terminal: Callable[[object, int], str]
) -> None:
    table = listings.summary_table(study(hyperband=PLANNED, bohb_stock=TOO_MANY))
    shown = in_terminal(table, width)
    assert max(map(len, shown.splitlines())) <= width
    rows = [
        [
            re.split(r"\s{2,}", line.strip())[1:]
            for line in shown.splitlines()
            if line.startswith(f" {name} ")
        ]
        for name in ("hyperband", "bohb-stock")
    ]
    assert [len(row) for row in rows] == [parts, parts]
    cells = [[cell.text for cell in row[1:]] for row in table.rows]
    assert [[text for part in row for text in part] for row in rows] == cells
    assert " ".join(shown.split()).count("the best report at full fidelity") == 1


def test_where_no_training_succeeded_there_is_none(
    study: MakeStudy, printed: Callable[[object], str]
) -> None:
    made = study(hyperband=PLANNED, bohb_stock=TOO_MANY)
    nothing = {"status": "failed", "val_loss": float("nan"), "test_loss": float("nan")}
    failed = replace(made, frame=made.frame.assign(**nothing))
    assert printed(listings.summary_table(failed)).count("none in 1 of 1 seed") == 4


def test_a_model_that_suggested_nothing_is_named(study: MakeStudy) -> None:
    made = study(hyperband=PLANNED, bohb_stock=PLANNED)
    assert listings.silent_lines(made) == [
        "digits: bohb-stock made no suggestion from its model in 1 of 1 cell: a model needs 4 "
        "observations at one fidelity, there were 3"
    ]
    by_model = made.frame.assign(model_based=made.frame["method"] == "bohb-stock")
    assert listings.silent_lines(replace(made, frame=by_model)) == []


def test_whether_rungs_were_as_planned_in_a_word_or_two() -> None:
    def check(bracket: int, judged: int, complete: bool = True) -> BracketCheck:
        return BracketCheck("t", "m", 4, bracket, ((9, 3),), ((9, judged),), complete)

    assert rungs_word(None) == "n/a"
    assert rungs_word([check(0, 3), check(1, 2, complete=False)]) == "yes, 1"
    assert rungs_word([check(0, 2, complete=False)]) == "none complete"
    assert rungs_word([]) == "none complete"
    assert rungs_word([check(0, 3), check(1, 2), check(2, 4)]) == "no: below"


def test_the_first_difference_is_shown_as_it_is(printed: Callable[[object], str]) -> None:
    differs = Difference(7, "hp.kind", "[red]", "[/]")
    table = printed(
        listings.comparison_table(
            [
                Comparison(Cell("digits", "grid", 0), 40, None),
                Comparison(Cell("digits", "bohb", 1), 50, differs),
            ]
        )
    )
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines()]
    assert ["digits/grid/0", "40", "yes", ""] in rows
    assert ["digits/bohb/1", "50", "no", "row 7, hp.kind: '[red]' -> '[/]'"] in rows
