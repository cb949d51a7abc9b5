"""Ray's HyperBandForBOHB as shipped degenerates and forgets; patched it runs as planned."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from ray.tune.schedulers import HyperBandForBOHB

from bohb_study.methods import get_method
from bohb_study.methods.base import METRIC, MODE, TIME, Pair, Problem, Rung
from bohb_study.methods.ray.hyperband_for_bohb import PatchedHyperBandForBOHB, RecordingHyperband
from bohb_study.methods.ray.random_search import random_searcher
from bohb_study.methods.ray.ray_plan import ray_plan
from bohb_study.tasks import Ladder, Task

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

Plan = list[tuple[tuple[int, ...], tuple[int, ...]]]
"""Of each bracket the levels and the trials that reach them."""


class OnlyHalvingFix(PatchedHyperBandForBOHB):
    """Opens its brackets in time, and keeps from the searcher what ends a trial."""

    on_trial_result = HyperBandForBOHB.on_trial_result


class OnlyFinalReportFix(PatchedHyperBandForBOHB):
    """The other way round."""

    on_trial_add = HyperBandForBOHB.on_trial_add


class Remembering(PatchedHyperBandForBOHB):
    """Both fixes, and everything kept for ever as Ray keeps it."""

    on_trial_remove = HyperBandForBOHB.on_trial_remove

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        bracket = self._state["bracket"]
        if bracket is not None and len(bracket._all_trials) >= bracket._n0:
            self._state["bracket"] = None
        HyperBandForBOHB.on_trial_add(self, tune_controller, trial)


Run = Callable[..., Any]


@pytest.fixture
def run(curvy: Callable[..., Task], problem: Callable[..., Problem], controller: Any) -> Run:
    """Two bands of a scheduler; the later a trial, the worse."""

    def made(
        scheduler: type[HyperBandForBOHB],
        top: int = 9,
        samples: int = 34,
        workers: int = 1,
        loss: Callable[[int], float] = float,
    ) -> Any:
        task = curvy(top)
        own = scheduler(time_attr=TIME, metric=METRIC, mode=MODE, max_t=top, reduction_factor=3)
        pair = Pair(random_searcher(problem(task)), RecordingHyperband(own, task.ladder))
        driver = controller(pair, task.ladder)
        driver.run(samples, loss, workers)
        return driver

    return made


def rungs(reports: list[Any]) -> Plan:
    """The levels at which each bracket judged, and how many trials."""
    judged = Counter((r.bracket, r.level) for r in reports if r.record.rung is not None)
    brackets = sorted({bracket for bracket, _ in judged})
    levels = {b: tuple(sorted(level for o, level in judged if o == b)) for b in brackets}
    return [(levels[b], tuple(judged[b, level] for level in levels[b])) for b in brackets]


BAND: Plan = [((1, 3, 9), (9, 3, 1)), ((3, 9), (5, 2)), ((9,), (3,))]


def test_as_shipped_one_bracket_halves_and_the_rest_runs_to_the_top(run: Run) -> None:
    driver = run(HyperBandForBOHB)
    assert {report.bracket for report in driver.reports} == {0}
    assert len(driver.reports) == 246  # epochs; 150 are planned


def test_patched_all_brackets_are_halved_as_planned(run: Run) -> None:
    driver = run(PatchedHyperBandForBOHB)
    assert rungs(driver.reports) == BAND * 2
    assert len(driver.reports) == 150


def test_the_halving_fix_alone_opens_the_brackets(run: Run) -> None:
    assert rungs(run(OnlyHalvingFix).reports) == BAND * 2
    assert {report.bracket for report in run(OnlyFinalReportFix).reports} == {0}


def test_observations_that_end_a_trial_reach_the_searcher_only_patched(run: Run) -> None:
    lost = run(OnlyHalvingFix)
    # the last result at each of the 2 x 6 rungs ends its trial, as it is the worst or at the top
    assert len(lost.observed) == 46 - 12
    assert lost.observed.count(9) == 6
    patched = run(PatchedHyperBandForBOHB)
    assert len(patched.observed) == 46
    assert patched.observed.count(9) == 12
    judged = [r.level for r in patched.reports if r.record.rung is not None]
    assert patched.observed == judged  # each once, as it came


def test_methods_use_the_scheduler_that_they_say(
    problem: Callable[..., Problem], curvy: Callable[..., Task]
) -> None:
    used = {
        name: type(get_method(name).build(problem(curvy(9), name)).scheduler.scheduler)
        for name in ("hyperband", "bohb", "bohb-stock")
    }
    assert used == {
        "hyperband": PatchedHyperBandForBOHB,
        "bohb": PatchedHyperBandForBOHB,
        "bohb-stock": HyperBandForBOHB,
    }


@pytest.mark.parametrize(("method", "lost"), [("bohb", 0), ("bohb-stock", 28)])
def test_what_the_model_learns_is_what_was_judged(
    method: str,
    lost: int,
    problem: Callable[..., Problem],
    curvy: Callable[..., Task],
    controller: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = curvy(9)
    pair = get_method(method).build(problem(task, method))
    learnt: list[float] = []
    generator = pair.searcher.searcher.bohber
    monkeypatch.setattr(generator, "new_result", lambda job: learnt.append(job.result["loss"]))
    driver = controller(pair, task.ladder)
    driver.run(34, float)
    judged = [report for report in driver.reports if report.record.rung is not None]
    assert len(judged) - len(learnt) == lost


# What is forgotten


def shuffled(number: int) -> float:
    """Losses in no order, some of them equal."""
    return random.Random(number).randrange(40)


@pytest.mark.parametrize("workers", [1, 2, 4, 16])
@pytest.mark.parametrize("loss", [float, lambda number: -float(number), shuffled])
@pytest.mark.parametrize(("top", "samples", "brackets"), [(9, 100, 18), (81, 320, 11)])
def test_forgetting_changes_no_decision(
    run: Run, workers: int, loss: Callable[[int], float], top: int, samples: int, brackets: int
) -> None:
    """Over several bands; the last bracket is cut off half full."""
    remembering, forgetting = (
        run(kind, top, samples, workers, loss) for kind in (Remembering, PatchedHyperBandForBOHB)
    )
    assert forgetting.chosen == remembering.chosen
    assert forgetting.reports == remembering.reports
    assert forgetting.observed == remembering.observed
    assert len({report.bracket for report in forgetting.reports}) == brackets


@pytest.mark.parametrize("workers", [1, 4])
def test_what_is_kept_does_not_grow(run: Run, workers: int) -> None:
    def kept(samples: int) -> tuple[int, int, int]:
        scheduler = run(PatchedHyperBandForBOHB, 9, samples, workers, shuffled).scheduler.scheduler
        brackets = [b for band in scheduler._hyperbands for b in band if b is not None]
        return len(scheduler._hyperbands), len(brackets), len(scheduler._trial_info)

    # at the end of a band its last bracket is still there, and with several workers one before it
    bands, brackets, trials = kept(17 * 20)
    assert bands <= 2
    assert brackets <= 3
    assert trials == 0  # all have ended
    assert kept(17 * 4) == (bands, brackets, trials)


def test_a_trial_may_be_ended_twice(run: Run) -> None:
    """As Ray does where stopping a trial raised: the second time there is nothing to do."""
    driver = run(PatchedHyperBandForBOHB)
    for trial in driver.trials:
        driver.scheduler.on_trial_error(driver, trial)


# The plan


def ladder_to(top: int, eta: int = 3) -> Ladder:
    costs = [1]
    while costs[-1] < top:
        costs.append(costs[-1] * eta)
    return Ladder("epoch", tuple(costs), eta=eta, curve=True, resumable=True)


def planned(ladder: Ladder) -> Plan:
    return [
        (tuple(rung.level for rung in bracket), tuple(rung.trials for rung in bracket))
        for bracket in ray_plan(ladder)
    ]


def test_golden_plans() -> None:
    assert planned(ladder_to(9)) == BAND
    assert [trials for _, trials in planned(ladder_to(27))] == [
        (27, 9, 3, 1), (12, 4, 2), (6, 2), (4,)
    ]  # fmt: skip
    assert [trials for _, trials in planned(ladder_to(81))] == [
        (81, 27, 9, 3, 1), (34, 12, 4, 2), (15, 5, 2), (8, 3), (5,)
    ]  # fmt: skip
    assert [levels for levels, _ in planned(ladder_to(81))] == [
        (1, 3, 9, 27, 81), (3, 9, 27, 81), (9, 27, 81), (27, 81), (81,)
    ]  # fmt: skip


@pytest.mark.parametrize(("top", "units"), [(9, 75), (27, 375), (81, 1767)])
def test_units_of_one_planned_band_where_trials_resume(top: int, units: int) -> None:
    paid = 0
    for levels, trials in planned(ladder_to(top)):
        steps = [level - before for level, before in zip(levels, (0, *levels), strict=False)]
        paid += sum(step * n for step, n in zip(steps, trials, strict=True))
    assert paid == units


def test_levels_are_the_tasks_own_where_they_are_no_powers_of_eta() -> None:
    ladder = Ladder("example", (22, 66, 200, 600), eta=3, curve=False, resumable=True)
    assert ray_plan(ladder)[2] == [Rung(200, 6), Rung(600, 2)]


LADDERS = [(2, 1), (2, 2), (2, 64), (3, 3), (3, 27), (3, 81), (4, 64), (4, 256), (5, 125)]


@pytest.mark.parametrize(("eta", "top"), LADDERS)
def test_the_plan_is_what_rays_own_brackets_hold(eta: int, top: int) -> None:
    scheduler = HyperBandForBOHB(metric=METRIC, mode=MODE, max_t=top, reduction_factor=eta)
    brackets = []
    for s in reversed(range(scheduler._s_max_1)):
        bracket = scheduler._create_bracket(s)
        held = [(bracket._cumul_r, bracket._n)]
        while bracket._halves:
            bracket.successive_halving(METRIC, -1.0)
            held.append((bracket._cumul_r, bracket._n))
        brackets.append((tuple(r for r, _ in held), tuple(n for _, n in held)))
    assert planned(ladder_to(top, eta)) == brackets


@pytest.mark.parametrize(("top", "samples"), [(3, 5), (27, 49)])
def test_the_plan_is_what_is_run(run: Run, top: int, samples: int) -> None:
    assert rungs(run(PatchedHyperBandForBOHB, top, samples).reports) == planned(ladder_to(top))
