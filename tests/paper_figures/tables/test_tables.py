"""The tables of the paper: as text, and what stands in them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import trim_mean, wilcoxon

from bohb_study.errors import StudyError
from bohb_study.numbers import interval, number
from bohb_study.summaries.table import Table
from paper_figures.figure_study import FigureStudy
from paper_figures.tables import final_results_table, pairwise_tests

Make = Callable[..., pd.DataFrame]
MakeStudy = Callable[..., FigureStudy]
BUDGET = 8.0


@pytest.fixture(scope="module")
def study(make_frame: Make, make_study: MakeStudy) -> FigureStudy:
    frame = make_frame(["bohb", "random", "grid"], 8, budget=8)
    twice = make_frame(["random"], 8, budget=16).assign(method="random-2x")
    twice["val_loss"] /= 100  # the lowest of all
    made = make_study(frame, twice, larger_budgets={"random-2x": 2})
    return replace(made, tasks=(replace(made.tasks[0], budget=BUDGET),))


def last(study: FigureStudy, method: str, name: str = "val_loss") -> np.ndarray:
    """What each seed's best full evaluation has."""
    own = study.frame[(study.frame["method"] == method) & (study.frame["level"] == 27)]
    best = own.loc[own.groupby("seed")["val_loss"].idxmin()]
    return best.sort_values("seed")[name].to_numpy()


def marked(table: Table) -> list[tuple[str, ...]]:
    """The rows as text; what is bold stands between asterisks."""
    return [
        tuple(f"**{cell.text}**" if cell.emphasis == "bold" else cell.text for cell in row)
        for row in table.rows
    ]


def test_every_method_is_tested_against_the_declared_one(study: FigureStudy) -> None:
    table = pairwise_tests.table(study)
    assert table.headings == (*pairwise_tests.NAMES, *pairwise_tests.NUMBERS)
    assert [row[1] for row in marked(table)] == ["**Random**", "Grid"]
    primary = dict(zip(table.headings, marked(table)[0], strict=True))
    bohb, random = last(study, "bohb"), last(study, "random")
    undefined = 8 - min(len(bohb), len(random))
    assert undefined == 0
    p = wilcoxon(bohb, random).pvalue
    assert primary["p"].strip("*") == f"{p:.2g}"
    assert primary["n"] == "8"
    assert primary["smallest p"] == f"{2 / 2**8:.2g}"
    gains = random - bohb
    assert trim_mean(gains, 0.25) == pytest.approx(float(primary["gain"].split()[0]), rel=1e-3)
    # eight seeds: their range
    assert primary["gain"] == interval(trim_mean(gains, 0.25), gains.min(), gains.max(), sign=True)
    assert "[range, not an interval]" in " ".join(table.notes)
    assert primary["won"] == f"{100 * np.mean(bohb < random):.0f} %"
    notes = " ".join(table.notes)
    assert "one family per task (8 tests)" in notes
    assert "of 8 seeds" in notes
    assert "random-2x" not in notes
    assert table.notes[-1] == f"Source: {study.provenance}."
    # 8 x 2 / 2^8 is above 0.05
    assert marked(table)[1][-1] == "0.062 !"
    assert "0.05 cannot be reached" in notes


def test_a_pair_is_shown_from_the_declared_methods_side(study: FigureStudy) -> None:
    """grid against bohb: bohb comes first in the legend, and second in that comparison."""
    bohb = {row[1].strip("*"): row for row in marked(pairwise_tests.table(study))}
    grid = {
        row[1].strip("*"): row for row in marked(pairwise_tests.table(study, ("grid", "random")))
    }
    there, back = bohb["Grid"], grid["BOHB"]
    (gain, low, high), (back_gain, back_low, back_high) = (
        [float(part.strip("[],")) for part in row[3].split()] for row in (there, back)
    )
    assert (gain, low, high) == (-back_gain, -back_high, -back_low)
    assert float(there[5].split()[0]) == 100 - float(back[5].split()[0])
    assert float(there[6]) == pytest.approx(1 - float(back[6]))
    assert there[7] == back[7]


