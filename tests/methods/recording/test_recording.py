"""The wrappers pass everything through, set the first rung, and record what was decided."""

import itertools
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock, sentinel

import numpy as np
import pytest
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from bohb_study.errors import UsageError
from bohb_study.methods import METHODS, get_method
from bohb_study.methods.base import METRIC, TIME, Pair, Problem
from bohb_study.methods.recording.recording_scheduler import (
    FIRST_RUNG,
    Record,
    RecordingScheduler,
    without_first_rung,
)
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.tasks import Task

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

Toys = Callable[..., Task]
MakeProblem = Callable[..., Problem]
HALVING = ("hyperband", "bohb", "bohb-stock")
FULL_FIDELITY = ("random", "random-2x", "grid", "tpe", "tpe-univariate", "gp")
HPBANDSTERS = ("hpbandster-hyperband", "hpbandster-bohb")


@pytest.fixture
def pair(problem: MakeProblem) -> Callable[[str, Task], Pair]:
    return lambda method, task: get_method(method).build(problem(task, method))


# Ladders on which Ray or HpBandSter loses rungs to floating-point error

ASHA_LOSES = {(3, 5), (9, 5), (10, 3), (10, 6)}
"""(eta, k): ladders 1, eta, ..., eta**k on which Ray's ASHA leaves the top rung out."""
HYPERBAND_LOSES = {
    (3, 6), (6, 6), (7, 2), (7, 3), (7, 4), (7, 8), (9, 3), (9, 5), (9, 7), (9, 8),
}  # fmt: skip
"""The same for HyperBandForBOHB: a bracket begins at 0 or one below its rung."""
HPBANDSTER_LOSES = {(3, 5), (9, 5), (10, 1), (10, 2), (10, 3), (10, 4), (10, 6)}
"""The same for HpBandSter: it leaves the lowest rung out."""


@pytest.mark.parametrize(
    ("method", "loses"),
    [
        *((method, HYPERBAND_LOSES) for method in HALVING),
        *((method, HPBANDSTER_LOSES) for method in HPBANDSTERS),
        ("asha", ASHA_LOSES),
        *((method, set()) for method in FULL_FIDELITY),
        ("asha-promotion", set()),
        ("asha-bohb", ASHA_LOSES),
        ("median", set()),
    ],
)
def test_ladders_on_which_rungs_are_lost_are_refused_and_no_others(
    method: str, loses: set[tuple[int, int]], toy: Toys, pair: Callable[[str, Task], Pair]
) -> None:
    refused = set()
    for eta, k in itertools.product(range(2, 11), range(1, 9)):
        try:
            pair(method, toy(costs=tuple(range(1, k + 2)), halving=eta))
        except UsageError:
            refused.add((eta, k))
    assert refused == loses


@pytest.mark.parametrize(
    ("method", "k", "scheduler", "found"),
    [
        ("asha", 5, "IncrementalASHA", "(1, 3, 9, 27, 81)"),
        *((method, 5, "HpBandSterScheduler", "(3, 9, 27, 81, 243)") for method in HPBANDSTERS),
        ("asha-bohb", 5, "ReportingASHA", "(1, 3, 9, 27, 81)"),
        ("hyperband", 6, "PatchedHyperBandForBOHB", "(0, 3, 9, 27, 81, 243, 729)"),
        ("bohb", 6, "PatchedHyperBandForBOHB", "(0, 3, 9, 27, 81, 243, 729)"),
        ("bohb-stock", 6, "HyperBandForBOHB", "(0, 3, 9, 27, 81, 243, 729)"),
    ],
)
def test_the_refusal_names_scheduler_and_rungs_in_one_line(
    method: str,
    k: int,
    scheduler: str,
    found: str,
    curvy: Toys,
    pair: Callable[[str, Task], Pair],
) -> None:
    with pytest.raises(UsageError) as refused:
        pair(method, curvy(3**k))
    said = str(refused.value)
    assert said.startswith(f"{scheduler}: its rungs stand at {found}, but the ladder's are at (1, ")
    assert "\n" not in said


# The first rung


