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
from paper_figures.figure_study import FigureStudy
from paper_figures.tables import final_results_table, pairwise_tests
from paper_figures.tables.table import Table, bold

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


def test_markdown_and_latex_of_one_table() -> None:
    table = Table(
        "Losses & more",
        ("task", "loss"),
        (("a_b", bold("0.1 [0.0, 0.2]")), ("c|d", "-")),
        ("95 % of <10.",),
    )
    assert table.markdown().splitlines() == [
        "**Losses & more**",
        "",
        "| task | loss |",
        "| --- | ---: |",
        "| a_b | **0.1 [0.0, 0.2]** |",
        r"| c\|d | - |",
        "",
        "95 % of <10.",
    ]
    latex = table.latex("tab:losses")
    for part in (
        r"\caption{Losses \& more}",
        r"\label{tab:losses}",
        r"\begin{tabular}{lr}",
        "\\toprule\ntask & loss \\\\\n\\midrule\n",
        r"a\_b & \textbf{0.1 [0.0, 0.2]} \\",
        r"c\textbar{}d & - \\" + "\n\\bottomrule",
        r"95 \% of \textless{}10.\par",
    ):
        assert part in latex
    assert latex.startswith("% \\usepackage{booktabs}\n\\begin{table}[t]\n")
    assert latex.endswith("\\end{table}\n")


def test_numbers_in_latex_have_a_minus_and_a_power() -> None:
    row = ("digits-44136fa3", "-0.17 [-1e-05, 2.5e+08]", "1.9e-06", "hpobench-mlp", "-")
    latex = Table("", tuple("abcde"), (row,)).latex("")
    assert (
        r"digits-44136fa3 & $-$0.17 [$-$1$\times 10^{-5}$, 2.5$\times 10^{8}$] "
        r"& 1.9$\times 10^{-6}$ & hpobench-mlp & - \\"
    ) in latex


@pytest.mark.parametrize("grouped", [True, False])
def test_a_long_table_breaks_pages_under_its_heading(grouped: bool) -> None:
    rows = [("task a" if i == 0 or not grouped else "", "m_1", f"{i}.5") for i in range(30)]
    rows += [("task b" if i == 0 or not grouped else "", "m_2", f"{i}.5") for i in range(30)]
    table = Table("Losses", ("task", "method", "loss"), tuple(rows), ("100 %.",))
    lines = table.latex("tab:losses").splitlines()
    head = ["method & loss" if grouped else "task & method & loss"]
    assert lines.count(rf"{head[0]} \\") == 2  # on the first page, and on all others
    assert lines.index(r"\endfirsthead") < lines.index(r"\endhead") < lines.index(r"\endlastfoot")
    assert lines[:2] == [r"% \usepackage{booktabs, longtable}", r"\begingroup"]
    assert lines[-2:] == [r"100 \%.\par", r"\endgroup"]
    assert (r"\begin{longtable}{lr}" if grouped else r"\begin{longtable}{llr}") in lines
    body = lines[lines.index(r"\endlastfoot") + 1 : lines.index(r"\end{longtable}")]
    if grouped:
        assert len(body) == 60 + 2 + 1
        assert body[0] == r"\multicolumn{2}{l}{\textit{task a}} \\*"
        assert body[31:33] == [r"\addlinespace", r"\multicolumn{2}{l}{\textit{task b}} \\*"]
        assert body[1] == r"m\_1 & 0.5 \\"
    else:
        assert body[0] == r"task a & m\_1 & 0.5 \\"
        assert len(body) == 60


def test_a_row_has_a_cell_for_each_heading() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        Table("", ("a", "b"), (("x",),))


def test_every_method_is_tested_against_the_declared_one(study: FigureStudy) -> None:
    table = pairwise_tests.table(study)
    assert table.headings == pairwise_tests.HEADINGS
    assert [row[1] for row in table.rows] == ["**Random**", "Grid"]
    primary = dict(zip(table.headings, table.rows[0], strict=True))
    bohb, random = last(study, "bohb"), last(study, "random")
    undefined = 8 - min(len(bohb), len(random))
    assert undefined == 0
    p = wilcoxon(bohb, random).pvalue
    assert primary["p"].strip("*") == f"{p:.2g}"
    assert primary["n"] == "8"
    assert primary["smallest p"] == f"{2 / 2**8:.2g}"
    assert primary["gain"] == f"{trim_mean(random - bohb, 0.25):+.3g}"
    assert primary["won"] == f"{100 * np.mean(bohb < random):.0f} %"
    notes = " ".join(table.notes)
    assert "one family a task (8 tests)" in notes
    assert "of 8 seeds" in notes
    assert "random-2x" not in notes
    assert table.notes[-1] == f"Source: {study.provenance}."
    # 8 x 2 / 2^8 is above 0.05
    assert table.rows[1][-1] == "0.062 !"
    assert "0.05 cannot be reached" in notes


