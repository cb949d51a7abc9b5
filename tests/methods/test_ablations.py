"""BOHB with one thing changed: that thing is changed, and nothing else."""

from collections import Counter
from functools import cache
from typing import Any

import pandas as pd
import pytest

from bohb_study.analysis.diagnostics.brackets import check_rungs, model_share
from bohb_study.engines import virtual
from bohb_study.engines.base import CellJob
from bohb_study.methods import ABLATIONS, METHODS, get_method
from bohb_study.study import Cell
from bohb_study.tasks import make_task

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

TASK = "counting-ones-8"


@cache
def ran(method: str, budget: int = 22) -> tuple[pd.DataFrame, Counter[int]]:
    """Rows of a cell, and how often BOHB's generator observed a result, by scheduler time."""
    job = CellJob(Cell(TASK, method, 0), make_task(TASK), budget)
    pair = get_method(method).build(job.problem)
    told = Counter[int]()
    generator: Any = pair.searcher.searcher.bohber
    tell = generator.new_result

    def counted(result: Any) -> None:
        told[result.kwargs["budget"]] += 1
        tell(result)

    generator.new_result = counted
    return virtual.run_pair(job, pair).frame, told


def judged(frame: pd.DataFrame) -> Counter[int]:
    """Reports that the scheduler judged at a rung, by scheduler time."""
    ladder = make_task(TASK).ladder
    return Counter(ladder.time(level) for level in frame.loc[frame["rung"].notna(), "level"])


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_says_what_it_is(name: str) -> None:
    method = get_method(name)
    assert method.name == name
    assert method.source == "an ablation of bohb"
    assert method.pauses
    assert method.plan == get_method("bohb").plan
    assert method.model_after == get_method("bohb").model_after
    assert name not in METHODS


def test_with_both_fixes_brackets_are_filled_and_all_results_observed() -> None:
    frame, told = ran("bohb")
    assert rungs_hold("bohb", frame)
    assert told == judged(frame)
    assert told[81] > 5


def test_without_the_final_report_fix_brackets_hold_and_the_model_knows_less() -> None:
    frame, told = ran("bohb-no-final-report-fix")
    assert rungs_hold("bohb-no-final-report-fix", frame)
    rungs = judged(frame)
    assert all(0 < told[time] <= rungs[time] for time in (3, 9, 27, 81))
    assert sum(told.values()) < sum(rungs.values())
    assert told[81] < rungs[81]


def test_without_the_halving_fix_the_plan_does_not_hold_and_ends_are_observed() -> None:
    frame, told = ran("bohb-no-halving-fix")
    assert not rungs_hold("bohb-no-halving-fix", frame)
    assert get_method("bohb-no-halving-fix").known_defect
    assert told[81] > 0
    assert ran("bohb-stock")[1][81] == 0


def rungs_hold(method: str, frame: pd.DataFrame) -> bool:
    plan = get_method(method).plan
    assert plan is not None
    band = [[(r.level, r.trials) for r in b] for b in plan(make_task(TASK).ladder)]
    return all(check.passes for check in check_rungs(frame, band, workers=1))


@pytest.mark.parametrize(
    ("method", "low", "high"),
    [
        ("bohb-random-0", 1.0, 1.0),
        ("bohb-random-10", 0.8, 0.99),
        ("bohb", 0.55, 0.8),
        ("bohb-random-67", 0.2, 0.45),
    ],
)
def test_shares_of_random_draws(method: str, low: float, high: float) -> None:
    (share,) = model_share(ran(method)[0], needed=18, top=729)
    assert share.suggestions > 60
    assert low <= share.model_based / share.suggestions <= high
    assert share.too_early == 0


def test_all_begin_with_the_same_draws() -> None:
    firsts = {m: ran(m)[0].drop_duplicates("trial")["config_id"].tolist()[:9] for m in ABLATIONS}
    assert all(first == firsts["bohb-random-0"] for first in firsts.values())
