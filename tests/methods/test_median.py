"""IncrementalMedian decides as Ray's MedianStoppingRule does, from means that it keeps sorted."""

import math
import random
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.experiment import Trial
from ray.tune.schedulers import MedianStoppingRule, TrialScheduler

from bohb_study.engines import virtual
from bohb_study.engines.base import CellJob
from bohb_study.methods import get_method
from bohb_study.methods.base import METRIC, STATUS, TIME, WORST, Problem
from bohb_study.methods.ray.median_rule import IncrementalMedian
from bohb_study.study import Cell
from bohb_study.tasks import Task, make_task

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of inf - inf

RULE: dict[str, Any] = {
    "time_attr": TIME,
    "metric": METRIC,
    "grace_period": 3,
    "min_samples_required": 3,
}
NEVER_PAUSES: dict[str, Any] = {**RULE, "mode": "min", "min_time_slice": math.inf}
TOP = 27


class FakeTrial:
    """What the rule sees of a trial."""

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id
        self.status = Trial.PENDING
        self.config: dict[str, Any] = {}


def decisions(
    scheduler: MedianStoppingRule,
    seed: int,
    losses: list[float],
    steps: int,
    skip: int,
    grid: bool,
) -> Iterator[str]:
    """What is decided on results of 6 trials at a time, in a random order, until each is 27 old.

    Trials go on by 0 to ``skip`` epochs at a time, or from rung to rung where ``grid``; one that
    is paused is resumed.
    """
    rng = random.Random(seed)
    running: list[tuple[FakeTrial, int]] = []
    opened = 0
    # Ray asks whether others wait
    live = SimpleNamespace(get_live_trials=lambda: [trial for trial, _ in running])
    for _ in range(steps):
        while len(running) < 6:
            running.append((FakeTrial(str(opened)), 0))
            scheduler.on_trial_add(live, running[-1][0])
            opened += 1
        trial, time = running.pop(rng.randrange(6))
        ahead = max(1, 3 * time) if grid else time + max(rng.randint(0, skip), not time)
        time = min(TOP, ahead)
        result = {TIME: time, METRIC: rng.choice(losses)}
        decision = scheduler.on_trial_result(live, trial, result)
        if time == TOP:
            decision = TrialScheduler.STOP
        yield decision
        if decision == TrialScheduler.STOP:
            scheduler.on_trial_complete(live, trial, result)
        else:
            running.append((trial, time))


LOSSES = st.one_of(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=30),
    st.lists(st.floats(), min_size=1, max_size=30),
    st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=1, max_size=5),
)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 1000),
    losses=LOSSES,
    skip=st.integers(1, 9),
    grid=st.booleans(),
    mode=st.sampled_from(["min", "max"]),
    more=st.sampled_from(
        [{"min_time_slice": math.inf}, {"min_time_slice": 2}, {"hard_stop": False}]
    ),
)
def test_every_decision_is_rays(
    seed: int, losses: list[float], skip: int, grid: bool, mode: str, more: dict[str, Any]
) -> None:
    rule = {**RULE, "mode": mode, **more}
    made = [
        list(decisions(scheduler, seed, losses, 150, skip, grid))
        for scheduler in (MedianStoppingRule(**rule), IncrementalMedian(**rule, max_t=TOP))
    ]
    assert made[0] == made[1]


@pytest.mark.parametrize("grid", [False, True])
def test_the_comparison_sees_stops_and_long_curves(grid: bool) -> None:
    """From eight values on numpy sums in another order: that, too, is the same."""
    losses = np.random.default_rng(0).normal(size=1000).tolist()
    stock, ours = (
        list(decisions(scheduler, 1, losses, 800 if grid else 4000, 1, grid))
        for scheduler in (
            MedianStoppingRule(**NEVER_PAUSES),
            IncrementalMedian(**NEVER_PAUSES, max_t=TOP),
        )
    )
    assert ours == stock
    assert {TrialScheduler.STOP, TrialScheduler.CONTINUE} == set(ours)
    assert ours.count(TrialScheduler.STOP) > 50


