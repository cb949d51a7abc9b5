"""ReportingASHA: ASHA's decisions, and BOHB's model hears of every report at a rung, once."""

import copy
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from bohb_study.engines import virtual
from bohb_study.engines.base import CellJob
from bohb_study.methods import get_method
from bohb_study.methods.base import METRIC, TIME, WORST, Problem
from bohb_study.methods.ray.asha_scheduler import ReportingASHA
from bohb_study.study import Cell
from bohb_study.tasks import Task, make_task

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

ARGUMENTS = {
    "time_attr": TIME,
    "metric": METRIC,
    "mode": "min",
    "max_t": 9,
    "grace_period": 1,
    "reduction_factor": 3,
}


class Heard:
    """A controller whose searcher keeps what it observes."""

    def __init__(self) -> None:
        self.results: list[tuple[str, dict[str, Any]]] = []
        self.search_alg = SimpleNamespace(on_trial_result=lambda *told: self.results.append(told))


def test_a_report_at_a_rung_names_it_and_none_between_does() -> None:
    scheduler, heard = ReportingASHA(**ARGUMENTS), Heard()
    trial: Any = SimpleNamespace(trial_id="t")
    scheduler.on_trial_add(heard, trial)
    named = []
    for time in range(1, 10):
        result = {TIME: time, METRIC: 0.5}
        decision = scheduler.on_trial_result(heard, trial, result)
        assert decision == (TrialScheduler.STOP if time == 9 else TrialScheduler.CONTINUE)
        named.append(result["hyperband_info"].get("budget"))
    assert named == [1, None, 3, None, None, None, None, None, 9]
    # the controller reports all but the last to the searcher
    assert [(told, result[TIME]) for told, result in heard.results] == [("t", 9)]


def test_what_is_stopped_at_a_rung_is_told_and_decided_as_ray_does() -> None:
    stock, ours, heard = ASHAScheduler(**ARGUMENTS), ReportingASHA(**ARGUMENTS), Heard()
    decided = []
    for number, loss in enumerate([0.5, 0.4, 0.9, 0.1, 0.8]):
        trial: Any = SimpleNamespace(trial_id=str(number))
        pair = []
        for scheduler in (stock, ours):
            scheduler.on_trial_add(heard, trial)
            pair.append(scheduler.on_trial_result(heard, trial, {TIME: 1, METRIC: loss}))
        assert pair[0] == pair[1]
        decided.append(pair[1])
    stopped = [str(n) for n, word in enumerate(decided) if word == TrialScheduler.STOP]
    assert stopped == ["2", "4"]
    assert [trial for trial, _ in heard.results] == stopped
    assert all(result["hyperband_info"] == {"budget": 1} for _, result in heard.results)


def test_a_user_s_trial_that_jumps_over_rungs_is_heard_of_where_ray_records_it() -> None:
    scheduler, heard = ReportingASHA(**ARGUMENTS), Heard()
    trial: Any = SimpleNamespace(trial_id="t")
    scheduler.on_trial_add(heard, trial)
    result = {TIME: 4, METRIC: 0.5}
    scheduler.on_trial_result(heard, trial, result)
    assert result["hyperband_info"] == {"budget": 3}
    recorded = {m for m, rung in scheduler._brackets[0]._rungs if "t" in rung}
    assert recorded == {3}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", ["synthetic-curves", "counting-ones-8", "mfh3"])
def test_the_model_hears_of_every_rung_once(
    name: str, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    """As many observations of each fidelity as rows, and of the same losses.

    (HpBandSter's generator itself drops those below the fidelity of its model.)
    """
    job = CellJob(Cell(name, "asha-bohb", 1), make_task(name), 12, workers=workers)
    pair = get_method("asha-bohb").build(job.problem)
    bohber = pair.searcher.searcher.bohber
    heard: dict[int, list[float]] = {}
    learn = bohber.new_result

    def new_result(told: Any) -> None:
        heard.setdefault(told.kwargs["budget"], []).append(told.result["loss"])
        learn(told)

    bohber.new_result = new_result
    with caplog.at_level(logging.WARNING):
        frame = virtual.run_pair(job, pair).frame
    # what is in flight when the ledger closes is shown to nobody
    seen = frame[frame["rung"].notna()]
    assert len(frame[(frame["decision"] == "end") & frame["rung"].isna()]) <= workers
    ladder = job.task.ladder
    losses = seen["val_loss"].fillna(WORST)  # which a failure is reported as
    rows = {int(level): own.tolist() for level, own in losses.groupby(seen["level"])}
    assert heard == {ladder.time(level): losses for level, losses in rows.items()}
    # the top, where all are stopped
    assert bohber.losses[ladder.max_time] == rows[ladder.top]
    assert len(bohber.configs[ladder.max_time]) == len(rows[ladder.top])
    assert (seen["decision"] == "stop").any()
    assert "BOHB Info not detected" not in caplog.text


@pytest.mark.parametrize("workers", [1, 4])
def test_the_model_picks_once_it_can_exist_and_not_before(workers: int) -> None:
    task = make_task("synthetic-curves")
    job = CellJob(Cell(task.name, "asha-bohb", 0), task, 12, workers=workers)
    frame = virtual.run_cell(job).frame
    model_after = get_method("asha-bohb").model_after
    assert model_after is not None
    needed = model_after(len(task.space(0)))
    assert needed == 14
    judged = frame[frame["rung"].notna()]
    count = judged.groupby("level").cumcount() + 1
    ready = int(judged.loc[count >= needed, "seq"].min())
    first = frame.drop_duplicates("trial")
    assert not first.loc[first["seq"] <= ready, "model_based"].any()
    later = first[first["seq"] > ready + workers]
    # a third is drawn at random
    assert 0.4 < later["model_based"].mean() < 0.9


def test_until_then_it_draws_and_decides_as_asha(
    curvy: Callable[..., Task], problem: Callable[..., Problem], controller: Callable[..., Any]
) -> None:
    reports = {}
    for method in ("asha", "asha-bohb"):
        task = curvy(9)
        driver = controller(get_method(method).build(problem(task, method)), task.ladder)
        reports[method] = copy.copy(driver.run(7, lambda number: number * 7 % 5))
        configs = [trial.config for trial in driver.trials]
        reports[method].append(configs)
    assert reports["asha"] == reports["asha-bohb"]
