"""The checks on rows made by hand, where a whole study would not show the case."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from bohb_study.audit.checks.accounting import check_ledger
from bohb_study.audit.checks.completeness import check_complete
from bohb_study.audit.checks.equal_spend import check_spend
from bohb_study.audit.checks.model_use import check_model
from bohb_study.audit.checks.promoted_trials import check_promotions
from bohb_study.audit.checks.report_order import check_order
from bohb_study.audit.checks.told_losses import check_told
from bohb_study.audit.checks.value_ranges import check_range
from bohb_study.audit.evidence import Evidence, MethodFacts, TaskFacts, evidence
from bohb_study.budget import Account
from bohb_study.methods.base import Halving
from bohb_study.schema import CellKey
from bohb_study.store import CellRecord
from bohb_study.study import Cell

LR = {"kind": "float", "lower": 0.1, "upper": 1.0, "conditional": False}
UNITS = {"kind": "int", "lower": 1, "upper": 9, "conditional": True}
CONSTANT = {"kind": "categorical", "choices": ["sgd"], "conditional": False}
KIND = {"kind": "categorical", "choices": [32, 64, True, "sgd"], "conditional": False}


TOY: CellKey = ("toy", "random", 0)


def study(
    space: Any = None,
    resumable: bool = True,
    curve: bool = True,
    key: CellKey = TOY,
    costs: tuple[int, ...] = (1, 3, 9),
    **columns: Any,
) -> Evidence:
    """One cell of two trials that climb to levels 1 and 3, and whatever columns are given."""
    task, method, seed = key
    rows = pd.DataFrame(
        {
            "task": task,
            "method": method,
            "seed": seed,
            "seq": range(4),
            "trial": [0, 1, 0, 1],
            "level": [1, 1, 3, 3],
            "units": [1, 1, 2, 2] if resumable else [1, 1, 3, 3],
            **columns,
        }
    )
    rows["units_total"] = rows["units"].cumsum()
    charged = int(rows["units"].sum())
    top = costs[-1]
    ledger = Account(top, charged, charged, top - charged, top, "budget")
    record = CellRecord(Cell(*key), 2, len(rows), "", "", {}, (), ledger=ledger)
    return evidence(
        rows,
        records={key: record},
        asked=[key],
        tasks={task: TaskFacts(costs, curve, resumable, space)},
        methods={method: MethodFacts()},
        budget=1,
        workers=1,
    )


def together(*parts: Evidence) -> Evidence:
    """One study of the cells of several."""
    return evidence(
        pd.concat([part.frame for part in parts], ignore_index=True),
        records={key: record for part in parts for key, record in part.records.items()},
        asked=[key for part in parts for key in part.asked],
        tasks={name: task for part in parts for name, task in part.tasks.items()},
        methods={name: method for part in parts for name, method in part.methods.items()},
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


def test_a_cell_without_a_record_has_no_account() -> None:
    (wrong,) = check_ledger(replace(study(), records={})).findings
    assert str(wrong) == "ledger: toy/random/0: its account was not recorded"


def test_every_task_has_a_ladder_of_its_own() -> None:
    """A level is looked for on that of its task, and one task does not hide what another has."""
    steep: Any = {"level": [2, 2, 4, 4], "units": [2, 2, 2, 2]}
    other = study(curve=False, key=("b", "random", 0), costs=(2, 4, 16), **steep)
    assert check_ledger(together(study(curve=False, key=("a", "random", 0)), other)).findings == []
    off: Any = {"level": [2, 2, 3, 3], "units": [2, 2, 1, 1]}
    wrong = study(curve=False, key=("a", "random", 0), **off)
    found = [str(one) for one in check_ledger(together(wrong, other)).findings]
    assert found == ["ledger: a/random/0: row 0: level 2 is not on the ladder; and 1 more"]


# Completeness


def of_status(*status: str, key: CellKey = TOY, **columns: Any) -> Evidence:
    """One cell of trials that are trained at once, and how each ended."""
    n = len(status)
    trials: Any = {"seq": range(n), "trial": range(n), "level": [9] * n, "units": [9] * n}
    return study(key=key, **{**trials, "status": list(status), **columns})


def incomplete(evidence: Evidence) -> list[str]:
    return [str(finding) for finding in check_complete(evidence).findings]


def test_a_cell_is_done_where_there_are_rows_and_a_record() -> None:
    whole = of_status("ok")
    gone = "complete: toy/random/1: asked for, but not done"
    asked = [*whole.asked, ("toy", "random", 1)]
    assert incomplete(replace(whole, asked=asked)) == [gone]
    only_rows = together(whole, replace(of_status("ok", key=("toy", "random", 1)), records={}))
    assert incomplete(only_rows) == [gone]
    record = whole.records[TOY]
    only_record = {**whole.records, ("toy", "random", 1): record}
    assert incomplete(replace(whole, asked=asked, records=only_record)) == [gone]


@pytest.mark.parametrize(("seeds", "said"), [(1, "1 seed"), (2, "2 seeds")])
def test_seeds_are_counted_within_a_task(seeds: int, said: str) -> None:
    """What another task was asked for says nothing of this one."""
    asked = {("a", "asha"): 3, ("a", "random"): seeds, ("b", "asha"): 4, ("b", "random"): 4}
    cells = [of_status("ok", key=(*pair, i)) for pair, n in asked.items() for i in range(n)]
    assert incomplete(together(*cells)) == [
        f"complete: a/random: {said}, where others have 3 (known: no more were asked for)"
    ]


def test_the_end_of_a_training_is_its_last_row_in_its_cell() -> None:
    """Cells follow each other, and the next may begin with the trial that ended the one before."""
    failed = of_status("failed", key=("toy", "asha", 0))
    assert incomplete(together(failed, of_status("ok"))) == [
        "complete: toy/asha: none of its 1 trainings has a result"
    ]
    assert incomplete(together(of_status("ok", key=("toy", "asha", 0)), of_status("failed"))) == [
        "complete: toy/random: none of its 1 trainings has a result"
    ]
    # a result at a low level is none where the training fails later; two trials take turns
    climb: Any = {"trial": [0, 1, 0, 1], "level": [1, 1, 3, 3], "units": [1, 1, 2, 2]}
    assert incomplete(of_status("ok", "ok", "failed", "failed", **climb)) == [
        "complete: toy/random: none of its 2 trainings has a result"
    ]
    assert incomplete(of_status("ok", "ok", "failed", "ok", **climb)) == []


def test_the_first_reason_of_a_method_without_result_is_said() -> None:
    both = of_status("failed", "failed")
    record = replace(both.records[TOY], failures={"0": "ValueError: one", "1": "ValueError: two"})
    assert incomplete(replace(both, records={TOY: record})) == [
        "complete: toy/random: none of its 2 trainings has a result; the first: ValueError: one"
    ]


# The model


def modelled(
    suggestions: int, by_model: int = 0, key: CellKey = TOY, space: Any = None, needs: int = 3
) -> Evidence:
    """A cell of full evaluations; after the third a model that needs so many can suggest."""
    n = 3 + suggestions
    made = of_status(
        *["ok"] * n,
        key=key,
        rung=pd.array([pd.NA] * n, dtype="Int64"),
        model_based=pd.array([i >= n - by_model for i in range(n)], dtype="boolean"),
    )
    facts = MethodFacts(model_after=lambda dimensions: needs * dimensions)
    record = replace(made.records[key], hyperparameters={"lr": "float"})
    return replace(
        made,
        methods={key[1]: facts},
        records={key: record},
        tasks={key[0]: replace(made.tasks[key[0]], space=space)},
    )


def test_thirty_suggestions_show_that_there_is_no_model() -> None:
    """At 29 chance might have drawn them all, so it is not said."""
    assert check_model(modelled(29)).findings == []
    (wrong,) = check_model(modelled(30)).findings
    assert wrong.what == "none of 30 suggestions by the model once it could exist"
    assert check_model(modelled(30, by_model=1)).findings == []


def test_a_model_needs_observations_by_what_varies() -> None:
    """A constant is no dimension; without a record of the space all hyperparameters are."""
    wide = {"lr": LR, "units": UNITS, "optimizer": CONSTANT}
    assert check_model(modelled(3, by_model=1, space=wide)).findings != []
    assert check_model(modelled(4, by_model=1, space=wide)).findings == []
    assert check_model(modelled(1, by_model=1)).findings == []
    # of the task itself
    one, two = (modelled(1, by_model=1, key=(task, "bohb", 0)) for task in ("a", "b"))
    wider = replace(two.records["b", "bohb", 0], hyperparameters={"lr": "float", "n": "int"})
    both = check_model(together(one, replace(two, records={("b", "bohb", 0): wider})))
    assert [finding.where for finding in both.findings] == ["b/bohb/0"]


@pytest.mark.parametrize(
    ("space", "known"),
    [
        ({"kind": KIND}, True),
        ({"kind": KIND, "optimizer": CONSTANT}, True),
        ({"lr": LR}, False),
        ({"kind": KIND, "other": KIND}, False),
        ({"kind": KIND, "lr": LR}, False),
        (None, False),
    ],
)
def test_no_model_is_known_of_a_space_of_one_categorical(space: Any, known: bool) -> None:
    study = modelled(40, space=space)
    (wrong,) = check_model(study).findings
    assert (wrong.known is not None and "degenerate" in wrong.known) == known
    declared = replace(study.methods["random"], known_defect="it has none")
    (wrong,) = check_model(replace(study, methods={"random": declared})).findings
    assert wrong.known is not None
    assert (wrong.known == "it has none") != known


def test_every_method_with_a_model_is_in_the_table_and_the_others_are_named_once() -> None:
    keys = [("a", "bohb", 0), ("b", "bohb", 0)]
    plain = [of_status("ok", key=("a", "random", 0)), of_status("ok", key=("b", "random", 0))]
    models = [modelled(1, 1, key=key) for key in keys]
    checked = check_model(together(*models, *plain))
    assert checked.table == [
        {"task": task, "method": "bohb", "level": 9, "trials": 4, "model_based": 1}
        for task, _, _ in keys
    ]
    assert checked.places == 2
    assert checked.notes == ["not applicable: random: no model"]
    assert check_model(together(*models)).notes == []


def test_a_trial_of_which_nobody_knows_is_not_the_models() -> None:
    study = modelled(2, by_model=1)
    study.frame["model_based"] = study.frame["model_based"].astype("boolean")
    study.frame.loc[1:3, "model_based"] = pd.NA
    (row,) = check_model(study).table
    assert (row["trials"], row["model_based"]) == (5, 1)


# Order


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_every_cell_ends_with_its_last_row(cut: int) -> None:
    """The first and the last of a study as those between; rows before may say what they like."""
    cells = []
    for seed in range(3):
        ends = ["stop", "stop" if seed == cut else "end"]
        cells.append(
            of_status("ok", "ok", key=("toy", "random", seed), decision=ends, full_evals=[1.0, 2.0])
        )
    (wrong,) = check_order(together(*cells)).findings
    said = "row 1: the last decision is stop, not end"
    assert str(wrong) == f"order: toy/random/{cut}: {said}"


# Who had spent its budget, what methods were told


def spending(**charged: int) -> Evidence:
    """One cell a method, of 10 allowed units, that ended as its space was used up."""
    parts = []
    for method, units in charged.items():
        part = study(key=("toy", method.replace("_", "-"), 0))
        (record,) = part.records.values()
        account = Account(10, units, units, 10 - units, None, "space")
        key = record.key
        parts.append(replace(part, records={key: replace(record, ledger=account)}))
    return together(*parts)


def test_a_task_at_unequal_spend_is_named_and_explained() -> None:
    checked = check_spend(spending(bohb=10, asha=2, grid=8))
    assert checked.state == "known"
    assert [str(one) for one in checked.findings] == [
        "spend: toy: unequal spend of the budget: asha 20 %, grid 80 % (known: such a task is left "
        "out of ranks, counts and tests)"
    ]
    assert {row["method"]: row["spent"] for row in checked.table} == {
        "asha": 0.2, "bohb": 1.0, "grid": 0.8,
    }  # fmt: skip
    assert check_spend(spending(bohb=10, asha=9)).state == "holds"


def test_a_baseline_with_a_larger_budget_is_compared_with_none() -> None:
    whole = spending(bohb=10, random_2x=5)
    methods = {**whole.methods, "random-2x": MethodFacts(budget_factor=2)}
    assert check_spend(replace(whole, methods=methods)).state == "holds"
    assert check_spend(whole).state == "known"


def told(**counts: int) -> Evidence:
    part = study()
    (record,) = part.records.values()
    known = {"told": {}} if counts else {}
    return replace(part, records={TOY: replace(record, told=counts, json=known)})


def test_a_loss_that_is_no_validation_loss_is_a_violation() -> None:
    assert check_told(told(losses=4, otherwise=0)).state == "holds"
    checked = check_told(told(losses=4, otherwise=1))
    assert checked.state == "violated"
    assert str(checked.findings[0]).startswith("told: toy/random/0: 1 of 4 losses")


def test_cells_of_before_it_was_recorded_say_nothing() -> None:
    checked = check_told(told())
    assert checked.state == "not applicable"
    assert checked.notes == ["not recorded in 1 of 1 cells"]


# Who went on


def promoted(
    rule: Halving, rows: list[tuple[int, int, float, str]], costs: tuple[int, ...] = (1, 3, 9)
) -> list[str]:
    """What is found in rows of (trial, level, loss, decision), all of bracket 0 and at rungs."""
    trial, level, loss, decision = zip(*rows, strict=True)
    frame = pd.DataFrame(
        {
            "task": "toy", "method": "asha", "seed": 0, "seq": range(len(rows)), "trial": trial,
            "level": level, "val_loss": loss, "decision": decision, "bracket": 0,
            "rung": [costs.index(one) for one in level],
            "status": ["failed" if one != one else "ok" for one in loss],
        }
    )  # fmt: skip
    plan = [[(1, 3), (3, 1)]]
    checked = check_promotions(
        evidence(
            frame,
            records={},
            asked=[],
            tasks={"toy": TaskFacts(costs, True, True, None, eta=2)},
            methods={"asha": MethodFacts({"toy": plan}, halving=rule)},
            budget=9,
            workers=1,
        )
    )
    assert checked.places == 1
    return [one.what for one in checked.findings]


NONE = float("nan")


@pytest.mark.parametrize(
    ("losses", "goes_on", "said"),
    [
        ((0.3, 0.1, 0.2), 1, []),
        ((0.3, 0.1, 0.1), 2, []),  # of equals either may
        ((0.3, 0.1, 0.2), 0, ["trial 0 went on with 0.3, where the 1 lowest are at most 0.1"]),
        ((NONE, 0.1, 0.2), 0, ["trial 0 went on with inf, where the 1 lowest are at most 0.1"]),
        ((NONE, NONE, NONE), 0, []),  # there is no other
    ],
)
def test_of_a_bracket_the_lowest_go_on(
    losses: tuple[float, ...], goes_on: int, said: list[str]
) -> None:
    rows = [(i, 1, loss, "pause") for i, loss in enumerate(losses)]
    found = promoted("brackets", [*rows, (goes_on, 3, 0.05, "end")])
    assert [line.partition("level 1: ")[2] for line in found] == said


def test_a_bracket_that_was_cut_off_may_have_run_fewer() -> None:
    assert promoted("brackets", [(0, 1, 0.3, "pause"), (1, 1, 0.1, "pause")]) == []


def test_two_that_go_on_where_one_may_are_one_too_many() -> None:
    rows = [(i, 1, loss, "pause") for i, loss in enumerate((0.3, 0.1, 0.2))]
    (line,) = promoted("brackets", [*rows, (1, 3, 0.1, "stop"), (2, 3, 0.1, "end")])
    assert "trial 2 went on with 0.2" in line


@pytest.mark.parametrize(
    ("decisions", "said"),
    [
        # the first goes on; then whoever is not above the median of those before
        (("promote", "stop", "promote", "stop", "promote"), ""),
        (("stop", "stop", "promote", "stop", "promote"), "trial 0 with 0.5, decision stop"),
        (("promote", "promote", "promote", "stop", "promote"), "trial 1 with 0.6, decision prom"),
        (("promote", "stop", "stop", "stop", "promote"), "trial 2 with 0.4, decision stop"),
    ],
)
def test_asha_stops_who_is_not_among_the_best_so_far(decisions: tuple[str, ...], said: str) -> None:
    losses = (0.5, 0.6, 0.4, NONE, 0.1)
    rows = [(i, 1, *one) for i, one in enumerate(zip(losses, decisions, strict=True))]
    found = promoted("stopping", [*rows, (4, 9, 0.1, "end")])
    assert bool(found) == bool(said)
    assert said in "".join(found)


def test_a_loss_at_the_cutoff_may_have_been_rounded_either_way() -> None:
    losses = (0.1, 0.2, 0.1 + 0.05)
    for last in ("stop", "promote"):
        rows = [
            (i, 1, loss, d)
            for i, (loss, d) in enumerate(zip(losses, ("promote", "stop", last), strict=True))
        ]
        assert promoted("stopping", [*rows, (0, 9, 0.1, "end")]) == []


def test_paused_trials_are_promoted_once_they_are_among_the_best() -> None:
    first = [(0, 1, 0.5, "pause"), (1, 1, 0.4, "pause")]
    # one of two may: trial 1; trial 0 not before it is among the better half
    assert promoted("promotion", [*first, (1, 3, 0.4, "pause")]) == []
    (line,) = promoted("promotion", [*first, (0, 3, 0.4, "pause")])
    assert "level 1: trial 0 went on, and was never among the best 1 / 2" in line
    later = [(2, 1, 0.9, "pause"), (3, 1, 0.8, "pause"), (0, 3, 0.4, "pause")]
    assert promoted("promotion", [*first, *later]) == []
    # alone at its rung none of two may
    (line,) = promoted("promotion", [(0, 1, 0.5, "pause"), (0, 3, 0.4, "end")])
    assert "trial 0" in line


def test_methods_without_a_rule_are_named() -> None:
    checked = check_promotions(study())
    assert checked.state == "not applicable"
    assert checked.notes == ["not applicable: random: no halving that is known here"]
