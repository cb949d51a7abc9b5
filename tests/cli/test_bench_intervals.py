"""How often intervals cover: the simulation, its command, and what the documentation says of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from bohb_study.benchmarking import interval_coverage
from bohb_study.benchmarking.interval_coverage import METHODS, POPULATIONS, Coverage, coverages
from bohb_study.cli import bench_intervals, command_line
from bohb_study.cli.bench_intervals import coverage_table
from bohb_study.summaries.markdown import to_markdown
from repository import ROOT


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two populations, and a target that is known well enough for a handful of samples."""
    some = {name: POPULATIONS[name] for name in ("normal", "40 % ties")}
    monkeypatch.setattr(interval_coverage, "POPULATIONS", some)
    monkeypatch.setattr(interval_coverage, "MANY", 2000)


@pytest.mark.usefixtures("few")
def test_every_interval_is_simulated_on_every_population() -> None:
    found = coverages((10,), 40, 0)
    assert [(one.population, one.interval) for one in found] == [
        (name, method) for name in ("normal", "40 % ties") for method in METHODS
    ]
    normal = {one.interval: one for one in found if one.population == "normal"}
    assert all(0.8 <= one.covered <= 1 for one in normal.values())
    assert normal["percentile"].width == 1
    wide = normal["here"].width
    assert wide is not None
    assert 1.1 < wide < 1.4
    assert coverages((10,), 40, 0) == found


def test_an_interval_that_cannot_cover_does_not() -> None:
    """The simulation tells a right interval from one around another value."""
    values = np.sort(np.random.default_rng(0).standard_normal((10, 50)) + 5, axis=0)
    for ends in interval_coverage._INTERVALS.values():
        low, high = ends(values)
        assert ((low < 5.5) & (high > 4.5)).mean() > 0.9
        assert not ((low < 0) & (high > 0)).any()


@pytest.mark.usefixtures("few")
def test_the_command_prints_and_stores_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "coverage.json"
    argv = ["--sizes", "10", "12", "--samples", "20", "--out", str(out)]
    assert command_line.run(bench_intervals.main, argv) == 0
    printed = capsys.readouterr().out
    stored = json.loads(out.read_text())
    found = [Coverage(**one) for one in stored["coverage"]]
    assert to_markdown(coverage_table(found, 20)) in printed
    assert {one.n for one in found} == {10, 12}
    assert (stored["samples"], stored["seed"]) == (20, 0)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--sizes", "9"], "--sizes 9: must be at least 10: with fewer runs the range stands in"),
        (["--samples", "0"], "--samples 0: must be at least 1"),
        (["--seed", "-1"], "--seed -1: must not be negative"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_a_line(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.run(bench_intervals.main, argv) == 2
    assert said in capsys.readouterr().err


def test_the_protocol_says_what_was_measured() -> None:
    stored = json.loads((ROOT / "results/paper/interval_coverage.json").read_text())
    found = [Coverage(**one) for one in stored["coverage"]]
    page = (ROOT / "docs/protocol.md").read_text()
    assert to_markdown(coverage_table(found, stored["samples"])).strip() in page
    ours, plain = (
        [100 * one.covered for one in found if one.interval == name]
        for name in ("here", "percentile")
    )
    words = (
        f"covers {min(ours):.1f} to {max(ours):.1f} %, where the plain one covers "
        f"{min(plain):.1f} to {max(plain):.1f} %"
    )
    assert words in " ".join(page.split())
