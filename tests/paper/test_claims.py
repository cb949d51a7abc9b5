"""Claims: verdicts follow from intervals, numbers from the frames; what does not hold is said."""

import shutil
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bohb_study.analysis import Estimate
from bohb_study.errors import StudyError
from bohb_study.files import json_bytes
from bohb_study.paper.ablation_claims import ablations_report
from bohb_study.paper.asha_claims import asha_report
from bohb_study.paper.claims import (
    ClaimsReport,
    above_zero,
    together,
    within,
    written,
)
from bohb_study.paper.counting_ones_claims import counting_ones_report
from bohb_study.paper.dehb_claims import AT, dehb_report
from bohb_study.paper.effort import measured_effort
from bohb_study.paper.fcnet_claims import fcnet_report
from bohb_study.paper.named_studies import STUDIES, paper_studies
from bohb_study.paper.reports import (
    BEGIN,
    END,
    MAIN,
    MAIN_BEGIN,
    MAIN_END,
    REPORTS,
    RESULTS,
    claims_section,
    results_section,
    update_page,
    write_report,
)
from bohb_study.store import LoadedStudy, StoredStudy, StoredTask, load_study
from bohb_study.store.stored_study import StoredConfig
from bohb_study.summaries.table import Table, columns, rows
from repository import ROOT

SEEDS = 12


def gain(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, "95 % interval", "interquartile mean", 10)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, "yes"), (-0.2, -0.1, "no"), (-0.1, 0.2, "not decided"), (0.0, 0.2, "not decided")],
)
def test_above_zero_is_said_of_whole_intervals(low: float, high: float, verdict: str) -> None:
    assert above_zero(gain(low, high)) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.01, 0.02, "yes"),
        (0.03, 0.04, "no"),
        (-0.04, -0.03, "no"),
        (0.01, 0.03, "not decided"),
        (-0.1, 0.1, "not decided"),
    ],
)
def test_alike_is_said_of_whole_intervals(low: float, high: float, verdict: str) -> None:
    assert within(gain(low, high), 0.02) == verdict


def test_one_verdict_where_all_agree_else_who_says_what() -> None:
    assert together({"a": "yes", "b": "yes"}) == "yes"
    mixed = {"a": "not decided", "b": "yes", "c": "no", "d": "yes"}
    assert together(mixed) == "yes: b, d; no: c; not decided: a"


def test_gains_are_written_with_sign_and_interval() -> None:
    assert written(gain(-0.1, 0.3)) == "+0.1000 [-0.100, 0.300]"


Loss = Callable[[str, str, int, int], float]
"""(task, method, seed, report) -> true loss."""


def study(
    name: str,
    tasks: dict[str, float | None],
    methods: Sequence[str],
    reports: int,
    loss: Loss,
    **config: Any,
) -> LoadedStudy:
    """A study whose reports are all full evaluations, one unit each."""
    rows = [
        {
            "task": task,
            "method": method,
            "seed": seed,
            "seq": i,
            "trial": i,
            "config_id": str(i),
            "level": 1,
            "units": 1,
            "units_total": i + 1,
            "full_evals": i + 1.0,
            "val_loss": loss(task, method, seed, i),
            "test_loss": 0.0,
            "true_loss": loss(task, method, seed, i),
            "status": "ok",
            "virtual_seconds": float(i),
        }
        for task in tasks
        for method in methods
        for seed in range(SEEDS)
        for i in range(reports)
    ]
    described = StoredStudy(
        name=name,
        id="ab12cd34",
        config=StoredConfig(
            float(reports),
            workers=1,
            eta=config.get("eta"),
            task_options=tuple(config.get("task_option", ())),
        ),
        tasks={
            task: StoredTask("epoch", 1, "loss", "loss", optimum) for task, optimum in tasks.items()
        },
        methods=tuple(methods),
        seeds=SEEDS,
        asked={},
    )
    return LoadedStudy(Path(name), described, pd.DataFrame(rows), {}, [])


METHODS = STUDIES["counting-ones"].methods
RANK = {"tpe": 0, "bohb": 2, "asha": 3, "hpbandster-hyperband": 4, "random": 6}


def counting(task: str, method: str, seed: int, i: int) -> float:
    """Regret (falling with reports from 11 on, jittered by the seed) times -d, minus d."""
    d = int(task.rpartition("-")[2])
    if method == "hpbandster-bohb":
        rank = 4.0 if i < 8 else 1.0
    elif method == "tpe-univariate":
        rank = 0.5 if d == 64 else 5.0
    else:
        rank = float(RANK[method])
    return -d * (1 - (0.1 * rank + 0.001 * (seed % 3) + 0.01 / (i + 1)))


