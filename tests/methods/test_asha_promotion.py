"""ASHA's promotion variant: whole cells against the paper's rule, and what it leaves open."""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from bohb_study.engines import virtual
from bohb_study.engines.base import CellJob, CellResult
from bohb_study.methods.base import METRIC, STATUS, TIME
from bohb_study.methods.ray.promotion_scheduler import PromotionASHA, PromotionRung
from bohb_study.seeding import Config, canonical
from bohb_study.study import Cell
from bohb_study.tasks import Ladder, Task, make_task
from toy_cells import FiniteTask, ToyTask

# The rule of the paper, and cells replayed by it


@dataclass
class Reports:
    """All reports at rungs, and the paper's rule on them: Algorithm 2, as it stands there."""

    eta: int
    rungs: int
    """With the top."""

    def __post_init__(self) -> None:
        self.losses: dict[int, dict[int, float]] = defaultdict(dict)
        """Rung -> trial -> loss, NaN where the training failed; in order of arrival."""
        self.promoted: set[tuple[int, int]] = set()

    def get_job(self) -> tuple[int | None, int]:
        """(Trial, rung to which it is promoted), or (None, 0) for a new configuration."""
        for rung in range(self.rungs - 2, -1, -1):
            losses = {t: math.inf if x != x else x for t, x in self.losses[rung].items()}
            ranked = sorted(losses, key=lambda trial: losses[trial])
            candidates = [t for t in ranked[: len(ranked) // self.eta] if losses[t] < math.inf]
            promotable = [t for t in candidates if (rung, t) not in self.promoted]
            if promotable:
                self.promoted.add((rung, promotable[0]))
                return promotable[0], rung + 1
        return None, 0


@dataclass
class Running:
    """A job that a worker has."""

    target: int
    """Rung."""
    level: int
    """Of the trial's last report."""
    since: float
    """Virtual second at which the step in flight began."""


def recorded(job: CellJob, monkeypatch: pytest.MonkeyPatch) -> tuple[CellResult, dict[int, Config]]:
    """A cell run by engine virtual, and the configurations of its trials."""
    pair = job.pair()
    monkeypatch.setattr(pair.searcher, "forget", lambda trial_id: None)
    result = virtual.run_pair(job, pair)
    suggestions = pair.searcher.suggestions.values()
    return result, {one.number: one.config for one in suggestions}


def replay(
    job: CellJob, result: CellResult, configs: dict[int, Config], size: float = math.inf
) -> Reports:
    """Go through a cell's rows: every step is of a job that the plain rule gave at that moment.

    Args:
        job: of the cell.
        result: what it gave.
        configs: of its trials.
        size: configurations in the space.
    """
    ladder, running, new = job.task.ladder, dict[int, Running](), 0
    reports = Reports(ladder.eta, len(ladder.costs))
    levels: dict[int, int] = {}

    def fill(now: float) -> None:
        nonlocal new
        while len(running) < job.workers:
            trial, rung = reports.get_job()
            if trial is None:
                if new == size:
                    return
                trial, new = new, new + 1
            assert trial not in running
            running[trial] = Running(rung, levels.get(trial, 0), now)

    fill(0.0)
    for row in result.frame.itertuples():
        step = running[row.trial]
        assert row.level == ladder.next_level(step.level)
        begin = step.level if ladder.resumable else 0
        seconds = job.task.duration(configs[row.trial], begin, row.level)
        assert row.virtual_seconds == pytest.approx(step.since + seconds)
        levels[row.trial] = step.level = row.level
        step.since = row.virtual_seconds
        if row.level < ladder.costs[step.target]:
            assert row.decision in ("continue", "end")
            continue
        if not pd.isna(row.rung):  # the ledger was open
            assert row.rung == step.target
            top, failed = step.target == reports.rungs - 1, row.status != "ok"
            word = "end" if top else "stop" if failed else "pause"
            assert row.decision in (word, "end")
        reports.losses[step.target][row.trial] = row.val_loss
        del running[row.trial]
        fill(row.virtual_seconds)
    if result.account.ended == "space":
        assert not running
        assert new == size
    else:
        assert len(running) == job.workers
    assert set(levels) <= set(range(new))
    return reports


@dataclass(frozen=True)
class Halving(ToyTask):
    """The toy with another eta, five rungs; on a curve or paid whole."""

    halving: int = 2
    curve: bool = True

    name: ClassVar[str] = "toy-eta"

    @property
    def own_ladder(self) -> Ladder:
        costs = tuple(self.halving**rung for rung in range(5))
        return Ladder("step", costs, self.halving, curve=self.curve, resumable=self.curve)


class Tied(Halving):
    """The same, whose losses take few values."""

    def start(self, config: Config, seed: int) -> Any:
        evaluation = super().start(config, seed)
        advance = evaluation.advance
        evaluation.advance = lambda level: (report := advance(level))._replace(
            val_loss=round(report.val_loss, 1)
        )
        return evaluation


REPLAYED: dict[str, tuple[Callable[[], Task], float]] = {
    "counting-ones-8": (lambda: make_task("counting-ones-8"), 20),
    "counting-ones-8, eta 9": (lambda: make_task("counting-ones-8", eta=9), 20),
    "synthetic-curves": (lambda: make_task("synthetic-curves"), 20),
    "mfh3-bad": (lambda: make_task("mfh3-bad"), 20),
    "eta 2": (Halving, 30),
    "eta 2, ties": (Tied, 30),
    "eta 4, paid whole": (lambda: Halving(halving=4, curve=False), 10),
    "eta 4, failures": (lambda: Halving(halving=4, breaks="raises"), 10),
    "eta 2, failures": (lambda: Halving(breaks="nan"), 30),
}
"""Task and full evaluations."""


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("name", REPLAYED)
def test_every_job_is_the_one_that_the_papers_rule_gives(
    name: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each promotion at its moment, and a new configuration only where none is promotable."""
    make, budget = REPLAYED[name]
    task = make()
    job = CellJob(Cell(task.name, "asha-promotion", 1), task, budget, workers=workers)
    result, configs = recorded(job, monkeypatch)
    reports = replay(job, result, configs)
    assert {rung for rung, _ in reports.promoted} == set(range(reports.rungs - 1))
    late = result.frame[result.frame["rung"] == 1].drop_duplicates("trial")["trial"]
    assert not late.is_monotonic_increasing  # some were promoted long after they had reported
    if "failures" in name:
        failed = result.frame[result.frame["status"] != "ok"]
        assert (failed["decision"] == "stop").sum() > 5
        assert failed.groupby("trial")["level"].max().le(1).all()
    if "ties" in name:
        first = result.frame[result.frame["rung"] == 0]
        assert first["val_loss"].nunique() < len(first) / 4


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("breaks", ["", "raises"])
def test_a_finite_space_ends_when_nothing_is_promotable(
    breaks: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = FiniteTask(breaks=breaks)
    job = CellJob(Cell(task.name, "asha-promotion", 1), task, 20, workers=workers)
    result, configs = recorded(job, monkeypatch)
    reports = replay(job, result, configs, size=6)
    assert reports.get_job() == (None, 0)
    assert (result.account.ended, result.account.refused) == ("space", None)
    assert result.account.violations() == []
    assert len({canonical(config) for config in configs.values()}) == 6
    top = result.frame.groupby("trial")["level"].max()
    assert sorted(top) == [1, 1, 1, 1, 3, 3]


# One rung


@given(
    eta=st.integers(2, 4),
    given=st.lists(
        st.tuples(st.sampled_from([1.0, 2.0, 3.0, math.nan]), st.booleans()), max_size=40
    ),
)
def test_a_rung_promotes_by_the_rule_however_often_it_is_asked(
    eta: int, given: list[tuple[float, bool]]
) -> None:
    """Also where several trials wait to be promoted; ties go to who came first."""
    plain, rung = Reports(eta, 2), PromotionRung(eta)
    for trial, (loss, asked) in enumerate(given):
        plain.losses[0][trial] = loss
        rung.add(str(trial), None if loss != loss else loss)
        if asked:
            expected = plain.get_job()[0]
            assert rung.promote() == (None if expected is None else str(expected))
    while (expected := plain.get_job()[0]) is not None:
        assert rung.promote() == str(expected)
    assert rung.promote() is None


class Counted(float):
    """A loss that counts how often losses are compared."""

    comparisons = 0

    def __lt__(self, other: float) -> bool:
        Counted.comparisons += 1
        return float(self) < float(other)

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return float(self) == other

    __hash__ = float.__hash__


def test_what_a_report_costs_does_not_grow() -> None:
    rung, costs = PromotionRung(3), []
    for number in range(20_000):
        before = Counted.comparisons
        rung.add(str(number), Counted(number * 7919 % 20_011))
        rung.promote()
        costs.append(Counted.comparisons - before)
    assert sum(costs[-1_000:]) < 2 * sum(costs[1_000:2_000])


# The scheduler


class Controller:
    """What the scheduler sees of Ray's controller, with trials that a test puts into a status."""

    def __init__(self, **given: Any) -> None:
        kinds = {"time_attr": TIME, "metric": METRIC, "mode": "min", "max_t": 9}
        self.scheduler = PromotionASHA(**{**kinds, "reduction_factor": 3, **given})
        self.calls: list[tuple[str, str]] = []
        self.looks = 0
        searcher = SimpleNamespace(
            on_pause=lambda trial_id: self.calls.append(("pause", trial_id)),
            on_unpause=lambda trial_id: self.calls.append(("unpause", trial_id)),
        )
        self.search_alg = SimpleNamespace(searcher=searcher)

    def add(self, trial_id: str) -> Any:
        controller = self

        class Looked:
            """A trial that counts how often its status is looked at."""

            trial_id: str
            now = Trial.PENDING

            @property
            def status(self) -> str:
                controller.looks += 1
                return self.now

        trial = Looked()
        trial.trial_id = trial_id
        self.scheduler.on_trial_add(self, trial)
        return trial

    def report(self, trial: Any, loss: float, time: int = 1, **more: Any) -> str:
        result = {METRIC: loss, TIME: time, **more}
        decision = self.scheduler.on_trial_result(self, trial, result)
        if decision == TrialScheduler.STOP:
            self.scheduler.on_trial_complete(self, trial, result)
            trial.now = Trial.TERMINATED
        return decision

    def chosen(self) -> Any:
        return self.scheduler.choose_trial_to_run(self)

    def stop_trial(self, trial: Any) -> None:
        self.calls.append(("stop", trial.trial_id))
        self.scheduler.on_trial_remove(self, trial)
        trial.now = Trial.TERMINATED


def three(controller: Controller, losses: list[float], **more: Any) -> list[Any]:
    """Trials a, b, c that have reported at the lowest rung and are paused."""
    trials = []
    for name, loss in zip("abc", losses, strict=True):
        trials.append(controller.add(name))
        assert controller.chosen() is trials[-1]
        trials[-1].now = Trial.RUNNING
        controller.report(trials[-1], loss, **more)
        trials[-1].now = Trial.PAUSED
    return trials


def test_the_searcher_knows_of_a_promotion_before_it_is_asked() -> None:
    """With the report that makes one promotable, so that it suggests nothing for that worker."""
    controller = Controller()
    _, b, _ = three(controller, [2.0, 1.0, 3.0])
    assert controller.calls == [("pause", "a"), ("pause", "b"), ("pause", "c"), ("unpause", "b")]
    assert controller.chosen() is controller.chosen() is b
    assert controller.scheduler.due("b") == 3


def test_a_trial_that_is_promoted_at_once_pauses_all_the_same() -> None:
    """In real Ray its state may still be being saved: until then it is not chosen, and none is
    ended."""
    controller = Controller()
    *_, c = three(controller, [2.0, 3.0, 1.0])
    assert controller.calls[-2:] == [("pause", "c"), ("unpause", "c")]
    c.now = Trial.RUNNING
    assert controller.chosen() is None
    c.now = Trial.PAUSED
    assert controller.chosen() is c
    assert controller.scheduler.due("c") == 3
    assert controller.report(c, 1.0, time=2) == TrialScheduler.CONTINUE
    assert controller.report(c, 1.0, time=3) == TrialScheduler.PAUSE


def test_where_nothing_is_left_to_run_paused_trials_are_ended() -> None:
    """But for one whose state is being saved, which is ended another time."""
    controller = Controller()
    a, b, c = three(controller, [2.0, 1.0, 3.0])
    b.now = Trial.RUNNING
    assert controller.chosen() is None  # one runs
    assert controller.report(b, 1.0, time=3) == TrialScheduler.PAUSE
    assert controller.chosen() is None
    assert controller.calls[-2:] == [("stop", "a"), ("stop", "c")]
    b.now = Trial.PAUSED
    assert controller.chosen() is None
    assert controller.calls[-1] == ("stop", "b")
    assert a.now == b.now == c.now == Trial.TERMINATED
    assert controller.scheduler._targets == controller.scheduler._paused == {}
    assert controller.scheduler.debug_string() == "ASHA (promotion): 3 at 1, 1 at 3"


@pytest.mark.parametrize("more", [{STATUS: "failed"}, {STATUS: "diverged"}, {}])
def test_a_failed_training_stops_at_its_rung_and_counts_there(more: dict[str, str]) -> None:
    controller = Controller()
    a, b, c = (controller.add(name) for name in "abc")
    for trial in (a, b):
        loss = 0.5 if more else math.nan
        assert controller.report(trial, loss, **more) == TrialScheduler.STOP
    assert controller.calls == []
    assert controller.report(c, 9.0) == TrialScheduler.PAUSE
    assert controller.calls == [("pause", "c"), ("unpause", "c")]  # the best of three


def test_the_rule_begins_below_the_top() -> None:
    """Where trials of two rungs may go on, which is never so where it is asked at each report."""
    scheduler = Controller().scheduler
    for number, rung in enumerate(scheduler._rungs):
        for name in "abc":
            rung.add(f"{name}{number}", 1.0)
    assert [scheduler.get_job() for _ in range(3)] == ["a1", "a0", None]


def test_more_may_be_better() -> None:
    controller = Controller(mode="max")
    three(controller, [2.0, 1.0, 3.0])
    assert controller.calls[-1] == ("unpause", "c")


def test_only_trials_that_run_or_may_are_looked_at() -> None:
    """Not all that are paused: there are thousands."""
    controller = Controller()
    for number in range(1_000):
        trial = controller.add(str(number))
        while (chosen := controller.chosen()) is not None:
            chosen.now = Trial.RUNNING
            time = controller.scheduler.due(chosen.trial_id)
            controller.report(chosen, number * 7919 % 1_009, time)
            if chosen.now == Trial.RUNNING:
                chosen.now = Trial.PAUSED
            if not controller.scheduler._busy:
                break
        assert trial.now != Trial.PENDING
    assert len(controller.scheduler._paused) > 500
    assert controller.looks < 3_000


def test_an_error_in_ray_forgets_the_trial() -> None:
    controller = Controller()
    trial = controller.add("a")
    controller.scheduler.on_trial_error(controller, trial)
    assert controller.chosen() is None
    assert controller.calls == []