@pytest.mark.parametrize(
    ("method", "rungs"),
    [
        *((method, [2] * 40) for method in FULL_FIDELITY),
        ("asha", [0] * 40),
        ("asha-promotion", [0] * 40),
        ("asha-bohb", [0] * 40),
        ("median", [0] * 40),
        # brackets of 9, 5 and 3 trials begin at rungs 0, 1 and 2; then the next band
        *((method, ([0] * 9 + [1] * 5 + [2] * 3) * 2 + [0] * 6) for method in HALVING),
        *((method, ([0] * 9 + [1] * 3 + [2] * 3) * 2 + [0] * 9 + [1]) for method in HPBANDSTERS),
    ],
)
def test_each_trial_is_told_its_first_rung(
    method: str,
    rungs: list[int],
    toy: Toys,
    pair: Callable[[str, Task], Pair],
    controller: Callable[..., Any],
) -> None:
    task = toy(costs=(20, 30, 90))  # levels need not be powers of eta
    driver = controller(pair(method, task), task.ladder)
    driver.searcher.set_max_concurrency(0)
    for _ in rungs:
        assert driver.add()
    told = [trial.config[FIRST_RUNG] for trial in driver.trials]
    assert told == rungs
    assert [task.ladder.next_level(0, rung) for rung in told] == [
        (20, 30, 90)[rung] for rung in rungs
    ]


def test_the_first_rung_is_no_part_of_the_configuration() -> None:
    config = {"b": np.int64(2), "a": np.float64(0.5), FIRST_RUNG: 1}
    assert without_first_rung(config) == {"a": 0.5, "b": 2}
    assert [type(value) for value in without_first_rung(config).values()] == [float, int]


@pytest.mark.parametrize("method", METHODS)
def test_suggestions_are_recorded_without_the_first_rung(
    method: str, toy: Toys, pair: Callable[[str, Task], Pair], controller: Callable[..., Any]
) -> None:
    task = toy()
    driver = controller(pair(method, task), task.ladder)
    assert driver.add()
    recorded = driver.searcher.suggestions["0"].config
    assert recorded == without_first_rung(driver.trials[0].config)
    assert FIRST_RUNG not in recorded


# Decisions


def notes_of(reports: list[Any], trial: int) -> list[tuple[int, str, int | None]]:
    return [(r.level, r.record.decision, r.record.rung) for r in reports if r.trial == trial]


def run(
    method: str,
    task: Task,
    samples: int,
    loss: Callable[[int], float],
    pair: Callable[[str, Task], Pair],
    controller: Callable[..., Any],
) -> list[Any]:
    return controller(pair(method, task), task.ladder).run(samples, loss)


def test_without_halving_trials_go_on_to_the_top(
    curvy: Toys, pair: Callable[[str, Task], Pair], controller: Callable[..., Any]
) -> None:
    reports = run("random", curvy(9), 2, float, pair, controller)
    every = [(level, "continue", None) for level in range(1, 9)] + [(9, "end", None)]
    assert notes_of(reports, 0) == notes_of(reports, 1) == every
    assert {report.bracket for report in reports} == {None}


def test_without_a_curve_they_go_straight_to_the_top(
    toy: Toys, pair: Callable[[str, Task], Pair], controller: Callable[..., Any]
) -> None:
    reports = run("random", toy(), 2, float, pair, controller)
    assert notes_of(reports, 0) == notes_of(reports, 1) == [(81, "end", None)]


def test_asha_promotes_at_once_or_stops(
    curvy: Toys, pair: Callable[[str, Task], Pair], controller: Callable[..., Any]
) -> None:
    reports = run("asha", curvy(9), 3, [1.0, 2.0, 0.0].__getitem__, pair, controller)
    best = [
        (1, "promote", 0),
        (2, "continue", None),
        (3, "promote", 1),
        *((level, "continue", None) for level in range(4, 9)),
        (9, "end", 2),
    ]
    assert notes_of(reports, 0) == notes_of(reports, 2) == best
    assert notes_of(reports, 1) == [(1, "stop", 0)]  # worse than the first
    assert {report.bracket for report in reports} == {None}


