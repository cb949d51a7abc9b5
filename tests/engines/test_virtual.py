"""The virtual clock: always the same rows, its accounting, its workers. No Ray runtime."""

import itertools
import sys
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from bohb_study.analysis.diagnostics.brackets import check_rungs
from bohb_study.engines import trainers, virtual
from bohb_study.engines.base import CellJob, CellResult, run_cell
from bohb_study.engines.paused_states import States
from bohb_study.errors import StudyError
from bohb_study.methods import METHODS, get_method
from bohb_study.methods.base import TIME
from bohb_study.methods.ray.full_fidelity import FullFidelity
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler
from bohb_study.methods.recording.recording_searcher import RecordingSearcher
from bohb_study.running.reproduction import compare_frames
from bohb_study.schema import rows_hash, validate
from bohb_study.study import Cell
from bohb_study.tasks import make_task
from fresh_python import printed
from toy_cells import FiniteTask, RungTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

WORKERS = (1, 3, 16)
PLANNED = ("hyperband", "bohb", "hpbandster-hyperband", "hpbandster-bohb")
"""Methods that keep to the rungs that they declare."""


@cache
def result_of(job: CellJob) -> CellResult:
    """A cell's result, run once for all tests that look at it."""
    return run_cell(job)


def held(frame: pd.DataFrame, job: CellJob) -> list[tuple[float, float]]:
    """From when to when each row's step held a worker, worked out from rows and durations."""
    task, level, spans = job.task, dict[int, int](), []
    for _, row in frame.iterrows():
        begin = level.get(row["trial"], 0) if task.ladder.resumable else 0
        level[row["trial"]] = row["level"]
        config = {"x": row["hp.x"], "y": row["hp.y"]}
        seconds = task.duration(config, begin, row["level"])
        spans.append((row["virtual_seconds"] - seconds, row["virtual_seconds"]))
    return spans


def most_at_once(spans: list[tuple[float, float]]) -> int:
    """How many spans overlap; those that touch, up to rounding, do not."""
    ends = [(end - 1e-9, -1) for _, end in spans]
    changes = sorted([(begin + 1e-9, 1) for begin, _ in spans] + ends)
    return int(np.cumsum([change for _, change in changes]).max())


# Any method, any number of workers


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("method", METHODS)
def test_same_rows_and_the_budget_to_the_unit(method: str, workers: int, job: Any) -> None:
    """Whatever was drawn before in this process, and without a trace in it afterwards."""
    cell = job(method, workers=workers)
    np.random.seed(1)  # noqa: NPY002
    first = result_of(cell)
    np.random.seed(2)  # noqa: NPY002
    before = np.random.get_state()  # noqa: NPY002
    again = run_cell(cell)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0]
    assert (before[1] == after[1]).all()
    assert before[2:] == after[2:]
    assert compare_frames(first.frame, again.frame) is None
    assert first.account == again.account
    assert first.account.violations() == []
    units = get_method(method).budget_factor * 17 * 9
    assert first.account.charged == first.account.executed == units
    assert first.account.unspent == 0
    assert first.account.ended == "budget"
    validate(first.frame)
    assert first.frame["units"].sum() == units
    assert first.frame["decision"].iloc[-1] == "end"


@pytest.mark.parametrize("method", METHODS)
def test_rungs_that_are_paid_whole(method: str, job: Any, rung_task: Any) -> None:
    """Coarse steps: what is left over is less than the step that was refused."""
    for workers in WORKERS:
        result = run_cell(job(method, task=rung_task, budget=7, workers=workers))
        account = result.account
        assert account.violations() == []
        assert account.refused is not None
        assert account.unspent < account.refused
        assert result.frame["units"].tolist() == result.frame["level"].tolist()


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("method", METHODS)
def test_never_more_trials_at_once_than_workers(method: str, workers: int, job: Any) -> None:
    """The clock never goes back and no worker does two things at a time."""
    cell = job(method, workers=workers)
    frame = result_of(cell).frame
    assert frame["virtual_seconds"].is_monotonic_increasing
    spans = held(frame, cell)
    assert min(begin for begin, _ in spans) == pytest.approx(0)
    assert most_at_once(spans) <= workers
    if method not in PLANNED and method != "bohb-stock":
        # nothing keeps these from using all workers all the time
        assert most_at_once(spans) == workers
    for _, own in frame.assign(begin=[b for b, _ in spans]).groupby("trial"):
        assert (own["begin"].iloc[1:] >= own["virtual_seconds"].shift().iloc[1:] - 1e-9).all()


