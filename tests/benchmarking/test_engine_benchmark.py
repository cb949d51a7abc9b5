"""What the benchmark measures, how it puts numbers side by side, and what it refuses."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bohb_study.benchmarking import measurement_tables, verdicts
from bohb_study.benchmarking.cases import TASK, Case, Cost, Measured
from bohb_study.benchmarking.fresh import measure_all, measure_fresh
from bohb_study.cli import command_line
from bohb_study.errors import StudyError
from bohb_study.summaries.terminal import WIDE
from bohb_study.tasks import make_task
from repository import ROOT

SCRIPT = ROOT / "experiments" / "benchmark.py"
COST = Cost(10, 810, 0.5, 1.0, 200.0, 250.0, {"training": 0.1, "engine": 0.4})


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The module of the subcommand."""
    return import_module("bohb_study.cli.bench_engine")


def cost(reports: int = 810, cpu: float = 0.5, trials: int = 10, wall: float = 1.0) -> Cost:
    return Cost(trials, reports, cpu, wall, 200.0, 250.0, {})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, str]:
    """A small run as a user starts it: the file, stdout, stderr."""
    out = tmp_path_factory.mktemp("benchmark") / "new" / "engine.json"
    flags = {"--methods": "random", "--workers": "1 2", "--budgets": "1 3", "--repeats": "1"}
    words = [word for flag, values in flags.items() for word in (flag, *values.split())]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "engine", *words, "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text()), done.stdout, done.stderr


Run = tuple[dict[str, Any], str, str]


def test_a_run_measures_each_method_by_workers_and_by_budget(run: Run) -> None:
    """Fails where a case is left out, or a number in the file is not what its parts say."""
    record, _, _ = run
    assert record["task"] == TASK
    assert record["cpu"]
    assert {"python", "ray", "numpy"} <= record["versions"].keys()
    found = [(m["method"], m["workers"], m["budget"]) for m in record["measured"]]
    assert found == [("random", 1, 1), ("random", 2, 1), ("random", 1, 3)]
    for measured in record["measured"]:
        assert measured["runner"] == "virtual"
        assert measured["reports"] == 81 * measured["budget"]
        assert len(measured["cpu_seconds_of_all_runs"]) == 1  # of several: below, at no cost
        cpu = measured["cpu_seconds"]
        assert cpu == min(measured["cpu_seconds_of_all_runs"])
        assert measured["reports_per_cpu_second"] == pytest.approx(measured["reports"] / cpu)
        assert measured["trials_per_cpu_second"] == pytest.approx(measured["trials"] / cpu)
        micro = measured["cpu_microseconds_per_report"]
        assert micro == pytest.approx(1e6 * cpu / measured["reports"])
        assert measured["seconds"].keys() == set(measurement_tables.PARTS)
        assert sum(measured["seconds"].values()) <= measured["wall_seconds"]
        assert 50 < measured["imported_mb"] <= measured["peak_mb"] < 600
    # 81 epochs, 81 epochs shared by two workers, 243 epochs
    assert [measured["trials"] for measured in record["measured"]] == [1, 2, 3]


def test_a_run_says_how_cost_grows(run: Run) -> None:
    """Fails where the ratio is not that of the largest to the least budget at equal workers."""
    record, said, _ = run
    one, _, three = (m["cpu_microseconds_per_report"] for m in record["measured"])
    (line,) = record["growth"]
    assert line["what"] == "random: cost per report at 3 / at 1"
    assert line["ratio"] == pytest.approx(three / one)
    assert (line["limit"], line["holds"]) == (1.5, line["ratio"] <= 1.5)
    assert f"{line['what']}: {line['ratio']:.2f} (at most 1.5)" in said
    assert record["against_peer"] == record["against_real"] == record["real"] == []


def test_each_measurement_is_told_as_it_comes(run: Run) -> None:
    """Fails where minutes pass in silence, or progress goes to stdout."""
    _, said, told = run
    lines = told.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("1/3 virtual random, 1 worker, 1 full evaluation: ")
    assert lines[-1].startswith("3/3 virtual random, 1 worker, 3 full evaluations: ")
    assert "3/3" not in said


# --- which cases ---


def test_workers_at_the_least_budget_and_budgets_at_four_workers() -> None:
    """Fails where the default becomes the full cross product, or loses the growth's base."""
    found = verdicts.cases(["bohb"], (1, 4, 16, 64), (800, 50, 200), peer=False)
    at_50 = [(1, 50), (4, 50), (16, 50), (64, 50)]
    assert [(c.workers, c.budget) for c in found] == [*at_50, (4, 200), (4, 800)]