def test_a_pair_is_shown_from_the_declared_methods_side(study: FigureStudy) -> None:
    """grid against bohb: bohb comes first in the legend, and second in that comparison."""
    bohb = {row[1].strip("*"): row for row in pairwise_tests.table(study).rows}
    grid = {row[1].strip("*"): row for row in pairwise_tests.table(study, ("grid", "random")).rows}
    there, back = bohb["Grid"], grid["BOHB"]
    assert float(there[3]) == -float(back[3])
    assert float(there[5].split()[0]) == 100 - float(back[5].split()[0])
    assert float(there[6]) == pytest.approx(1 - float(back[6]))
    assert there[7] == back[7]


def test_several_tasks_end_with_all_of_them_and_others_are_named(study: FigureStudy) -> None:
    frames = [study.frame.assign(task=name) for name in ("digits", "mfh3-good", "branin-mf")]
    frames[2] = frames[2][frames[2]["method"] != "random"]
    tasks = tuple(replace(study.tasks[0], name=str(frame["task"].iloc[0])) for frame in frames)
    many = replace(study, frame=pd.concat(frames, ignore_index=True), tasks=tasks)
    table = pairwise_tests.table(many)
    assert [row[0] for row in table.rows] == ["digits", "", "mfh3-good", "", "all 2 tasks", ""]
    assert table.rows[4][6] == table.rows[0][6]  # the mean of two alike
    assert "Not tested, for want of one of the two: branin-mf." in table.notes
    with pytest.raises(StudyError, match="no task has both bohb and gp"):
        pairwise_tests.table(study, ("bohb", "gp"))


def test_the_final_table_has_each_methods_incumbents_and_bolds_the_lowest(
    study: FigureStudy,
) -> None:
    table = final_results_table.table(study)
    assert table.headings == ("task", "method", "final loss", "test loss")
    rows = {row[1]: row for row in table.rows}
    assert list(rows) == ["BOHB", "Random", "Random, 2x budget", "Grid"]
    assert [row[0] for row in table.rows] == ["digits", "", "", ""]
    centres = {}
    for label, method in (("BOHB", "bohb"), ("Random", "random"), ("Grid", "grid")):
        losses, tests = last(study, method), last(study, method, "test_loss")
        centres[label] = trim_mean(losses, 0.25)
        assert rows[label][2].strip("*") == (interval(centres[label], losses.min(), losses.max()))
        assert rows[label][3].strip("*").startswith(f"{number(trim_mean(tests, 0.25))} [")
    best = min(centres, key=lambda label: centres[label])
    # the yardstick is lower, and not the best
    assert [label for label, row in rows.items() if row[2].startswith("**")] == [best]
    notes = " ".join(table.notes)
    assert "Interquartile mean over 8 seeds [range, not an interval]" in notes
    assert "Rule full: digits." in notes
    assert "yardstick with 2 times the budget" in notes
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
    assert {row[2] for row in undefined.rows} == {"none in 1 of 8 seeds"}


def test_trained_again_has_a_column(study: FigureStudy) -> None:
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
            "test_loss": 1.0 + row["seed"] + repeat,
        }
        for row in best.to_dict("records")
        for repeat in (0.0, 0.5)
    ]
    table = final_results_table.table(replace(study, finals=pd.DataFrame(again)))
    assert table.headings[-1] == "retrained"
    assert [row[-1] for row in table.rows] == ["**4.750 [1.25, 8.25]**", "-", "-", "-"]
    assert any(note.startswith("Retrained, off the ledger") for note in table.notes)


def test_a_yardstick_that_ties_with_the_best_is_not_bold(study: FigureStudy) -> None:
    frame = study.frame.assign(val_loss=0.5)
    rows = final_results_table.table(replace(study, frame=frame)).rows
    assert [row[2].startswith("**") for row in rows] == [True, True, False, True]


def test_scores_have_their_own_sign_and_the_highest_is_bold(study: FigureStudy) -> None:
    facts = replace(study.tasks[0], val_metric="-accuracy", test_metric="test error")
    turned = study.frame.assign(val_loss=-study.frame["val_loss"])
    table = final_results_table.table(replace(study, frame=turned, tasks=(facts,)))
    shown = {row[1]: row for row in table.rows}
    assert not any("-" in row[2] for row in table.rows)
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