def test_more_workers_are_done_sooner(job: Any) -> None:
    ends = [result_of(job("random", workers=w)).frame["virtual_seconds"].iloc[-1] for w in WORKERS]
    assert ends[0] > 2.5 * ends[1] > 5 * ends[2]


SCRIPT = """
import sys
import numpy as np
from bohb_study.schema import rows_hash
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.methods import METHODS
from bohb_study.study import Cell
from bohb_study.tasks import make_task
np.random.seed(int(sys.argv[1]))
for method in METHODS:
    # the stock sampler takes seconds; torch and the GP have a test of their own
    if method == "gp":
        continue
    for workers in (4,) if method == "bohb-stock" else (1, 4):
        job = CellJob(Cell("branin-mf", method, 0), make_task("branin-mf"), 8, workers)
        frame = run_cell(job).frame
        print(method, workers, rows_hash(frame), int(frame["model_based"].fillna(False).sum()))
"""


def test_same_rows_in_other_processes(capsys: pytest.CaptureFixture[str]) -> None:
    """No order of a set, no hash of a text, no global generator decides a row.

    In a fresh process, and in this one, which has run other cells and hashes texts otherwise.
    """
    first = printed(SCRIPT, "1", PYTHONHASHSEED="1").splitlines()
    assert len(first) == len(set(first)) == 2 * len(METHODS) - 3
    by_model = {line.split()[0] for line in first if not line.endswith(" 0")}
    assert by_model == {"asha-bohb", "bohb", "bohb-stock", "hpbandster-bohb"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["script", "2"])
        exec(SCRIPT, {})
    assert capsys.readouterr().out.splitlines() == first


def test_no_torch_for_what_is_computed() -> None:
    """It costs 200 MB and a second in each process."""
    script = """
import sys
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.study import Cell
from bohb_study.tasks import make_task
for method in ("grid", "random", "asha", "hyperband", "bohb", "tpe", "tpe-univariate"):
    run_cell(CellJob(Cell("mfh3", method, 0), make_task("mfh3"), 14, 2))
print("torch" in sys.modules, "bohb_study.engines.tune" in sys.modules)
"""
    assert printed(script).splitlines() == ["False False"]


# What is left out