@pytest.fixture(scope="module")
def counted() -> Any:
    tasks = {f"counting-ones-{d}": -float(d) for d in (8, 16, 64)}
    main = study("counting-ones", tasks, METHODS, 60, counting)
    few = {name: tasks[name] for name in ("counting-ones-8", "counting-ones-16")}
    methods = ("random", "hpbandster-hyperband")
    reference = study(
        "r", few, methods, 1000, lambda t, m, s, i: -float(t[14:]) * (0.8397 if s % 2 else 0.8401)
    )
    return counting_ones_report(main, reference)


def test_claims_of_counting_ones_are_judged_by_the_frames(counted: Any) -> None:
    holds = {claim.claim: claim.holds for claim in counted.claims}
    assert holds["Hyperband is ahead of random search early"] == "yes"
    assert holds["random search is behind all others at the end"] == "yes"
    # equal in every seed: they had drawn the same
    assert holds["BOHB is like Hyperband at the start"] == "by construction"
    assert holds["then BOHB is ahead of Hyperband"] == "yes"
    assert holds["TPE overtakes Hyperband"] == "yes: d = 64; no: d = 8, d = 16"
    # TPE (multivariate) has rank 0 in these frames
    best = holds["BOHB is best at d = 16"]
    assert best.startswith("yes: random, tpe-univariate, ")
    assert best.endswith("; no: tpe")
    assert holds["TPE beats BOHB at d = 64"] == "yes"
    early = next(c.ours for c in counted.claims if c.claim.startswith("Hyperband is ahead"))
    assert "d = 8: +0.2000 [0.200, 0.200]" in early


def test_reference_values_hold_within_three_standard_errors_of_both(counted: Any) -> None:
    """All cells here have a regret of 0.16: right for random at d = 8 after 100, wrong else."""
    holds = {c.claim: c.holds for c in counted.claims if c.claim.startswith("reference")}
    assert holds["reference value of random, d = 8, at 100 / 1,000"] == "yes: at 100; no: at 1000"
    assert holds["reference value of hpbandster-hyperband, d = 16, at 100 / 1,000"] == "no"
    mean, error = counted.numbers["reference"]["8"]["random"]["100"]
    assert mean == pytest.approx(0.1601)
    assert error == pytest.approx(0.0002 * (12 / 11) ** 0.5 / 12**0.5)


def test_a_report_is_a_table_and_json(counted: Any) -> None:
    text = counted.markdown()
    assert text.count("| claim | source | published | here | verdict |") == 1
    assert "| 8 | `random` | 0.6" in text
    assert len(counted.to_json()["claims"]) == 7 + 4
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {6, 8}


def test_dehb_counts_evaluations_and_divides_counting_ones() -> None:
    def loss(task: str, method: str, seed: int, i: int) -> float:
        best = {"counting-ones-100": -70.0, "mfh3": -3.0, "mfh6": -2.314}[task]
        return best + 0.01 * (seed % 5 - 2) if i >= 59 else 0.0

    tasks = {"counting-ones-100": -100.0, "mfh3": -3.86, "mfh6": -3.32}
    found = dehb_report(study("dehb", tasks, ("bohb",), 300, loss))
    values = found.numbers["values"]
    assert [v[0] for v in values["counting-ones-100"]["bohb"]] == pytest.approx(
        [-0.7] * 5, abs=1e-3
    )
    assert [v[0] for v in values["mfh3"]["bohb"]] == pytest.approx([-3.0] * len(AT), abs=1e-2)
    ours = {claim.claim.partition(":")[0]: claim.ours for claim in found.claims}
    assert ours == {
        "counting-ones-100": "higher than bohb",
        "mfh3": "DEHB lower than bohb",
        "mfh6": "within 2 standard errors of bohb",
    }


def test_fcnet_says_by_how_many_standard_errors_it_differs() -> None:
    def loss(task: str, method: str, seed: int, i: int) -> float:
        spread = 1 + 0.01 * (seed % 2 - 0.5)
        if task == "fcnet-parkinsons":
            return spread * {"random": 0.01558, "tpe-univariate": 0.00990}.get(method, 0.009)
        return spread * 0.5

    tasks = {f"fcnet-{name}": 0.0 for name in ("parkinsons", "protein", "naval", "slice")}
    found = fcnet_report(study("fcnet", tasks, STUDIES["fcnet"].methods, 100, loss))
    holds = {claim.claim: claim.holds for claim in found.claims}
    assert holds["fcnet-parkinsons: expected best of 80 random draws"] == "yes"
    assert holds["fcnet-protein: expected best of 80 random draws"] == "no"
    # standard error 0.0000149: 1.2 from one publication, 16 from the other
    assert holds["fcnet-parkinsons: tpe-univariate after 80 evaluations"] == "yes and no"
    assert holds["fcnet-protein: random after 80 evaluations"] == "no"
    said = next(c.ours for c in found.claims if "tpe-univariate after 80" in c.claim)
    assert said.startswith("0.009900 +- 1.5e-05 (+1.2 and -16.0 s.e.)")