def test_several_tasks_end_with_all_of_them_and_others_are_named(study: FigureStudy) -> None:
    frames = [study.frame.assign(task=name) for name in ("digits", "mfh3-good", "branin-mf")]
    frames[2] = frames[2][frames[2]["method"] != "random"]
    tasks = tuple(replace(study.tasks[0], name=str(frame["task"].iloc[0])) for frame in frames)
    many = replace(study, frame=pd.concat(frames, ignore_index=True), tasks=tasks)
    table = pairwise_tests.table(many)
    assert [row[0] for row in marked(table)] == ["digits", "", "mfh3-good", "", "all 2 tasks", ""]
    assert marked(table)[4][6] == marked(table)[0][6]  # the mean of two alike
    assert "Not tested, as one of the two is missing: branin-mf." in table.notes
    with pytest.raises(StudyError, match="no task has both bohb and gp"):
        pairwise_tests.table(study, ("bohb", "gp"))


def test_the_final_table_has_each_methods_incumbents_and_bolds_the_lowest(
    study: FigureStudy,
) -> None:
    table = final_results_table.table(study)
    assert table.headings == ("task", "method", "final loss", "test loss")
    rows = {row[1]: row for row in marked(table)}
    assert list(rows) == ["BOHB", "Random", "Random, 2x budget", "Grid"]
    assert [row[0] for row in marked(table)] == ["digits", "", "", ""]
    centres = {}
    for label, method in (("BOHB", "bohb"), ("Random", "random"), ("Grid", "grid")):
        losses, tests = last(study, method), last(study, method, "test_loss")
        centres[label] = trim_mean(losses, 0.25)
        assert rows[label][2].strip("*") == (interval(centres[label], losses.min(), losses.max()))
        assert rows[label][3].strip("*").startswith(f"{number(trim_mean(tests, 0.25))} [")
    best = min(centres, key=lambda label: centres[label])
    # the baseline with twice the budget is lower, and not the best
    assert [label for label, row in rows.items() if row[2].startswith("**")] == [best]
    notes = " ".join(table.notes)
    assert "Interquartile mean over 8 seeds [range, not an interval]" in notes
    assert "Rule full: digits." in notes
    assert "baseline with twice the budget" in notes
    assert "Regret" not in notes


def test_regret_no_test_part_and_undefined_seeds_are_said(study: FigureStudy) -> None:
    frame = study.frame.assign(true_loss=study.frame["val_loss"] + 0.5)
    facts = replace(study.tasks[0], optimum=0.25, test_metric=study.tasks[0].val_metric + " again")
    exact = replace(study, frame=frame, tasks=(facts,))
    table = final_results_table.table(exact)
    assert table.headings == ("task", "method", "final loss")
    found = final_results_table.finals(exact)
    assert all(one.regret and one.rule == "validated" for one in found)
    assert "Final loss is regret, the distance to the optimum, on digits." in table.notes
    full = final_results_table.finals(replace(exact, rule="full"))[0]
    assert not full.regret
    cut = study.frame[(study.frame["seed"] > 0) | (study.frame["level"] < 27)]
    undefined = final_results_table.table(replace(study, frame=cut))
    assert {row[2] for row in marked(undefined)} == {"none in 1 of 8 seeds"}


def test_retrained_has_a_column(study: FigureStudy) -> None:
    own = study.frame[(study.frame["method"] == "bohb") & (study.frame["level"] == 27)]
    best = own.loc[own.groupby("seed")["val_loss"].idxmin()]
    again: list[dict[str, Any]] = [
        {
            "task": "digits",
            "method": "bohb",
            "seed": row["seed"],
            "config_id": row["config_id"],
            "kind": "retrained",
            "status": "ok",
            "val_loss": 2.0 + row["seed"] + repeat,
            "test_loss": 1.0 + row["seed"] + repeat,
        }
        for row in best.to_dict("records")
        for repeat in (0.0, 0.5)
    ]
    table = final_results_table.table(replace(study, finals=pd.DataFrame(again)))
    assert table.headings[-1] == "test loss, retrained"
    assert [row[-1] for row in marked(table)] == ["**4.750 [1.25, 8.25]**", "-", "-", "-"]
    assert any(note.startswith("Retrained, outside the budget") for note in table.notes)


def retrained(study: FigureStudy, losses: dict[str, float]) -> FigureStudy:
    """The same study, each method's incumbents trained again with about this validation loss."""
    full = study.frame[study.frame["level"] == 27]
    best = full.loc[full.groupby(["method", "seed"])["val_loss"].idxmin()]
    again = [
        {
            **{name: row[name] for name in ("task", "method", "seed", "config_id")},
            "kind": "retrained",
            "status": "ok",
            "test_loss": 0.5,
            "val_loss": losses[row["method"]] + row["seed"] / 100,
        }
        for row in best.to_dict("records")
        if row["method"] in losses
    ]
    return replace(study, finals=pd.DataFrame(again))


