"""The file of characters: what is put in comes out; and its tables."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from bohb_study.analysis.diagnostics.fanova import VarianceShares
from bohb_study.analysis.diagnostics.rung_correlation import WithTop
from bohb_study.analysis.diagnostics.task_character import Costs, TaskCharacter
from bohb_study.errors import StudyError
from bohb_study.summaries.characters_json import (
    Characterised,
    characterised,
    merged,
    read_characters,
)
from bohb_study.summaries.characters_table import character_table, cost_table
from bohb_study.tasks import make_task

SHARES = VarianceShares((0.7, 0.1, 0.05), (0, 1), 0.82, (0, 1, 2), 0.44)
TRAINED = TaskCharacter(
    "digits",
    0,
    50,
    (1, 3),
    ("lr", "l1", "l2"),
    (WithTop(1, 0.5, 0.4, 0.3, 0.7),),
    SHARES,
    0.06,
    0.21,
    (10, 3),
    Costs((0.1, 1.0), 0.3, 0.25, (1.2, 0.9, 1.6)),
)
TABLE = TaskCharacter(
    "fcnet-naval", 0, 200, (1,), ("a",), (), None, 0.0, None, (10, 3),
    Costs((1.0,), 12.5, None, None),
)  # fmt: skip


def entry(character: TaskCharacter, **run: str) -> Characterised:
    task = make_task(character.task)
    return characterised(character, task, retrained=not task.computed, run=run)


def test_what_is_put_in_comes_out(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "characters.json"
    constant = replace(TRAINED, rungs=(WithTop(1, *[math.nan] * 4),))
    merged(file, [entry(TABLE, date="1"), entry(constant, date="1")])
    found = read_characters(file)
    assert list(found) == ["digits", "fcnet-naval"]
    assert found["fcnet-naval"] == entry(TABLE, date="1")
    assert math.isnan(found["digits"].character.rungs[0].spearman)
    other = entry(TRAINED, date="2")
    assert merged(file, [other]) == read_characters(file)
    assert read_characters(file) == {"digits": other, "fcnet-naval": entry(TABLE, date="1")}
    assert [run["date"] for run in json.loads(file.read_text())["runs"]] == ["2", "1"]
    merged(file, [entry(TABLE, date="2")])  # nobody's run is left behind
    assert len(json.loads(file.read_text())["runs"]) == 1


def test_options_are_said_and_paths_are_not() -> None:
    task = make_task("digits", {"epochs": "9"})
    assert characterised(TRAINED, task, retrained=True, run={}).options == {"epochs": 9}
    assert entry(TRAINED).options == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"runs": [], "tasks": {"a": {}}}', "{}"])
def test_a_damaged_file_is_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "characters.json"
    file.write_text(text)
    with pytest.raises(StudyError, match=r"characters.json: damaged .*compute it again"):
        read_characters(file)
    with pytest.raises(StudyError, match="cannot be read"):
        read_characters(tmp_path / "none.json")


def test_tables_say_what_is_known_and_no_more() -> None:
    found = {one.task: entry(one) for one in (TRAINED, TABLE)}
    costs, character = cost_table(found), character_table(found)
    assert costs.texts() == [
        ("digits", "digits", "3", "1, 3 epochs", "0.1", "0.25", "0.3", "1.20 [0.90, 1.60]"),
        ("fcnet-naval", "fcnet", "1", "1 evaluation", "-", "-", "12.5", "-"),
    ]
    one = "0.50 [0.30, 0.70]"
    assert character.texts() == [
        ("digits", "50", one, one, "70 % (lr)", "82 %", "3 of 3", "0.44*", "6 %", "0.21"),
        ("fcnet-naval", "200", *["-"] * 6, "0 %", "-"),
    ]
    assert character.notes[0].startswith("* The forest predicts less than half")
    good = replace(TRAINED, shares=replace(SHARES, fit=0.9))
    assert character_table({"digits": entry(good)}).notes == ()