def test_the_peer_follows_its_pair_even_where_that_was_not_asked_for() -> None:
    """Fails where both are measured at different times, or the peer lacks its counterpart."""
    found = verdicts.cases(["grid", "asha"], (1,), (2,), peer=True)
    assert found == [
        Case("virtual", "grid", 1, 2),
        Case("virtual", "asha", 1, 2),
        Case("virtual", "asha", 4, 50),
        Case("syne-tune", "asha", 4, 50),
    ]
    pair = Case("virtual", "asha", 4, 50)
    assert verdicts.cases(["asha"], (1, 4), (50,), peer=True).count(pair) == 1


# --- ratios ---


def measured(case: Case, *runs: Cost) -> dict[Case, Measured]:
    return {case: Measured(case, runs)}


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=5))
def test_the_cheapest_run_counts(seconds: list[float]) -> None:
    """Fails where a mean or the last run is taken: other processes only ever add time."""
    runs = tuple(cost(cpu=cpu) for cpu in seconds)
    found = Measured(Case("virtual", "random", 1, 1), runs)
    assert found.least.cpu_seconds == min(seconds)
    assert found.to_json()["cpu_seconds_of_all_runs"] == seconds


@pytest.mark.parametrize(
    ("method", "ratio", "limit"),
    # ours 8000 reports, 400 trials in 2 s; theirs 4000 reports, 100 trials in 4 s
    [("random", 4.0, 4.0), ("asha", 8.0, 7.0), ("bohb", 8.0, 20.0)],
)
def test_against_the_peer_by_hand(method: str, ratio: float, limit: float) -> None:
    """Fails where theirs is divided by ours, or trials are mistaken for reports."""
    ours, theirs = Case("virtual", method, 4, 50), Case("syne-tune", method, 4, 50)
    both = measured(ours, cost(8000, 2.0, 400), cost(8000, 3.0, 400))
    both |= measured(theirs, cost(4000, 4.0, 100))
    (found,) = verdicts.against_peer(both)
    assert (found.ratio, found.limit, found.passes) == (ratio, limit, ratio >= limit)
    unit = "reports" if method == "random" else "trials"
    assert str(found).startswith(f"{method}: {unit} per CPU second, virtual / Syne Tune: ")


def test_growth_and_real_by_hand() -> None:
    """Fails where growth compares different workers, or real Ray's CPU time is believed."""
    grown = measured(Case("virtual", "asha", 4, 50), cost(1000, 1.0))
    grown |= measured(Case("virtual", "asha", 1, 50), cost(1000, 7.0))
    grown |= measured(Case("virtual", "asha", 4, 200), cost(4000, 5.0))
    grown |= measured(Case("virtual", "asha", 4, 800), cost(16000, 32.0))
    (line,) = verdicts.growth(grown)
    assert str(line) == "asha: cost per report at 800 / at 50: 2.00 (at most 1.5): MISSED"
    real = measured(Case("virtual", "asha", 1, 2), cost(162, 0.1, wall=0.5))
    real |= measured(Case("tune", "asha", 1, 2), cost(162, 0.2, wall=5.0))
    (line,) = verdicts.against_real(real)
    assert line.ratio == pytest.approx(10)
    assert line.passes


def test_portable_numerics_are_compared_with_native_ones_in_pairs() -> None:
    pairs = verdicts.native_cases(["gp"], 50)
    assert {str(case) for case in pairs if case.task == TASK} == {
        "virtual gp, 1 worker, 50 full evaluations",
        "virtual gp, 1 worker, 50 full evaluations, native numerics",
    }
    main = [case for case in pairs if case.task == "digits"]
    assert [case.method for case in main[::2]] == ["grid", "random", "asha", "bohb"]
    slow = {
        case: measured(case, cost(cpu=1.5 if case.numerics == "portable" else 1.0))[case]
        for case in pairs
    }
    lines = verdicts.against_native(slow)
    assert len(lines) == 5
    assert str(lines[0]) == f"{TASK}, gp: CPU time, portable / native numerics: 1.5"


def test_every_case_has_its_line_in_the_tables() -> None:
    """Fails where a runner's parts are unknown to the table, or it is too wide for a log."""
    peer = Cost(10, 4053, 2.0, 1.0, 180.0, 190.0, {"training": 0.5, "all the rest": 1.5})
    both = [
        Measured(Case("virtual", "hyperband", 64, 800), (COST,)),
        Measured(Case("syne-tune", "asha", 4, 50), (peer,)),
        Measured(Case("virtual", "hyperband", 8, 50), (COST,)),
    ]
    text = StringIO()
    console = Console(file=text, width=WIDE)
    console.print(measurement_tables.cost_table(both, 3))
    console.print(measurement_tables.wall_table(both))
    lines = [line.split() for line in text.getvalue().splitlines()]
    assert ["virtual", "hyperband", "64", "800", "10", "810", "0.500", "1620", "20", "617.3",
            "20%", "80%", "200", "250"] in lines  # fmt: skip
    assert ["syne-tune", "asha", "4", "50", "10", "4053", "2.000", "2026", "5", "493.5",
            "25%", "180", "190"] in lines  # fmt: skip
    assert ["virtual", "hyperband", "64", "800", "10", "810", "1.000", "810"] in lines
    first = [words[2:4] for words in lines if words[:2] == ["virtual", "hyperband"]]
    assert first[:2] == [["8", "50"], ["64", "800"]]