def test_where_all_were_retrained_the_best_is_by_that_loss(study: FigureStudy) -> None:
    chosen = marked(final_results_table.table(study))
    (lucky,) = (row[1] for row in chosen if row[2].startswith("**"))
    losses = {"bohb": 0.5, "random": 0.4, "grid": 0.3}
    table = final_results_table.table(retrained(study, losses))
    assert table.headings[2:] == (
        "final loss", "final loss, retrained", "test loss", "test loss, retrained",
    )  # fmt: skip
    by_method = {row[1]: row for row in marked(table)}
    assert lucky != "Grid"
    assert by_method["Grid"][3] == "**0.3350 [0.300, 0.370]**"
    assert sum(row[3].startswith("**") for row in by_method.values()) == 1
    assert not any(row[2].startswith("**") for row in by_method.values())
    assert any("flatters itself" in note for note in table.notes)


def test_what_was_retrained_is_tested_and_what_was_chosen_stands_below(study: FigureStudy) -> None:
    plain = pairwise_tests.table(study)
    table = pairwise_tests.table(retrained(study, {"bohb": 0.5, "random": 0.4, "grid": 0.3}))
    again, _, chosen, _ = marked(table)
    assert (again[0], chosen[0]) == ("digits, retrained", "digits, chosen training")
    assert again[3] == "-0.1000 [-0.100, -0.100]"
    assert again[7] == "**0.0078**"
    assert chosen[1:] == tuple(text.strip("*") for text in marked(plain)[0][1:])
    assert any(note.startswith("Retrained: at the whole budget") for note in table.notes)
    assert not any(note.startswith("Retrained: at the whole") for note in plain.notes)


def test_a_task_at_unequal_spend_is_marked_and_not_tested(study: FigureStudy) -> None:
    two = study.frame.assign(task="mfh3-good")
    tasks = (
        replace(study.tasks[0], spent={"bohb": 1.0, "random": 1.0, "grid": 0.4}),
        replace(study.tasks[0], name="mfh3-good", spent={"bohb": 1.0, "grid": 1.0}),
    )
    both = replace(study, frame=pd.concat([study.frame, two], ignore_index=True), tasks=tasks)
    tests = pairwise_tests.table(both)
    assert [row[0] for row in marked(tests)] == ["mfh3-good", ""]
    note = "Not tested, for unequal spend of the budget: digits (grid 40 %)."
    assert note in tests.notes
    table = final_results_table.table(both)
    rows = marked(table)
    assert rows[0][0] == "digits \N{DAGGER}"
    assert [row[2].startswith("**") for row in rows].count(True) == 1
    assert not any(row[2].startswith("**") for row in rows[:4])
    assert any(note.startswith("\N{DAGGER} Not compared, for unequal") for note in table.notes)
    with pytest.raises(StudyError, match="nothing to compare: unequal spend of the budget: digits"):
        pairwise_tests.table(both.of(["digits"]))
    # without the method that spent too little it is as any other
    assert pairwise_tests.table(both.of(["digits"], ["bohb", "random"])).rows


def test_a_larger_budget_that_ties_with_the_best_is_not_bold(study: FigureStudy) -> None:
    frame = study.frame.assign(val_loss=0.5)
    rows = marked(final_results_table.table(replace(study, frame=frame)))
    assert [row[2].startswith("**") for row in rows] == [True, True, False, True]


def test_scores_have_their_own_sign_and_the_highest_is_bold(study: FigureStudy) -> None:
    facts = replace(study.tasks[0], val_metric="-accuracy", test_metric="test error")
    turned = study.frame.assign(val_loss=-study.frame["val_loss"])
    table = final_results_table.table(replace(study, frame=turned, tasks=(facts,)))
    shown = {row[1]: row for row in marked(table)}
    assert not any("-" in row[2] for row in marked(table))
    centres = {
        label: float(row[2].strip("*").split()[0])
        for label, row in shown.items()
        if "2x" not in label
    }
    (bold,) = (label for label, row in shown.items() if row[2].startswith("**"))
    assert centres[bold] == max(centres.values())
    (low, high) = shown[bold][2].strip("*").partition("[")[2].strip("]").split(", ")
    assert float(low) <= centres[bold] <= float(high)
    assert "lower is better, but higher of accuracy; the best of a task is bold" in table.notes[0]