def test_the_cost_of_a_report_does_not_grow_with_the_trials() -> None:
    def calls(reports: int) -> int:
        """Python functions that the last of so many reports calls."""
        rule = IncrementalMedian(**NEVER_PAUSES, max_t=TOP)
        losses = np.random.default_rng(0).normal(size=1000).tolist()
        told = decisions(rule, 0, losses, reports, 1, grid=True)
        for _ in range(reports - 30):
            next(told)
        counted = 0

        def count(frame: Any, event: str, arg: Any) -> None:
            nonlocal counted
            counted += event == "call"

        sys.setprofile(count)
        try:
            list(told)
        finally:
            sys.setprofile(None)
        return counted

    assert calls(2000) < 1.5 * calls(200)


def test_it_keeps_no_trial_that_has_ended() -> None:
    """A trial of engine virtual holds all that it trained."""
    rule = IncrementalMedian(**NEVER_PAUSES, max_t=TOP)
    list(decisions(rule, 0, [0.1, 0.2, 0.3], 300, 3, grid=False))
    assert rule._stopped_trials
    assert all(isinstance(trial, str) for trial in rule._stopped_trials)
    assert not rule._results


def test_a_trial_ends_at_the_top() -> None:
    rule = IncrementalMedian(**NEVER_PAUSES, max_t=9)
    trial: Any = FakeTrial("t")
    rule.on_trial_add(None, trial)
    word = [rule.on_trial_result(None, trial, {TIME: t, METRIC: 0.5}) for t in (1, 3, 8, 9)]
    assert word == [TrialScheduler.CONTINUE] * 3 + [TrialScheduler.STOP]


def test_a_result_without_time_or_metric_is_passed_over_as_ray_does() -> None:
    rule = IncrementalMedian(**NEVER_PAUSES, max_t=9)
    trial: Any = FakeTrial("t")
    for result in ({TIME: 9}, {METRIC: 0.5}, {}):
        assert rule.on_trial_result(None, trial, result) == TrialScheduler.CONTINUE
        rule.on_trial_complete(None, trial, result)
    assert not rule._histories


def told(rule: Any, trial: FakeTrial, time: int, loss: float | None) -> str:
    """What is decided on a result; None where the training failed."""
    result = {TIME: time, METRIC: loss, STATUS: "ok"}
    if loss is None:
        result |= {METRIC: WORST, STATUS: "failed"}
    word: str = rule.on_trial_result(None, trial, result)
    return word


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e9, 1e300])
def test_a_trial_that_fails_is_the_worst_from_then_on(unit: float) -> None:
    """By Ray's rule it would live on by its best of before."""

    def word(rule: Any) -> str:
        trials = [FakeTrial(str(number)) for number in range(4)]
        for trial in trials:
            rule.on_trial_add(None, trial)
        for time in range(1, 9):
            for trial in trials[:3]:
                assert told(rule, trial, time, unit) == TrialScheduler.CONTINUE
        for time in range(1, 6):
            assert told(rule, trials[3], time, unit / 2) == TrialScheduler.CONTINUE
        return told(rule, trials[3], 6, None)

    assert word(IncrementalMedian(**NEVER_PAUSES, max_t=TOP)) == TrialScheduler.STOP
    assert word(MedianStoppingRule(**NEVER_PAUSES)) == TrialScheduler.CONTINUE


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e9, 1e300])
def test_between_failures_and_results_any_result_goes_on(unit: float, mode: str) -> None:
    """Two of four others failed, one of them after good epochs, which its mean forgets."""
    rule = IncrementalMedian(**{**NEVER_PAUSES, "mode": mode}, max_t=TOP)
    unit = unit if mode == "min" else -unit
    trials = [FakeTrial(str(number)) for number in range(6)]
    for trial in trials:
        rule.on_trial_add(None, trial)
    losses = [[1.0, 1.0], [2.0, 2.0], [None, None], [0.5, None]]
    for time in (3, 4):
        for trial, own in zip(trials, losses, strict=False):
            loss = own[time - 3]
            told(rule, trial, time, None if loss is None else loss * unit)
    assert told(rule, trials[4], 4, 9.0 * unit) == TrialScheduler.CONTINUE
    assert told(rule, trials[5], 4, None) == TrialScheduler.STOP