# of what they share, the slowest two would show nothing that others do not
@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("gp", "bohb-stock")])
def test_calls_that_are_left_out_would_change_nothing(
    method: str, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ray does it: every searcher is asked at every step, and everybody sees every report."""
    cell = job(method, workers=3)
    asked, shown = {True: 0, False: 0}, {True: 0, False: 0}
    thrifty = True
    suggest, on_result = RecordingSearcher.suggest, RecordingScheduler.on_trial_result

    def counted_suggest(self: Any, trial_id: str) -> Any:
        asked[thrifty] += 1
        return suggest(self, trial_id)

    def counted_result(self: Any, *arguments: Any) -> str:
        shown[thrifty] += 1
        return on_result(self, *arguments)

    monkeypatch.setattr(RecordingSearcher, "suggest", counted_suggest)
    monkeypatch.setattr(RecordingScheduler, "on_trial_result", counted_result)
    expected = run_cell(cell)
    thrifty = False
    never = property(lambda self: False, lambda self, full: None)
    monkeypatch.setattr(RecordingSearcher, "full", never, raising=False)
    monkeypatch.setattr(RecordingSearcher, "hears_results", property(lambda self: True))
    found = run_cell(cell)
    assert compare_frames(found.frame, expected.frame) is None
    assert found.account == expected.account
    assert shown[False] >= len(expected.frame) - 3
    if method in ("grid", "random", "random-2x", "asha", "asha-promotion"):
        assert shown[True] < shown[False]
    if not method.startswith("hpbandster"):
        assert asked[True] < asked[False]


@pytest.mark.parametrize("trusted", [True, False])
def test_numpys_global_state_is_not_copied_around_what_is_computed(
    trusted: bool, job: Any, toy_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer than a step of such a task; around a training's code it is kept."""
    copies = []
    get_state = np.random.get_state
    monkeypatch.setattr(np.random, "get_state", lambda *args: copies.append(1) or get_state())
    monkeypatch.setattr(toy_task, "computed", trusted)
    frame = run_cell(job("hyperband", task=toy_task(), workers=3)).frame
    paused = int((frame["decision"] == "pause").sum())
    assert paused > 3
    if trusted:
        assert len(copies) == 1  # around the cell
    else:
        assert len(copies) > len(frame) + paused


# Order


def test_ties_go_to_the_lowest_worker(job: Any, steady_task: Any) -> None:
    """Three workers in step: trials report in turns, and start in the order of suggestion."""
    frame = run_cell(job("random", task=steady_task, budget=6, workers=3)).frame
    expected = [
        (first + worker, level) for first in (0, 3) for level in range(1, 10) for worker in range(3)
    ]
    assert list(zip(frame["trial"], frame["level"], strict=True)) == expected
    assert frame["virtual_seconds"].tolist() == [s for s in range(1, 19) for _ in range(3)]


def test_a_tie_is_broken_by_the_worker_and_not_by_the_trial(job: Any, steady_task: Any) -> None:
    """Reports of one second come in the order of the workers: who goes on keeps the place."""
    frame = run_cell(job("asha", task=steady_task, budget=6, workers=3)).frame
    by_second = frame.groupby("virtual_seconds")["trial"].apply(list).tolist()
    assert max(len(trials) for trials in by_second) == 3
    for now, then in itertools.pairwise(by_second):
        both = [trial for trial in now if trial in then]
        assert both == [trial for trial in then if trial in now]
    # a worker with a low number was free when a later trial came: it reports before older ones
    assert any(trials != sorted(trials) for trials in by_second)


class PausesAtThree(FullFidelity):
    """Pauses every trial at level 3 until all that there are wait; then they go on as they came.

    Asked while nothing runs, it first ends as many trials as ``ends`` says, one each time, and
    chooses none.
    """

    ends = 0

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        decision = super().on_trial_result(tune_controller, trial, result)
        return TrialScheduler.PAUSE if result[TIME] == 3 else decision

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        trials = tune_controller.get_trials()
        pending = [trial for trial in trials if trial.status == Trial.PENDING]
        below = [t for t in trials if t.status == Trial.RUNNING and t.level < 3]
        if pending or below:
            return pending[0] if pending else None
        waiting = [trial for trial in trials if trial.status == Trial.PAUSED]
        if self.ends and waiting:
            self.ends -= 1
            tune_controller.stop_trial(waiting[0])
            return None
        return waiting[0] if waiting else None


def paused_at_three(cell: CellJob, ends: int = 0) -> CellResult:
    """A cell whose method is given that scheduler."""
    pair = get_method(cell.cell.method).build(cell.problem)
    pair.scheduler.scheduler = PausesAtThree(TIME, cell.task.ladder.max_time)
    pair.scheduler.scheduler.ends = ends
    return virtual.run_pair(cell, pair)


@dataclass(frozen=True)
class FreedInTurn(FiniteTask):
    """The first epochs take long, and of each configuration otherwise; all others take a second."""

    order: tuple[int, ...] = ()
    """Trials as they reach level 3."""

    name: ClassVar[str] = "toy-freed"
    came: ClassVar[dict[Any, int]] = {}

    def duration(self, config: Any, start: int, end: int) -> float:
        trial = self.came.setdefault(tuple(config.items()), len(self.came))
        return (end - start) * (10.0 + self.order.index(trial) if start < 3 else 1.0)


@pytest.mark.parametrize("order", [(4, 0, 1, 5, 2, 3), (0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0)])
def test_whoever_was_freed_first_the_lowest_free_worker_is_taken(
    order: tuple[int, ...], job: Any
) -> None:
    """Six that were freed in any order are given out from the lowest on: reports of one second
    come in the order in which the trials were chosen."""
    FreedInTurn.came.clear()
    cell = job("grid", task=FreedInTurn(order=order), budget=10, workers=6)
    frame = paused_at_three(cell).frame
    at_three = frame.loc[frame["level"] == 3]
    assert at_three["decision"].eq("pause").all()
    assert at_three["trial"].tolist() == list(order)
    later = frame[frame["level"] > 3]
    expected = [(trial, level) for level in range(4, 10) for trial in range(6)]
    assert list(zip(later["trial"], later["level"], strict=True)) == expected
    assert later["virtual_seconds"].tolist() == [45.0 + s for s in range(1, 7) for _ in range(6)]


def test_steps_in_flight_at_the_refusal_count(job: Any, steady_task: Any) -> None:
    """153 epochs in rounds of three: the first of the last round is refused its next step, and
    nobody decides about the other two any more."""
    result = run_cell(job("random", task=steady_task, workers=3))
    tail = result.frame.iloc[-4:]
    assert tail["decision"].tolist() == ["continue", "continue", "end", "end"]
    assert tail["level"].tolist() == [5, 6, 6, 6]
    assert tail["virtual_seconds"].tolist() == [50.0, 51.0, 51.0, 51.0]
    assert tail["rung"].isna().all()
    account = result.account
    assert account.executed == account.charged == account.allowed == 153
    assert account.refused == 1


def test_coarse_steps_in_flight_at_the_refusal_count(job: Any, rung_task: Any) -> None:
    """594 units are seven trials of 81: the eighth is refused while others are in flight."""
    result = run_cell(job("random", task=rung_task, budget=22 / 3, workers=3))
    assert result.frame["level"].tolist() == [81] * 7
    account = result.account
    assert account.violations() == []
    assert (account.charged, account.executed, account.unspent, account.refused) == (
        567,
        567,
        27,
        81,
    )


# Seconds


@dataclass(frozen=True)
class SteepTask(FiniteTask):
    """Epoch n takes n seconds."""

    name: ClassVar[str] = "toy-steep"

    def duration(self, config: Any, start: int, end: int) -> float:
        return sum(range(start + 1, end + 1))


@dataclass(frozen=True)
class SteepRungTask(RungTask):
    """A training takes a second a unit, and starts over at each rung."""

    name: ClassVar[str] = "toy-steep-rungs"

    def duration(self, config: Any, start: int, end: int) -> float:
        return float(end - start)


def test_a_training_that_goes_on_takes_what_is_left_of_it(job: Any) -> None:
    """From the level at which it paused: the parts of a training add up to the whole."""
    frame = paused_at_three(job("grid", task=SteepTask(), budget=10)).frame
    assert frame["decision"].eq("pause").sum() == 6
    took = np.diff(frame["virtual_seconds"], prepend=0)
    assert took.tolist() == frame["level"].tolist()  # epoch n takes n seconds
    assert (pd.Series(took).groupby(frame["trial"]).sum() == 45).all()


def test_a_training_that_starts_over_takes_all_of_it_again(job: Any) -> None:
    frame = run_cell(job("hyperband", task=SteepRungTask(), budget=7)).frame
    again = frame.groupby("trial").cumcount() > 0
    assert again.sum() >= 3
    took = np.diff(frame["virtual_seconds"], prepend=0)
    assert took.tolist() == frame["level"].tolist()


def test_a_step_may_take_no_time(job: Any, toy_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy_task, "duration", lambda *_: 0.0)
    frame = run_cell(job("random", budget=2, workers=2)).frame
    assert len(frame) == 18
    assert frame["virtual_seconds"].eq(0).all()


# What methods get


def plan(job: CellJob) -> list[list[tuple[int, int]]]:
    declared = get_method(job.cell.method).plan
    assert declared is not None
    return [
        [(rung.level, rung.trials) for rung in bracket] for bracket in declared(job.task.ladder)
    ]


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("method", PLANNED)
def test_rungs_are_as_planned(method: str, workers: int, job: Any, rung_task: Any) -> None:
    """At one worker complete brackets equal the plan; at more none exceeds it."""
    for task, budget in ((None, 17), (rung_task, 40)):
        cell = job(method, task=task, budget=budget, workers=workers)
        checks = check_rungs(result_of(cell).frame, plan(cell), workers)
        assert len(checks) >= 7
        assert all(check.passes for check in checks), [str(check) for check in checks]
        assert sum(check.complete for check in checks) >= 4
        if workers == 1:
            assert all(check.complete for check in checks[:-1])


@pytest.mark.parametrize("workers", [1, 3])
def test_a_training_that_draws_does_not_disturb_the_method(
    workers: int, job: Any, toy_task: Any
) -> None:
    """In an actor of Ray's a training has a global generator of its own; here it is the one that
    stock BOHB draws from."""
    plain = result_of(job("bohb-stock", workers=workers)).frame
    drawing = run_cell(job("bohb-stock", task=toy_task(breaks="draws"), workers=workers)).frame
    assert plain["model_based"].any()
    assert compare_frames(plain, drawing) is None


def test_what_was_drawn_before_does_not_matter_to_a_pair_that_is_built(job: Any) -> None:
    """``run_pair`` seeds the global generator itself, as it is the engine that runs the pair."""
    cell = job("bohb-stock")
    pair = get_method("bohb-stock").build(cell.problem)
    np.random.seed(99)  # noqa: NPY002
    assert compare_frames(virtual.run_pair(cell, pair).frame, result_of(cell).frame) is None


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    ("breaks", "why"),
    [
        ("raises", "RuntimeError: this configuration cannot be trained"),
        ("nan", "ValueError: the loss is nan: it must be finite, and below 2**1000 in size"),
    ],
)
def test_a_training_that_fails_is_a_row(
    breaks: str, why: str, workers: int, job: Any, toy_task: Any
) -> None:
    """It has no loss, it pays as any other, and it comes out the same again."""
    cell = job("bohb", task=toy_task(breaks=breaks), workers=workers)
    result = run_cell(cell)
    assert compare_frames(result.frame, run_cell(cell).frame) is None
    assert result.account.violations() == []
    frame = result.frame
    failed = frame["status"] == "failed"
    assert failed.any()
    assert (failed == (frame["hp.x"] > 0.5)).all()
    assert frame.loc[failed, ["val_loss", "test_loss"]].isna().all(axis=None)
    assert sorted(result.failures) == sorted(frame.loc[failed, "trial"].unique())
    assert set(result.failures.values()) == {why}
    validate(frame)


