"""The main report of small packs: every number in it follows from their rows."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from bohb_study.analysis import BOOTSTRAP_SEED, estimate
from bohb_study.analysis.comparisons.endpoint import signed_rank
from bohb_study.analysis.incumbents.traces import incumbent
from bohb_study.errors import StudyError
from bohb_study.files import json_bytes
from bohb_study.paper.claims import ClaimsReport
from bohb_study.paper.main_claims import main_report
from bohb_study.paper.main_tables import OTHERS
from bohb_study.store import CellRecord, LoadedStudy, load_study
from bohb_study.store.sidecars.derived_frames import read_derived, write_derived
from bohb_study.summaries.markdown import to_markdown
from repository import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

TOPS = {"mfh3-good": 81, "counting-ones-8": 729}


@pytest.fixture(scope="module")
def packs(small_paper: Path) -> dict[str, LoadedStudy]:
    return {name: load_study(small_paper / name) for name in ("one", "two", "four")}


@pytest.fixture(scope="module")
def report(packs: dict[str, LoadedStudy]) -> ClaimsReport:
    return main_report(packs["one"], packs["two"])


def final(study: LoadedStudy, task: str, method: str) -> npt.NDArray[np.float64]:
    frame = study.frame
    return np.array(
        [
            incumbent(own, "validated", TOPS[task])["value"].iloc[-1]
            for _, own in frame[frame["method"] == method].groupby("seed")
        ]
    )


def gains_of(packs: Mapping[str, LoadedStudy]) -> dict[tuple[str, str], npt.NDArray[np.float64]]:
    return {
        (task, other): final(packs[name], task, other) - final(packs[name], task, "bohb")
        for name, task in (("one", "mfh3-good"), ("two", "counting-ones-8"))
        for other in ("random", "hyperband")
    }


def with_more_seeds(study: LoadedStudy, times: int) -> LoadedStudy:
    """The same cells so often, each time as others: two seeds alone decide nothing."""
    seeds = study.frame["seed"].nunique()
    frames = [study.frame.assign(seed=study.frame["seed"] + i * seeds) for i in range(times)]
    cells = {
        (task, method, seed + i * seeds): record
        for i in range(times)
        for (task, method, seed), record in study.cells.items()
    }
    return replace(study, frame=pd.concat(frames, ignore_index=True), cells=cells)


@pytest.fixture(scope="module")
def decided(packs: dict[str, LoadedStudy]) -> ClaimsReport:
    """The report of ten seeds, of which every five are one."""
    return main_report(*(with_more_seeds(packs[name], 5) for name in ("one", "two")))


def test_gains_are_paired_differences_bold_by_the_declared_tests(
    decided: ClaimsReport, packs: dict[str, LoadedStudy]
) -> None:
    table = decided.tables[1]
    assert table.headings == ("task", *(f"than {other}" for other in OTHERS))
    cells = {row[0].text: dict(zip(OTHERS, row[1:], strict=True)) for row in table.rows}
    assert list(cells) == ["counting-ones-8", "mfh3-good"]
    said = {(one["task"], one["other"]): one for one in decided.numbers["gains"]}
    expected = gains_of(packs)
    assert set(said) == set(expected)
    p = {
        other: multipletests([said[task, other]["p"] for task in TOPS], method="holm")[1]
        for other in ("random",)
    }
    for (task, other), gains in expected.items():
        one, cell = said[task, other], cells[task][other]
        ten = np.tile(gains, 5)
        assert one["gain"] == pytest.approx(estimate(ten, BOOTSTRAP_SEED).centre)
        assert one["wins"] == np.mean((gains > 0) + 0.5 * (gains == 0))
        assert one["p"] == pytest.approx(signed_rank(ten[ten != 0]))
        assert one["holm"] >= one["p"]
        assert one["basis"] == "chosen training"
        side = "yes" if one["wins"] > 0.5 else "no"
        assert one["verdict"] == (side if one["holm"] <= 0.05 else "not decided")
        assert f"; p {one['holm']:.2g}" in cell.text
        assert (cell.emphasis == "bold") == (one["holm"] <= 0.05)
        assert cells[task]["tpe"].text == cells[task]["asha"].text == "-"
    holm = [said[task, "random"]["holm"] for task in TOPS]
    assert holm == pytest.approx(list(p["random"]))
    # both kinds are among them, else the above says little
    assert len({one["verdict"] for one in said.values()}) > 1


def test_two_seeds_decide_nothing(report: ClaimsReport) -> None:
    assert {one["verdict"] for one in report.numbers["gains"]} == {"not decided"}


def test_the_sentences_count_the_verdicts(decided: ClaimsReport) -> None:
    assert len(decided.notes) == 3
    assert decided.notes[0].startswith("On 2 tasks with several fidelities, BOHB's incumbent")
    for other in ("random", "hyperband"):
        found = [one["verdict"] for one in decided.numbers["gains"] if one["other"] == other]
        counts = " / ".join(str(found.count(v)) for v in ("yes", "not decided", "no"))
        assert f"against {other}, {counts}" in decided.notes[0]
    end = {method: at["1"][0] for method, at in decided.numbers["ranks"].items()}
    best = min(end, key=lambda method: end[method])
    assert f"at its end {best}'s ({end[best]:.2f}" in decided.notes[1]
    assert f"where BOHB has {end['bohb']:.2f} among 3 methods" in decided.notes[1]
    assert "2 families are too few for a test over tasks" in decided.notes[2]


def test_a_task_at_unequal_spend_is_named_and_compared_nowhere(
    packs: dict[str, LoadedStudy],
) -> None:
    two = packs["two"]
    cells = {
        key: _ended_early(record) if key[1] == "hyperband" else record
        for key, record in two.cells.items()
    }
    found = main_report(packs["one"], replace(two, cells=cells))
    assert {gain["task"] for gain in found.numbers["gains"]} == {"mfh3-good"}
    assert found.numbers["spent"] == {"counting-ones-8": {"hyperband": pytest.approx(0.4, abs=0.1)}}
    assert found.tables[1].texts()[0][:2] == ("counting-ones-8", "hyperband 40 %")
    assert found.tables[1].texts()[0][2].startswith("100 %")
    for table in found.tables[3:]:  # neither among all methods nor among those of every task
        assert "1 tasks of 1 families: mfh;" in table.title
    assert "1 task with several fidelities, without 1 at unequal spend" in found.notes[0]
    with pytest.raises(StudyError, match="on no task had every method spent its budget"):
        main_report(replace(two, cells=cells))


def _ended_early(record: CellRecord) -> CellRecord:
    account = record.account
    charged = round(0.4 * account.allowed)
    unspent = account.allowed - charged
    early = replace(account, charged=charged, unspent=unspent, refused=None, ended="space")
    return replace(record, ledger=early)


def test_what_was_retrained_is_tested_and_what_was_chosen_stands_beside() -> None:
    """On the committed rows of digits: +0.0034 where the chosen trainings said +0.0279."""
    found = main_report(load_study(ROOT / "results/paper/digits"))
    own = {(one["other"], one["basis"]): one for one in found.numbers["gains"]}
    again, chosen = own["random", "retrained"], own["random", "chosen training"]
    assert (again["gain"], chosen["gain"]) == pytest.approx((0.003393, 0.02790), abs=5e-6)
    assert (again["p"], chosen["p"]) == pytest.approx((0.922, 0.0137), abs=5e-4)
    assert (again["verdict"], chosen["holm"]) == ("not decided", pytest.approx(np.nan, nan_ok=True))
    (first, second) = found.tables[1].rows
    assert (first[0].text, second[0].text) == (
        "`digits`, retrained",
        "`digits`, chosen training: not tested",
    )
    # the ranks of either stand side by side, and differ
    ranks = found.tables[2]
    assert ranks.headings[-2:] == (
        "at 100 %, retrained where it was",
        "at 100 %, chosen training",
    )
    assert ranks.column(ranks.headings[-2]) != ranks.column(ranks.headings[-1])
    assert all(not cell.emphasis or cell.emphasis == "plain" for cell in second[1:])


def test_ranks_at_the_end_are_those_of_the_final_incumbents(
    report: ClaimsReport, packs: dict[str, LoadedStudy]
) -> None:
    methods = ["bohb", "hyperband", "random"]
    by_task = []
    for name, task in (("one", "mfh3-good"), ("two", "counting-ones-8")):
        values = pd.DataFrame({method: final(packs[name], task, method) for method in methods})
        by_task.append(values.rank(axis=1).mean())
    expected = (by_task[0] + by_task[1]) / 2  # each task is a family
    for method in methods:
        assert report.numbers["ranks"][method]["1"][0] == pytest.approx(expected[method])
    table = report.tables[2]
    assert "(3 methods, 2 tasks of 2 families: counting-ones, mfh;" in table.title
    order = table.column("method")
    assert [expected[method] for method in order] == sorted(expected)
    assert set(order) == set(methods)
    # at 10 % of five full evaluations no cell has spent one
    assert table.headings[1:] == ("at 30 %", "at 100 %")


def test_rungs_are_worth_what_is_stored_beside_the_packs(
    report: ClaimsReport, packs: dict[str, LoadedStudy]
) -> None:
    study = packs["one"]
    stored = read_derived(study.path, study.study.id)["correlations"]
    own = stored[stored["off_ledger"]].sort_values("lower")
    (row,) = (row for row in report.tables[0].texts() if row[0] == "mfh3-good")
    for at, text in zip((0, -1), row[1:], strict=True):
        rung = own.iloc[at]
        assert text == (
            f"{rung['lower']}: {rung['spearman']:.2f} [{rung['low']:.2f}, {rung['high']:.2f}]"
        )
    lowest = report.numbers["lowest_rung"]
    assert lowest["mfh3-good"] == round(float(own["spearman"].iloc[0]), 3)
    weak = [task for task, value in lowest.items() if value < 0.3]
    named = ", ".join(f"{task} ({lowest[task]:.2f})" for task in weak) or "none"
    assert f"(Spearman below 0.3: {named})" in report.notes[2]


def test_on_a_curve_they_are_random_searchs_a_value_a_seed(
    packs: dict[str, LoadedStudy], tmp_path: Path
) -> None:
    study = packs["one"]
    rows = [
        ("mfh3-good", method, seed, lower, upper, method == "bohb" or seed > 1, value, False)
        for method, seed, lower, upper, value in [
            ("random", 0, 1, 81, 0.25), ("random", 1, 1, 81, 0.75), ("bohb", 0, 1, 81, -1.0),
            ("random", 0, 27, 81, 0.5), ("random", 1, 27, 81, 1.0), ("tpe", 0, 1, 81, -1.0),
            ("random", 0, 1, 27, -1.0), ("random", 2, 1, 81, -1.0),
        ]
    ]  # fmt: skip
    names = ["task", "method", "seed", "lower", "upper", "selected", "spearman", "off_ledger"]
    write_derived(tmp_path, study.study.id, {"correlations": pd.DataFrame(rows, columns=names)})
    found = main_report(replace(study, path=tmp_path))
    assert found.tables[0].texts() == [
        ("mfh3-good", "1: 0.50 [0.25, 0.75]", "27: 0.75 [0.50, 1.00]")
    ]
    assert found.numbers["lowest_rung"] == {"mfh3-good": 0.5}


def test_larger_budgets_and_several_workers_have_no_part(
    report: ClaimsReport, packs: dict[str, LoadedStudy]
) -> None:
    four = packs["four"]
    workers = replace(four, study=replace(four.study, name="workers-4"))
    assert main_report(packs["one"], packs["two"], workers) == report
    doubled = {key: _doubled(record, key[1]) for key, record in packs["one"].cells.items()}
    one = replace(packs["one"], cells=doubled)
    assert one.larger_budgets == {"hyperband": 2}
    found = main_report(one)
    assert set(found.numbers["ranks"]) == {"bohb", "random"}
    assert [gain["other"] for gain in found.numbers["gains"]] == ["random"]


def _doubled(record: CellRecord, method: str) -> CellRecord:
    if method != "hyperband":
        return record
    account = record.account
    return replace(record, ledger=replace(account, allowed=2 * account.allowed))


def test_a_task_that_bohb_does_not_fit_counts_among_common_methods_alone(
    packs: dict[str, LoadedStudy],
) -> None:
    two = packs["two"]
    without = replace(two, frame=two.frame[two.frame["method"] != "bohb"])
    found = main_report(packs["one"], without)
    assert {gain["task"] for gain in found.numbers["gains"]} == {"mfh3-good"}
    assert set(found.numbers["ranks"]) == {"bohb", "hyperband", "random"}
    assert set(found.numbers["ranks_every_task"]) == {"hyperband", "random"}
    assert "(3 methods, 1 tasks of 1 families: mfh;" in found.tables[2].title
    assert "(2 methods, 2 tasks of 2 families: counting-ones, mfh;" in found.tables[3].title


def test_it_is_json_and_markdown_without_claims(report: ClaimsReport) -> None:
    said = json.loads(json_bytes(report.to_json()))
    assert said["name"] == "main"
    assert said["claims"] == []
    assert said["notes"] == list(report.notes)
    assert set(said["numbers"]) == {"gains", "spent", "lowest_rung", "ranks", "ranks_every_task"}
    text = report.markdown()
    assert text.startswith("**Rank agreement between rungs")
    for table in report.tables:
        assert to_markdown(table) in text
    assert text.count("\n* ") == 3


def test_without_its_rank_correlations_a_task_is_named(
    packs: dict[str, LoadedStudy], tmp_path: Path
) -> None:
    bare = [replace(packs[name], path=tmp_path) for name in ("one", "two")]
    with pytest.raises(StudyError, match=r"^[\w-]+: its rank correlations are not beside"):
        main_report(*bare)


def test_what_is_no_number_is_null_in_json(report: ClaimsReport) -> None:
    odd = replace(report, numbers={"gain": float("nan"), "low": [float("-inf"), 0.5]})
    assert json.loads(json_bytes(odd.to_json()))["numbers"] == {"gain": None, "low": [None, 0.5]}