def test_a_process_that_fails_is_one_line() -> None:
    """Fails where a broken measurement is passed over or shows a traceback."""
    with pytest.raises(StudyError, match=r"^virtual nobody, 1 worker, 1 full .*no such method"):
        measure_fresh(Case("virtual", "nobody", 1, 1))


def test_turns_are_taken_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where one side is measured as a block, while the machine may be busier."""
    turns: list[Case] = []

    def fake(case: Case) -> Cost:
        turns.append(case)
        return COST

    monkeypatch.setattr("bohb_study.benchmarking.fresh.measure_fresh", fake)
    a, b = Case("virtual", "asha", 4, 50), Case("syne-tune", "asha", 4, 50)
    found = measure_all([a, b], 3, lambda line: None)
    assert turns == [a, b, a, b, a, b]
    assert [len(one.runs) for one in found.values()] == [3, 3]


# --- what is refused ---

BAD = {
    "--methods nobody": "--methods nobody: no such method",
    "--methods random random": "--methods random random: random is given more than once",
    "--workers 0": "--workers 0: must be a whole number, at least 1",
    "--workers 4 4": "--workers 4 4: give at least one, and none twice",
    "--workers": "--workers: give at least one, and none twice",
    "--budgets 0.5": "--budgets 0.5: must be at least 1 full evaluation (= 81 units)",
    "--budgets 1.3": "--budgets 1.3: 1.3 x 81 = 105.3 units",
    "--repeats 0": "--repeats 0: must be at least 1",
    "--peer nobody": "invalid choice 'nobody' for argument '--peer'",
    "--real --methods grid": "--real: compares random, asha, bohb; name one of them in --methods",
    "--out .": "--out .: is a folder; name a file",
    "--out /proc/version/x/y.json": "--out /proc/version/x/y.json: /proc/version is no folder",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_usage_is_one_line(
    words: str, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails where minutes are spent before a typing error is told, or it is told by a traceback."""
    main: Callable[..., int] = script.main
    assert command_line.run(main, words.split()) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert said.count("\n") == 1
    assert said.startswith(f"error: {BAD[words]}")


def test_a_peer_that_is_not_there_is_one_line(
    script: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails where the user is not told what to install."""
    monkeypatch.setattr(script, "find_spec", lambda name: None)
    assert command_line.run(script.main, ["--peer", "syne-tune"]) == 2
    assert capsys.readouterr().err == (
        "error: --peer syne-tune: Syne Tune is not installed; "
        "pip install -e '.[syne-tune]' -c constraints.txt\n"
    )


@pytest.mark.skipif(find_spec("syne_tune") is None, reason="needs the extra syne-tune")
class TestPeer:
    """Syne Tune is given the same objective and the same budget."""

    def test_the_space_is_the_same(self) -> None:
        """Fails where a range, a scale or a choice differs."""
        from bohb_study.benchmarking.peer import domains

        assert {
            name: str(domain) for name, domain in domains(make_task(TASK).space(0)).items()
        } == {
            "lr": "loguniform(0.0001, 1.0)",
            "optimizer": "choice(['sgd', 'momentum', 'adam'])",
            "units": "lograndint(16, 1024)",
            "dropout": "uniform(0.0, 0.8)",
            "layers": "randint(1, 5)",
            "batch_size": "lograndint(16, 512)",
        }

    def test_losses_are_those_of_the_task(self) -> None:
        """Fails where the simulator sees other losses or durations than ours does."""
        from bohb_study.benchmarking.peer import ELAPSED, LOSS, TaskBackend

        task = make_task(TASK)
        config = task.space(3).sample_configuration()
        _, results = TaskBackend(task, 5)._run_job_and_collect_results(0, dict(config))
        evaluation = task.start(dict(config), 5)
        assert [r[LOSS] for r in results] == [evaluation.advance(t).val_loss for t in range(1, 82)]
        assert [r[ELAPSED] for r in results] == pytest.approx(
            [task.duration(dict(config), 0, t) for t in range(1, 82)]
        )

    @pytest.mark.parametrize("method", verdicts.PEER_METHODS)
    def test_the_budget_is_the_same(self, method: str) -> None:
        """Fails where theirs ends early, or runs on for more than the last look at its clock."""
        found = measure_fresh(Case("syne-tune", method, 4, 3))
        assert 243 <= found.reports < 243 + 4 * 10
        assert found.trials >= 3