def test_hyperband_pauses_promotes_and_stops(
    curvy: Toys, pair: Callable[[str, Task], Pair], controller: Callable[..., Any]
) -> None:
    """Nine trials, each better than the one before it: the last three, then the last one."""
    reports = run("hyperband", curvy(9), 9, lambda trial: -float(trial), pair, controller)
    assert notes_of(reports, 0) == [(1, "pause", 0)]
    assert notes_of(reports, 6) == [(1, "pause", 0), (2, "continue", None), (3, "pause", 1)]
    assert notes_of(reports, 8) == [
        (1, "promote", 0),  # it fills the rung, and is among the best
        (2, "continue", None),
        (3, "pause", 1),
        *((level, "continue", None) for level in range(4, 9)),
        (9, "end", 2),
    ]
    worse = run("hyperband", curvy(9), 9, float, pair, controller)
    assert notes_of(worse, 8) == [(1, "stop", 0)]  # it fills the rung, and is the worst
    assert notes_of(worse, 0)[-1] == (9, "end", 2)


def test_brackets_are_numbered_as_they_are_opened(
    toy: Toys, pair: Callable[[str, Task], Pair], controller: Callable[..., Any]
) -> None:
    reports = run("hyperband", toy(), 34, float, pair, controller)
    brackets = {report.trial: report.bracket for report in reports}
    sizes = [9, 5, 3] * 2
    expected = [number for number, size in enumerate(sizes) for _ in range(size)]
    assert [brackets[trial] for trial in range(34)] == expected


@pytest.mark.parametrize(
    ("decision", "level", "due", "record"),
    [
        (TrialScheduler.CONTINUE, 2, 3, Record("continue", None)),
        (TrialScheduler.CONTINUE, 3, 3, Record("promote", 1)),
        (TrialScheduler.PAUSE, 3, 3, Record("pause", 1)),
        (TrialScheduler.PAUSE, 2, 3, Record("pause", None)),
        (TrialScheduler.STOP, 3, 3, Record("stop", 1)),
        (TrialScheduler.STOP, 4, 3, Record("stop", 1)),
        (TrialScheduler.STOP, 9, 9, Record("end", 2)),
        (TrialScheduler.PAUSE, 9, 9, Record("end", 2)),
        (TrialScheduler.CONTINUE, 3, None, Record("continue", None)),
        (TrialScheduler.STOP, 9, None, Record("end", None)),
    ],
)
def test_words_for_decisions(
    decision: str, level: int, due: int | None, record: Record, curvy: Toys
) -> None:
    scheduler = RecordingScheduler(
        Mock(on_trial_result=Mock(return_value=decision)), curvy(9).ladder
    )
    scheduler.due = Mock(return_value=due)
    trial = Mock(trial_id="t")
    assert scheduler.on_trial_result(Mock(), trial, {TIME: level, METRIC: 0.5}) == decision
    assert scheduler.records == {"t": record}


# Passing through

SEARCHER_CALLS: dict[str, tuple[Any, ...]] = {
    "on_trial_result": ("t", {"loss": 1}),
    "set_search_properties": ("loss", "min", {"x": 1}),
    "set_max_concurrency": (3,),
    "on_pause": ("t",),
    "on_unpause": ("t",),
    "save": ("path",),
    "restore": ("path",),
}
SCHEDULER_CALLS: dict[str, tuple[Any, ...]] = {
    "on_trial_complete": (sentinel.controller, sentinel.trial, {"loss": 1}),
    "on_trial_remove": (sentinel.controller, sentinel.trial),
    "on_trial_error": (sentinel.controller, sentinel.trial),
    "choose_trial_to_run": (sentinel.controller,),
    "set_search_properties": ("loss", "min"),
    "save": ("path",),
    "restore": ("path",),
}
NOTHING = {"on_trial_result", "on_trial_complete", "on_trial_remove", "on_trial_error",
           "on_pause", "on_unpause", "save", "restore"}  # fmt: skip
"""Calls without an answer."""


@pytest.mark.parametrize("call", SEARCHER_CALLS)
def test_searchers_calls_are_passed_through(call: str) -> None:
    inner = Mock(metric="loss", mode="min")
    getattr(inner, call).return_value = True
    answer = getattr(RecordingSearcher(inner), call)(*SEARCHER_CALLS[call])
    getattr(inner, call).assert_called_once_with(*SEARCHER_CALLS[call])
    assert len(inner.method_calls) == 1
    assert answer is (None if call in NOTHING else True)


