"""Engines that tell methods the test loss, and audits that catch them.

Both leaks leave accounting, rungs and order as they should be; the second leaves even the rows of
methods without halving such that no other check sees anything.
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bohb_study.audit.evidence import Evidence, MethodFacts, TaskFacts, evidence
from bohb_study.audit.verdict import Audit, audit
from bohb_study.engines.base import CellJob, CellResult, run_cell
from bohb_study.engines.sealed_report import SealedReport, opened
from bohb_study.methods import get_method
from bohb_study.methods.base import METRIC, seen
from bohb_study.seeding import Config
from bohb_study.store.cell_record import CellRecord
from bohb_study.study import Cell
from bohb_study.tasks import Report
from bohb_study.tasks.fingerprints import describe_space
from toy_cells import ToyEvaluation, ToyTask

HALVING = ("hyperband", "bohb", "hpbandster-bohb", "asha", "asha-bohb", "asha-promotion")
MODELS = ("tpe", "tpe-univariate", "gp")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")


@dataclass(frozen=True)
class TestedTask(ToyTask):
    """The best on validation is the worst on the test part."""

    __test__ = False

    name: ClassVar[str] = "tested"

    def start(self, config: Config, seed: int) -> ToyEvaluation:
        return TestedEvaluation(self, config, seed)


class TestedEvaluation(ToyEvaluation):
    __test__ = False

    def advance(self, level: int) -> Report:
        report = super().advance(level)
        return report._replace(test_loss=5.0 - report.val_loss)


def leak(report: SealedReport, time: int) -> dict[str, Any]:
    """The test loss, in place of the other."""
    return {**seen(report, time), METRIC: opened(report).test_loss}


def leak_at_completion(report: SealedReport, time: int) -> dict[str, Any]:
    """The same, of the result with which a trial ends."""
    ends = sys._getframe(1).f_code.co_name == "stop_trial"
    return leak(report, time) if ends else seen(report, time)


def audited(method: str, budget: float = 20, workers: int = 1) -> tuple[CellResult, Audit]:
    task = TestedTask()
    result = run_cell(CellJob(Cell("tested", method, 0), task, budget, workers))
    known, ladder = get_method(method), task.ladder
    plans = {}
    if known.plan:
        band = known.plan(ladder)
        plans = {"tested": [[(rung.level, rung.trials) for rung in one] for one in band]}
    record = CellRecord(
        Cell("tested", method, 0), 4, len(result.frame), "", "", {}, (),
        ledger=result.account, told=asdict(result.told) if result.told else {},
        json={"told": {}},
    )  # fmt: skip
    key = ("tested", method, 0)
    facts: Evidence = evidence(
        result.frame,
        records={key: record},
        asked=[key],
        tasks={
            "tested": TaskFacts(
                ladder.costs, ladder.curve, ladder.resumable, describe_space(task.space(0))
            )
        },
        methods={
            method: MethodFacts(
                plans, known.model_after, known.budget_factor, known.known_defect, known.halving
            )
        },
        budget=budget,
        workers=workers,
    )
    return result, audit(facts)


def states(found: Audit) -> dict[str, str]:
    return {name: checked.state for name, checked in found.checks.items()}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("method", HALVING)
def test_a_promotion_by_test_losses_is_seen_in_the_rows(
    method: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, clean = audited(method, workers=workers)
    assert clean.passes, clean.lines()
    assert states(clean)["promotions"] == states(clean)["told"] == "holds"
    monkeypatch.setattr("bohb_study.engines.virtual.seen", leak)
    _, found = audited(method, workers=workers)
    assert not found.passes
    bad = {name for name, state in states(found).items() if state == "violated"}
    assert bad == {"told", "promotions"}
    (line,) = (str(one) for one in found.findings if one.check == "promotions")
    assert line.startswith(f"promotions: tested/{method}: seed 0: ")
    assert "trial " in line


@pytest.mark.parametrize("method", MODELS)
def test_a_searcher_that_is_told_the_test_loss_at_the_end_is_seen(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, before = audited(method, budget=12)
    assert before.passes, before.lines()
    monkeypatch.setattr("bohb_study.engines.virtual.seen", leak_at_completion)
    result, found = audited(method, budget=12)
    assert not result.frame["val_loss"].equals(clean.frame["val_loss"])  # it chose by them
    assert {name for name, state in states(found).items() if state == "violated"} == {"told"}
    (finding,) = found.findings
    told = result.told
    assert told is not None
    assert str(finding) == (
        f"told: tested/{method}/0: {told.otherwise} of {told.losses} losses that its method was "
        "told are not the validation losses of its rows"
    )
    assert 0 < told.otherwise < told.losses


def test_a_method_that_learns_from_the_test_loss_at_the_end_alone_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where no scheduler halves and nobody but the searcher hears of it."""
    monkeypatch.setattr("bohb_study.engines.virtual.seen", leak_at_completion)
    for method in ("random", "grid", "median"):
        _, found = audited(method, budget=6)
        assert states(found)["told"] == "violated"


def test_leaks_are_no_part_of_the_product() -> None:
    """What this test plants by patching is nowhere in the engines."""
    engines = Path(sys.modules["bohb_study.engines"].__file__ or "").parent
    text = (engines / "virtual.py").read_text()
    assert "test_loss" not in text
