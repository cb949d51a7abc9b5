"""The main report of small packs: every number in it follows from their rows."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from bohb_study.analysis.incumbents.traces import incumbent
from bohb_study.errors import StudyError
from bohb_study.files import json_bytes
from bohb_study.numbers import interval
from bohb_study.paper.claims import ClaimsReport
from bohb_study.paper.main_claims import OTHERS, main_report
from bohb_study.store import CellRecord, LoadedStudy, load_study
from bohb_study.store.sidecars.derived_frames import read_derived, write_derived
from bohb_study.summaries.markdown import to_markdown

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


def verdict(gains: npt.NDArray[np.float64]) -> str:
    """Two seeds: the interval is their range."""
    return "yes" if gains.min() > 0 else "no" if gains.max() < 0 else "not decided"


def gains_of(packs: Mapping[str, LoadedStudy]) -> dict[tuple[str, str], npt.NDArray[np.float64]]:
    return {
        (task, other): final(packs[name], task, other) - final(packs[name], task, "bohb")
        for name, task in (("one", "mfh3-good"), ("two", "counting-ones-8"))
        for other in ("random", "hyperband")
    }


def test_gains_are_paired_differences_bold_where_one_sided(
    report: ClaimsReport, packs: dict[str, LoadedStudy]
) -> None:
    table = report.tables[1]
    assert table.headings == ("task", *(f"than {other}" for other in OTHERS))
    cells = {row[0].text: dict(zip(OTHERS, row[1:], strict=True)) for row in table.rows}
    assert list(cells) == ["counting-ones-8", "mfh3-good"]
    said = {(one["task"], one["other"]): one for one in report.numbers["gains"]}
    expected = gains_of(packs)
    assert set(said) == set(expected)
    for (task, other), gains in expected.items():
        one, cell = said[task, other], cells[task][other]
        assert one["gain"] == pytest.approx(gains.mean())
        assert (one["low"], one["high"]) == pytest.approx((gains.min(), gains.max()))
        assert one["wins"] == np.mean((gains > 0) + 0.5 * (gains == 0))
        assert one["verdict"] == verdict(gains)
        assert interval(gains.mean(), gains.min(), gains.max(), sign=True) == cell.text
        assert (cell.emphasis == "bold") == (verdict(gains) != "not decided")
        assert cells[task]["tpe"].text == cells[task]["asha"].text == "-"
    # both kinds are among them, else the above says little
    assert {verdict(gains) for gains in expected.values()} >= {"yes", "not decided"}


def test_the_sentences_count_the_verdicts(
    report: ClaimsReport, packs: dict[str, LoadedStudy]
) -> None:
    assert len(report.notes) == 3
    assert report.notes[0].startswith("Of 2 tasks with several fidelities, ")
    for other in ("random", "hyperband"):
        found = [verdict(gains) for (_, o), gains in gains_of(packs).items() if o == other]
        counts = " / ".join(str(found.count(v)) for v in ("yes", "not decided", "no"))
        assert f"against {other}, {counts}" in report.notes[0]
    end = {method: at["1"][0] for method, at in report.numbers["ranks"].items()}
    best = min(end, key=lambda method: end[method])
    assert (
        f"at its end {best}'s ({end[best]:.2f}), where BOHB has {end['bohb']:.2f} among 3 methods"
        in (report.notes[1])
    )
    assert "2 families are too few for a test over tasks" in report.notes[2]


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
    assert "(3 methods, 2 tasks of 2 families: counting-ones, mfh3;" in table.title
    order = table.column("method")
    assert [expected[method] for method in order] == sorted(expected)
    assert set(order) == set(methods)
    assert table.headings[1:] == tuple(f"at {n} % of the budget" for n in (10, 30, 100))


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
    assert "(3 methods, 1 tasks of 1 families: mfh3;" in found.tables[2].title
    assert "(2 methods, 2 tasks of 2 families: counting-ones, mfh3;" in found.tables[3].title


def test_it_is_json_and_markdown_without_claims(report: ClaimsReport) -> None:
    said = json.loads(json_bytes(report.to_json()))
    assert said["name"] == "main"
    assert said["claims"] == []
    assert said["notes"] == list(report.notes)
    assert set(said["numbers"]) == {"gains", "lowest_rung", "ranks", "ranks_every_task"}
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
