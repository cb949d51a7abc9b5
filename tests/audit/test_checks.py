"""The checks on rows made by hand, where a whole study would not show the case."""

from typing import Any

import pandas as pd
import pytest

from bohb_study.audit.checks.accounting import check_ledger
from bohb_study.audit.checks.value_ranges import check_range
from bohb_study.audit.evidence import Evidence, MethodFacts, TaskFacts, evidence
from bohb_study.budget import Account
from bohb_study.store import CellRecord
from bohb_study.study import Cell

LR = {"kind": "float", "lower": 0.1, "upper": 1.0, "conditional": False}
UNITS = {"kind": "int", "lower": 1, "upper": 9, "conditional": True}
KIND = {"kind": "categorical", "choices": [32, 64, True, "sgd"], "conditional": False}


def study(
    space: Any = None, resumable: bool = True, curve: bool = True, **columns: Any
) -> Evidence:
    """One cell of two trials that climb to levels 1 and 3, and whatever columns are given."""
    rows = pd.DataFrame(
        {
            "task": "toy",
            "method": "random",
            "seed": 0,
            "seq": range(4),
            "trial": [0, 1, 0, 1],
            "level": [1, 1, 3, 3],
            "units": [1, 1, 2, 2] if resumable else [1, 1, 3, 3],
            **columns,
        }
    )
    rows["units_total"] = rows["units"].cumsum()
    charged = int(rows["units"].sum())
    ledger = Account(9, charged, charged, 9 - charged, 9, "budget")
    record = CellRecord(Cell("toy", "random", 0), 2, len(rows), "", "", {}, (), ledger=ledger)
    return evidence(
        rows,
        records={("toy", "random", 0): record},
        asked=[("toy", "random", 0)],
        tasks={"toy": TaskFacts((1, 3, 9), curve, resumable, space)},
        methods={"random": MethodFacts()},
        budget=1,
        workers=1,
    )


def found(space: Any, **columns: Any) -> list[str]:
    return [finding.what for finding in check_range(study(space, **columns)).findings]


def test_bounds_are_in_the_space() -> None:
    assert found({"lr": LR}, **{"hp.lr": [0.1, 1.0, 0.1, 1.0]}) == []
    below = found({"lr": LR}, **{"hp.lr": [0.1, 1.0, 0.09999, 1.1]})
    assert below == ["seed 0, trial 0: lr is 0.09999; and 1 more"]


def test_na_is_for_what_stands_under_a_condition() -> None:
    some = pd.array([1, None, 9, None], dtype="Int64")
    assert found({"n": UNITS}, **{"hp.n": some}) == []
    always = {**UNITS, "conditional": False}
    assert found({"n": always}, **{"hp.n": some}) == ["seed 0, trial 1: n has no value; and 1 more"]
    assert found({"n": UNITS}) == []  # no column: never active
    assert found({"n": always}) == ["seed 0, trial 0: n has no value; and 3 more"]


@pytest.mark.parametrize("values", [[1, 9, 2, 3], [1.0, 9.0, 2.0, 3.0], ["1", "9", "2", "3"]])
def test_a_column_may_have_been_widened_by_another_task(values: list[Any]) -> None:
    assert found({"n": UNITS}, **{"hp.n": values}) == []
    wrong = [type(values[0])(10), *values[1:]]
    assert found({"n": UNITS}, **{"hp.n": wrong}) == [f"seed 0, trial 0: n is {wrong[0]}"]


def test_an_integer_has_no_fraction() -> None:
    assert found({"n": UNITS}, **{"hp.n": [1.0, 1.5, 2.0, 3.0]}) == ["seed 0, trial 1: n is 1.5"]


def test_a_choice_is_one_of_those_that_there_are() -> None:
    fine = ["32", "64.0", "True", "sgd"]
    assert found({"kind": KIND}, **{"hp.kind": fine}) == []
    assert found({"kind": KIND}, **{"hp.kind": [32, 64, 32, 64]}) == []
    adam = ["32", "adam", "sgd", "adam"]
    assert found({"kind": KIND}, **{"hp.kind": adam}) == [
        "seed 0, trial 1: kind is adam; and 1 more"
    ]


def test_a_hyperparameter_that_the_space_does_not_have() -> None:
    (line,) = found({"lr": LR}, **{"hp.lr": [0.5] * 4, "hp.momentum": [None, 0.9, None, None]})
    assert line == "seed 0, trial 1: momentum is 0.9"
    # the column of another task
    assert found({"lr": LR}, **{"hp.lr": [0.5] * 4, "hp.momentum": [None] * 4}) == []


@pytest.mark.parametrize("resumable", [True, False])
def test_a_step_costs_what_the_ladder_says(resumable: bool) -> None:
    """Trials take turns: the level before is the trial's own, not that of the row before."""
    assert check_ledger(study(resumable=resumable)).findings == []
    (wrong,) = check_ledger(study(resumable=resumable, units=[1, 1, 2, 3])).findings
    row, units, step = (3, 3, 2) if resumable else (2, 2, 3)
    assert wrong.what == f"row {row}: {units} units for level 1 to 3, which costs {step}"


def test_levels_between_rungs_are_for_curves() -> None:
    between: Any = {"level": [2, 2, 3, 3], "units": [2, 2, 1, 1]}
    assert check_ledger(study(**between)).findings == []
    (wrong,) = check_ledger(study(curve=False, **between)).findings
    assert wrong.what == "row 0: level 2 is not on the ladder; and 1 more"