def test_a_trial_that_recovers_is_judged_by_what_came_since() -> None:
    """Of image networks a report can have diverged and the next one not."""
    rule = IncrementalMedian(**NEVER_PAUSES, max_t=TOP)
    trials = [FakeTrial(str(number)) for number in range(4)]
    for trial in trials:
        rule.on_trial_add(None, trial)
    for time in range(1, 9):
        for trial in trials[:3]:
            told(rule, trial, time, 1.0)
    assert told(rule, trials[3], 3, 0.5) == TrialScheduler.CONTINUE
    assert told(rule, trials[3], 4, None) == TrialScheduler.STOP
    rule._stopped_trials.clear()
    assert told(rule, trials[3], 5, 0.9) == TrialScheduler.CONTINUE
    assert told(rule, trials[3], 6, 2.0) == TrialScheduler.CONTINUE  # its best is 0.9
    other = FakeTrial("other")
    rule.on_trial_add(None, other)
    assert told(rule, other, 8, 1.5) == TrialScheduler.STOP


# The method


def run(name: str, budget: float, workers: int = 1) -> Any:
    job = CellJob(Cell(name, "median", 0), make_task(name), budget, workers=workers)
    return virtual.run_cell(job)


@pytest.mark.parametrize("workers", [1, 4])
def test_on_a_curve_it_stops_at_any_epoch_but_none_below_the_second_rung(workers: int) -> None:
    frame = run("synthetic-curves", 12, workers).frame
    stopped = frame[frame["decision"] == "stop"]
    assert stopped["level"].min() >= 3
    assert stopped["rung"].isna().any()
    assert set(frame.loc[frame["rung"].notna(), "level"]) == {1, 3, 9, 27, 81}
    assert set(frame["decision"]) == {"continue", "promote", "stop", "end"}
    assert (frame.loc[frame["level"] == 81, "decision"] == "end").all()


@pytest.mark.parametrize("workers", [1, 4])
def test_without_a_curve_it_goes_from_rung_to_rung(workers: int) -> None:
    result = run("mfh3", 12, workers)
    frame = result.frame
    assert result.account.violations() == []
    costs = make_task("mfh3").ladder.costs
    for _, own in frame.groupby("trial"):
        assert tuple(own["level"]) == costs[: len(own)]
    # 3 others must have come as far before one is judged
    stops = frame[frame["decision"] == "stop"]
    assert set(stops["level"]) <= set(costs[1:])
    first = stops.iloc[0]
    before = frame[(frame["level"] == first["level"]) & (frame["seq"] < first["seq"])]
    assert before["trial"].nunique() >= 3


def test_nothing_is_ever_paused(
    curvy: Callable[..., Task], problem: Callable[..., Problem], controller: Callable[..., Any]
) -> None:
    """Also while few trials have come as far and others wait: engine virtual has no such answer."""
    task = curvy(9)
    driver = controller(get_method("median").build(problem(task, "median")), task.ladder)
    reports = driver.run(12, lambda number: number * 7 % 5, workers=3)
    assert {report.record.decision for report in reports} == {"continue", "promote", "stop", "end"}


def test_the_method_notes_the_rung_that_is_due(
    curvy: Callable[..., Task], problem: Callable[..., Problem]
) -> None:
    scheduler = get_method("median").build(problem(curvy(9), "median")).scheduler
    trial: Any = FakeTrial("t")
    scheduler.on_trial_add(None, trial)
    due = []
    for level in range(1, 10):
        due.append(scheduler.due(trial))
        scheduler.on_trial_result(None, trial, {TIME: level, METRIC: 0.5})
    assert due == [1] + [3] * 2 + [9] * 6
    assert scheduler.due(trial) is None