def test_ablations_compare_seed_by_seed_and_mark_what_the_tests_tell_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def loss(task: str, method: str, seed: int, i: int) -> float:
        more = {"hyperband": 0.5, "bohb-random-0": -0.25}.get(method, 0.0)
        return seed + more + (0.1 * (-1) ** seed if method == "bohb-stock" else 0.0)

    tasks = {"a": 0.0, "b": None}
    methods = ("bohb", "hyperband", "bohb-stock", "bohb-random-0")
    base = study("ablations", tasks, methods, 2, loss)
    eta = study("eta", tasks, ("bohb",), 2, lambda t, m, s, i: s + 1.0, eta=9)
    rungs = study(
        "rungs", tasks, ("bohb",), 2, lambda t, m, s, i: s - 1.0, task_option=["a.lowest_rung=2"]
    )
    found = ablations_report(base, eta, rungs)
    (table,) = found.tables
    assert [cell.emphasis for cell in table.rows[0][2:]] == ["bold"] * 2
    rows = {row[0]: row[2:] for row in table.texts()}
    assert rows["no model"] == ("+0.5000 [0.500, 0.500], 100%",) * 2
    assert rows["random fraction 0"] == ("-0.2500 [-0.250, -0.250], 0%",) * 2
    assert rows["eta 9"] == ("+1.000 [1.00, 1.00], 100%",) * 2
    assert rows["lowest rung 2"] == ("-1.000 [-1.00, -1.00], 0%",) * 2
    (stock,) = (row for row in table.rows if row[0].text == "neither fix (as Ray ships it)")
    assert stock[2].emphasis == "plain"
    assert found.numbers["gains"]["hyperband"]["a"]["gain"] == 0.5
    # ten comparisons, most of which have all seeds on one side
    assert found.numbers["gains"]["hyperband"]["a"]["holm"] == pytest.approx(10 * 2 / 2**SEEDS)
    assert "Holm's correction over the 10 comparisons" in found.notes[-1]
    monkeypatch.setattr(sys.modules[__name__], "SEEDS", 3)
    (few,) = ablations_report(study("ablations", tasks, methods, 2, loss)).tables
    assert {cell.emphasis for row in few.rows for cell in row[2:]} == {"plain"}


def test_studies_of_a_group_are_run_together() -> None:
    names = [study.name for study in paper_studies("counting-ones")]
    assert names == ["counting-ones", "counting-ones-reference"]
    assert [s.name for s in paper_studies("dehb-full")] == ["dehb-full"]
    assert len(paper_studies("ablations")) == 3


# What is committed


PAPER = ROOT / "results" / "paper"


@cache
def packed(group: str) -> ClaimsReport:
    """The claims of a group, computed from the packed studies."""
    return REPORTS[group](*(load_study(PAPER / study.name) for study in paper_studies(group)))


@pytest.mark.parametrize("group", REPORTS)
def test_committed_claims_are_those_of_the_committed_rows(group: str) -> None:
    first = paper_studies(group)[0].name
    stem = PAPER / (group if (PAPER / group).is_dir() else first) / "claims"
    assert stem.with_suffix(".md").read_text() == packed(group).markdown()
    assert stem.with_suffix(".json").read_bytes() == json_bytes(packed(group).to_json())


def test_the_page_of_results_says_what_the_packed_studies_say() -> None:
    text = (ROOT / RESULTS).read_text()
    section = claims_section(packed(group) for group in REPORTS if group != MAIN)
    assert f"{BEGIN}\n\n{section}\n\n{END}" in text


def test_the_results_on_the_page_are_those_of_the_packed_studies() -> None:
    text = (ROOT / RESULTS).read_text()
    assert f"{MAIN_BEGIN}\n\n{results_section(packed(MAIN))}\n\n{MAIN_END}" in text