@pytest.mark.parametrize("call", SCHEDULER_CALLS)
def test_schedulers_calls_are_passed_through(call: str, curvy: Toys) -> None:
    inner = Mock()
    getattr(inner, call).return_value = True
    answer = getattr(RecordingScheduler(inner, curvy(9).ladder), call)(*SCHEDULER_CALLS[call])
    getattr(inner, call).assert_called_once_with(*SCHEDULER_CALLS[call])
    assert len(inner.method_calls) == 1
    assert answer is (None if call in NOTHING else True)


def test_a_trials_end_is_passed_through_with_all_that_is_known() -> None:
    inner = Mock(metric="loss", mode="min")
    RecordingSearcher(inner).on_trial_complete("t", {"loss": 1}, error=True)
    inner.on_trial_complete.assert_called_once_with("t", result={"loss": 1}, error=True)


@pytest.mark.parametrize("base", [Searcher, TrialScheduler])
def test_no_call_that_ray_makes_is_left_to_the_base_class(base: type) -> None:
    """What the wrapped object overrides would otherwise never be asked."""
    wrapper = RecordingSearcher if base is Searcher else RecordingScheduler
    public = {name for name, value in vars(base).items() if name[0] != "_" and callable(value)}
    # warm starts, which no method has; and saving, which Ray asks of the innermost searcher
    unused = {"add_evaluated_point", "add_evaluated_trials", "save_to_dir", "restore_from_dir"}
    assert public - unused <= vars(wrapper).keys()


def test_schedulers_own_answers(curvy: Toys) -> None:
    inner = FIFOScheduler()
    inner._metric = "loss"
    scheduler = RecordingScheduler(inner, curvy(9).ladder)
    assert scheduler.metric == "loss"
    assert scheduler.debug_string() == inner.debug_string()
    assert inner.supports_buffered_results
    assert not scheduler.supports_buffered_results  # a step would run beyond a decision


# What the searcher records


def test_suggestions_are_numbered_and_the_end_is_not_one() -> None:
    inner = Mock(metric="loss", mode="min", spec=Searcher)
    answers = [{"n": np.int64(3)}, None, {"n": np.int64(4)}, Searcher.FINISHED]
    inner.suggest.side_effect = answers
    searcher = RecordingSearcher(inner)
    assert [searcher.suggest(trial) for trial in "abcd"] == answers
    assert {trial: s.number for trial, s in searcher.suggestions.items()} == {"a": 0, "c": 1}
    assert type(searcher.suggestions["c"].config["n"]) is int
    assert searcher.suggestions["a"].model_based is None
    assert (searcher.metric, searcher.mode) == ("loss", "min")


def test_whether_the_model_suggested_is_recorded_with_each_suggestion() -> None:
    inner = Mock(metric="loss", mode="min", suggest=lambda trial: {"trial": trial})
    searcher = RecordingSearcher(inner)
    for trial, inner.suggested_by_model in (("a", False), ("b", True), ("c", False)):
        searcher.suggest(trial)
    assert [s.model_based for s in searcher.suggestions.values()] == [False, True, False]


def test_seconds_are_those_spent_inside_the_searcher() -> None:
    def slow(*_: Any, **__: Any) -> None:
        time.sleep(0.01)

    inner = Mock(suggest=slow, on_trial_result=slow, on_trial_complete=slow, metric="l", mode="min")
    searcher = RecordingSearcher(inner)
    calls = (
        lambda: searcher.suggest("t"),
        lambda: searcher.on_trial_result("t", {}),
        lambda: searcher.on_trial_complete("t"),
    )
    for call in calls:
        call()
        assert searcher.take_seconds() >= 0.01
    assert searcher.take_seconds() == 0


def test_what_is_forgotten_changes_no_later_number() -> None:
    searcher = RecordingSearcher(Mock(metric="l", mode="min", suggest=lambda trial: {"x": 1}))
    for trial in "abc":
        searcher.suggest(trial)
        searcher.forget(trial)
    searcher.suggest("d")
    assert {trial: s.number for trial, s in searcher.suggestions.items()} == {"d": 3}
    searcher.forget("never suggested")