@pytest.mark.parametrize("method", [*PLANNED, "asha-promotion"])
def test_a_task_that_forgets_is_caught(method: str, job: Any, toy_task: Any) -> None:
    """A trial that starts over silently executes more than it was charged for."""
    result = run_cell(job(method, task=toy_task(breaks="forgets"), workers=2))
    assert any("executed" in line for line in result.account.violations())


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("method", ["grid", "random", "asha", "asha-promotion", "hyperband"])
def test_a_space_that_is_used_up_ends_the_cell(
    method: str, workers: int, job: Any, finite_task: Any
) -> None:
    """Also where trials still wait for halving: a part-filled rung must not hold the cell up."""
    result = run_cell(job(method, task=finite_task, budget=10, workers=workers))
    account = result.account
    assert account.violations() == []
    assert account.ended == "space"
    assert account.refused is None
    assert result.frame["config_id"].nunique() == 6
    if method in ("grid", "random"):
        assert account.unspent == (10 - 6) * 9


@pytest.mark.parametrize("workers", [1, 3])
def test_a_scheduler_that_chooses_no_trial_is_an_error_and_no_endless_loop(
    workers: int, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = job("random", workers=workers)
    pair = get_method("random").build(cell.problem)
    monkeypatch.setattr(pair.scheduler, "choose_trial_to_run", lambda controller: None)
    with pytest.raises(StudyError) as error:
        virtual.run_pair(cell, pair)
    assert str(error.value) == f"toy/random/0: {workers} trials wait and none is chosen"


@pytest.mark.parametrize("ends", [0, 2])
def test_trials_that_wait_when_the_space_is_used_up_are_run_on(ends: int, job: Any) -> None:
    """Also where the scheduler, asked while nothing runs, ends some of them and chooses none."""
    result = paused_at_three(job("grid", task=FiniteTask(), budget=10, workers=8), ends)
    reached = result.frame.groupby("trial")["level"].max().tolist()
    assert reached == [3] * ends + [9] * (6 - ends)
    account = result.account
    assert account.violations() == []
    assert (account.ended, account.charged) == ("space", 3 * ends + 9 * (6 - ends))


def test_a_scheduler_that_ends_all_that_it_has_is_asked_about_the_next(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time another trial has been suggested, so this is no standstill, and no end."""
    cell = job("random", budget=2)
    pair = get_method("random").build(cell.problem)
    choose = pair.scheduler.choose_trial_to_run

    def ends_two(controller: Any) -> Any:
        trial = choose(controller)
        if int(trial.trial_id) < 2:
            controller.stop_trial(trial)
            return None
        return trial

    monkeypatch.setattr(pair.scheduler, "choose_trial_to_run", ends_two)
    result = virtual.run_pair(cell, pair)
    assert result.frame["trial"].tolist() == [2] * 9 + [3] * 9
    assert result.account.ended == "budget"


def test_a_searcher_that_never_suggests_is_an_error_and_no_end(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = job("random")
    pair = get_method("random").build(cell.problem)
    monkeypatch.setattr(pair.searcher, "suggest", lambda trial_id: None)
    with pytest.raises(StudyError, match=r"^toy/random/0: 0 trials wait and none is chosen$"):
        virtual.run_pair(cell, pair)


# What it keeps


class Watched(States):
    """Counts the states that it keeps."""

    most = 0
    left = 0

    def put(self, key: str, state: Any) -> None:
        super().put(key, state)
        Watched.most = max(Watched.most, len(self._memory) + len(self._files))

    def close(self) -> None:
        Watched.left = len(self._memory) + len(self._files)
        super().close()


@pytest.mark.parametrize("method", PLANNED)
def test_paused_states_do_not_pile_up(
    method: str, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At one worker brackets follow each other: never more states than the largest bracket has
    trials, and none of trials that ended."""
    monkeypatch.setattr(trainers, "States", Watched)
    Watched.most = Watched.left = 0
    cell = job(method, budget=120)
    run_cell(cell)
    assert 2 <= Watched.most <= max(bracket[0][1] for bracket in plan(cell))
    assert Watched.left <= Watched.most


@pytest.mark.parametrize("workers", [1, 3])
def test_states_on_disk_give_the_same_rows(
    workers: int, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainers, "States", partial(States, limit=0))
    cell = job("hyperband", workers=workers)
    assert compare_frames(run_cell(cell).frame, result_of(cell).frame) is None


@pytest.mark.long
def test_twenty_thousand_trials_stay_below_600_mb() -> None:
    """Memory is flat in the number of trials that have ended."""
    script = """
import re
import sys
from pathlib import Path
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.study import Cell
from bohb_study.tasks import make_task
task = make_task("counting-ones-8")
frame = run_cell(CellJob(Cell(task.name, "asha", 0), task, 1_500, 4)).frame
# ru_maxrss would begin with the peak of the process that started this one
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(frame["trial"].nunique(), peak)
"""
    trials, kilobytes = map(int, printed(script).splitlines()[0].split())
    assert trials >= 20_000
    assert kilobytes < 600 * 1024


# What it reports while it runs


def test_progress_is_told_from_time_to_time_and_changes_nothing(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual, "TELL_SECONDS", 0)
    told: list[tuple[int, float | None]] = []
    cell = job("random", workers=3)
    result = run_cell(cell, lambda done, best: told.append((done, best)))
    assert compare_frames(result.frame, result_of(cell).frame) is None
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[0] == (1, result.frame["val_loss"].iloc[0])
    assert told[-1][1] == result.frame["val_loss"].min()


def test_seconds_are_parted_and_add_up(job: Any) -> None:
    """Wall is training, searching, scheduling and the engine's own share; none is negative."""
    seconds = result_of(job("bohb")).seconds
    assert set(seconds) == {"wall", "training", "searching", "scheduling", "engine"}
    assert all(value >= 0 for value in seconds.values()), seconds
    parts = sum(value for name, value in seconds.items() if name != "wall")
    assert parts == pytest.approx(seconds["wall"])
    assert seconds["searching"] > 0
    assert seconds["scheduling"] > 0


def test_a_registered_task_is_run_by_name() -> None:
    """The job as the runner makes it; its rows are those of the task alone."""
    task = make_task("counting-ones-8")
    frame = run_cell(CellJob(Cell(task.name, "random", 3), task, 5, workers=2)).frame
    assert rows_hash(frame) == rows_hash(
        run_cell(CellJob(Cell(task.name, "random", 3), make_task(task.name), 5, workers=2)).frame
    )
    for _, row in frame.iterrows():
        config = {
            name.removeprefix("hp."): row[name] for name in frame.columns if name.startswith("hp.")
        }
        report = task.start({k: getattr(v, "item", lambda v=v: v)() for k, v in config.items()}, 3)
        assert report.advance(row["level"]).val_loss == row["val_loss"]


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0])
def test_time_that_does_not_pass_is_one_line(
    seconds: float, job: Any, toy_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heap of NaN gives steps in any order, without a word."""
    monkeypatch.setattr(toy_task, "duration", lambda *_: seconds)
    with pytest.raises(StudyError, match=r"^toy/random/0: a step of \S+ modelled seconds$"):
        run_cell(job("random", workers=2))