def test_a_page_without_its_lines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.md").write_text(f"{BEGIN}\n")
    with pytest.raises(StudyError, match="lacks the lines"):
        update_page(tmp_path / "results.md", [])
    (tmp_path / "results.md").write_text(f"before\n{BEGIN}\nwas here\n{END}\nafter\n")
    update_page(tmp_path / "results.md", [])
    text = (tmp_path / "results.md").read_text()
    assert text.startswith(f"before\n{BEGIN}\n\n**Claim by claim**")
    assert text.endswith(f"{END}\nafter\n")
    assert "was here" not in text


def test_results_and_claims_have_places_of_their_own(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    table = Table("A table", columns("a"), rows([["1"]]))
    main = ClaimsReport(MAIN, (), (table,), ("One.", "Two."))
    other = ClaimsReport(
        "ablations", (), (Table("Another", columns("b"), rows([["2"]])),), ("Three.",)
    )
    page.write_text(f"{BEGIN}\n{END}\n")
    with pytest.raises(StudyError, match="lacks the lines <!-- results"):
        update_page(page, [main, other])
    assert page.read_text() == f"{BEGIN}\n{END}\n"
    page.write_text(f"{MAIN_BEGIN}\nold\n{MAIN_END}\nbetween\n{BEGIN}\n{END}\n")
    update_page(page, [other, main])
    results, _, claims = page.read_text().partition("\nbetween\n")
    assert results == (
        f"{MAIN_BEGIN}\n\n**A table**\n\n| a |\n| --- |\n| 1 |\n\nInterpretation. One. Two.\n\n"
        f"{MAIN_END}"
    )
    assert "**Another**\n\n| b |" in claims
    assert "A table" not in claims
    before = page.read_text()
    update_page(page, [main, other])
    assert page.read_text() == before


def test_claims_are_written_once_all_studies_of_a_group_are_packed(tmp_path: Path) -> None:
    paper = ROOT / "results" / "paper"
    for study in paper_studies("dehb")[:-1]:
        shutil.copytree(paper / study.name, tmp_path / study.name)
    assert write_report("dehb", tmp_path) is None
    assert write_report("digits", paper) is None
    last = paper_studies("dehb")[-1].name
    shutil.copytree(paper / last, tmp_path / last)
    written = write_report("dehb", tmp_path)
    assert written is not None
    assert all(file.read_bytes() for file in written.files)


def test_the_papers_own_size_is_extrapolated_from_what_was_measured() -> None:
    config = STUDIES["counting-ones"].config(full=True)
    assert (config.budget, config.seeds) == (8192, 512)
    packed = ROOT / "results" / "paper" / "counting-ones"
    said = measured_effort(config, packed).splitlines()
    assert len(said) == len(config.methods) + 1
    small = load_study(packed)
    for line, method in zip(said, config.methods, strict=False):
        walls = [r.measured("wall") for (_, m, _), r in small.cells.items() if m == method]
        power = 1 if method in {"random", "hpbandster-hyperband", "asha"} else 2
        hours = sum(walls) / len(walls) * 32**power * 4 * 512 / 3600
        assert line.startswith(f"{method}: 2048 cells, about {hours:,.1f} CPU hours ")


def test_the_two_variants_of_asha_are_compared_seed_by_seed() -> None:
    """Promotion is lower in every seed of one task, and alike on the other."""

    def loss(task: str, method: str, seed: int, i: int) -> float:
        lower = method == "asha-promotion" and task == "a"
        return 2.0 + seed / 10 - (1.0 if lower else 0.0)

    methods = ("random", "asha", "asha-promotion")
    found = asha_report(study("asha", {"a": 0.0, "b": None}, methods, 10, loss))
    (claim,) = found.claims
    assert claim.holds == "yes: a; not decided: b"
    (table,) = found.tables
    rows = table.texts()
    assert [row[:2] for row in rows] == [
        ("a", "1"), ("", "3"), ("", "10"), ("b", "1"), ("", "3"), ("", "10"),
    ]  # fmt: skip
    # three of six comparisons differ, in all seeds: their p is 2 / 2^12 each, times six
    p = 6 * 2 / 2**SEEDS
    assert rows[0][4] == f"+1.000 [1.00, 1.00]; p {p:.2g}"
    assert [row[5] for row in rows] == [f"{SEEDS}, lower in {SEEDS}"] * 3 + ["0, lower in 0"] * 3
    assert [row[4].emphasis == "bold" for row in table.rows] == [True] * 3 + [False] * 3
    assert found.numbers["gains"]["a"]["1"]["holm"] == pytest.approx(p)
    assert "after Holm's correction over the 6 comparisons" in found.notes[1]