@pytest.mark.filterwarnings("ignore:After 0.17:FutureWarning")  # statsmodels
# HpBandSter's must be asked for more trials to the end: test_what_is_kept_does_not_grow
@pytest.mark.parametrize("method", sorted(METHODS.keys() - set(HPBANDSTERS)))
def test_a_pair_forgets_all_of_a_trial(
    method: str, curvy: Toys, pair: Callable[[str, Task], Pair], controller: Callable[..., Any]
) -> None:
    def forgetful(made: Pair) -> Any:
        driver = controller(made, task.ladder)
        complete = made.searcher.on_trial_complete

        def then_forget(trial_id: str, result: Any = None, error: bool = False) -> None:
            complete(trial_id, result, error)
            made.forget(trial_id)

        made.searcher.on_trial_complete = then_forget
        return driver

    task = curvy(9)
    kept = controller(pair(method, task), task.ladder)
    forgot = forgetful(pair(method, task))
    for driver in (kept, forgot):
        np.random.seed(0)  # noqa: NPY002  # stock BOHB draws from it
        driver.run(20, float)
    assert forgot.reports == kept.reports
    assert len(kept.searcher.suggestions) == len(kept.scheduler.bracket_numbers) == 20
    assert not forgot.searcher.suggestions
    assert not forgot.scheduler.bracket_numbers
    assert not forgot.scheduler.records


# Time spent in the scheduler


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for side in ("searcher", "scheduler"):
        monkeypatch.setattr(f"bohb_study.methods.recording.recording_{side}.perf_counter", clock)
    return clock


def test_seconds_of_the_scheduler_are_those_of_all_its_calls(clock: Clock, curvy: Toys) -> None:
    def slow(*_: Any) -> str:
        clock.now += 3.0
        return TrialScheduler.CONTINUE

    trial = Mock(trial_id="t", config={})
    result = {TIME: 1, METRIC: 0.5}
    calls: dict[str, tuple[Any, ...]] = {
        "on_trial_add": (None, trial),
        "on_trial_result": (None, trial, result),
        "on_trial_complete": (None, trial, result),
        "on_trial_remove": (None, trial),
        "on_trial_error": (None, trial),
        "choose_trial_to_run": (None,),
    }
    scheduler = RecordingScheduler(Mock(**dict.fromkeys(calls, slow)), curvy(9).ladder)
    for call, arguments in calls.items():
        getattr(scheduler, call)(*arguments)
        assert scheduler.take_seconds() == 3.0, call
        assert scheduler.take_seconds() == 0.0


def test_each_second_is_counted_once(clock: Clock, curvy: Toys) -> None:
    """Hyperband, when it judges, calls the searcher and stops other trials: calls within a call."""

    def learn(*_: Any) -> None:
        clock.now += 100.0

    def judge(*_: Any) -> str:
        clock.now += 1.0
        pair.scheduler.on_trial_remove(None, None)
        pair.searcher.on_trial_result("t", {})
        return TrialScheduler.STOP

    def remove(*_: Any) -> None:
        clock.now += 10.0

    searcher = RecordingSearcher(Mock(metric="l", mode="min", on_trial_result=learn))
    inner = Mock(on_trial_result=judge, on_trial_remove=remove)
    pair = Pair(searcher, RecordingScheduler(inner, curvy(9).ladder))
    pair.searcher.on_trial_result("t", {})  # before the call: none of its business
    pair.scheduler.on_trial_result(None, Mock(trial_id="t"), {TIME: 1, METRIC: 0.5})
    assert pair.scheduler.take_seconds() == 11.0
    assert pair.searcher.take_seconds() == 200.0


def test_state_is_the_notes_without_the_searcher() -> None:
    searcher = RecordingSearcher(Mock(metric="l", mode="min", suggest=lambda trial: {"x": 1}))
    searcher.suggest("a")
    state = searcher.get_state()
    searcher.suggest("b")
    other = RecordingSearcher(Mock(metric="l", mode="min"))
    own = other.searcher
    other.set_state(state)
    assert other.suggestions.keys() == {"a"}
    assert other.searcher is own
