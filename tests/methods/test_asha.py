"""IncrementalASHA decides as Ray's ASHAScheduler does, from rungs that it keeps sorted."""

import math
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.schedulers.async_hyperband import _Bracket

from bohb_study.methods import get_method
from bohb_study.methods.base import METRIC, TIME, WORST, Problem
from bohb_study.methods.ray.asha_scheduler import IncrementalASHA, SortedBracket, SortedRung
from bohb_study.tasks import Task

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of inf - inf

ARGUMENTS = {"time_attr": TIME, "metric": METRIC, "mode": "min", "max_t": 81}


# The cutoff


def same(cutoff: float | None, expected: float | None) -> bool:
    """Equal to the last bit, or both not a number; which of two zeros is not asked."""
    if cutoff is None or expected is None:
        return cutoff is expected
    return cutoff == expected or (math.isnan(cutoff) and math.isnan(expected))


def percentile(rewards: list[float], rf: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.nanpercentile(rewards, (1 - 1 / rf) * 100))


def filled(rewards: list[float]) -> SortedRung:
    return SortedRung((str(number), reward) for number, reward in enumerate(rewards))


def rewards(**kinds: bool) -> st.SearchStrategy[list[float]]:
    """Lists of 1 to 60 doubles, ties and huge and tiny ones among them."""
    few = st.sampled_from([-1.0, -0.5, 0.0, 0.1, 0.2, 0.3, 5e-324, -1.7e308, 1.7e308])
    return st.lists(st.one_of(few, st.floats(**kinds)), min_size=1, max_size=60)


@pytest.mark.parametrize("rf", [2, 3, 4])
def test_the_scale_of_losses_moves_no_cutoff_between_failures_and_results(rf: int) -> None:
    """Numpy puts it between the two by their distance, which is no distance to speak of."""

    def go_on(results: list[float], failed: int, scale: float) -> list[bool]:
        rewards = [*(scale * reward for reward in results), *[-WORST] * failed]
        cutoff = SortedBracket(_Bracket(1, 81, rf, 0)).cutoff(filled(rewards))
        assert cutoff is not None
        return [reward >= cutoff for reward in rewards]

    between = 0
    for failed in range(1, 9):
        for results in ([1.0, 0.5, 0.9], [-1.0, 0.1], [-0.9]):
            usual = go_on(results, failed, 1.0)
            assert usual == [
                r >= percentile([*results, *[-WORST] * failed], rf)
                for r in [*results, *[-WORST] * failed]
            ]
            for scale in (1e-12, 1e9, 1e300, 1.07e301):
                assert go_on(results, failed, scale) == usual
            between += usual == [True] * len(results) + [False] * failed
    assert between > 1


@given(rewards(allow_nan=False), st.sampled_from([2, 3, 4, 1.5, 2.9, 6]))
def test_the_cutoff_is_numpys_percentile_to_the_last_bit(recorded: list[float], rf: float) -> None:
    bracket = SortedBracket(_Bracket(1, 81, rf, 0))
    rung = filled(recorded)
    assert rung.ascending == sorted(recorded)
    assert same(bracket.cutoff(rung), percentile(recorded, rf))


@pytest.mark.parametrize("rf", [2, 3, 4, 6])
def test_the_cutoff_of_every_size_as_a_rung_grows(rf: int) -> None:
    bracket = SortedBracket(_Bracket(1, 81, rf, 0))
    recorded = np.random.default_rng(rf).normal(size=400)
    rung = SortedRung()
    assert bracket.cutoff(rung) is None  # the first trial goes on
    for number, reward in enumerate(recorded):
        rung[str(number)] = reward  # numpy's double is one
        assert bracket.cutoff(rung) == percentile(list(recorded[: number + 1]), rf)


@given(rewards(allow_nan=True))
def test_a_rung_with_nan_is_rays_own(recorded: list[float]) -> None:
    recorded.append(math.nan)
    assert filled(recorded).ascending is None
    bracket, stock = SortedBracket(_Bracket(1, 81, 3, 0)), _Bracket(1, 81, 3, 0)
    rung = filled(recorded)
    assert same(bracket.cutoff(rung), stock.cutoff(dict(rung)))


def test_floats_that_are_no_doubles_are_rays_own() -> None:
    # of float32 numpy interpolates in float32
    recorded = [np.float32(0.1), np.float32(0.7), np.float32(0.3)]
    bracket, stock = SortedBracket(_Bracket(1, 81, 3, 0)), _Bracket(1, 81, 3, 0)
    rung = filled(recorded)
    assert rung.ascending is None
    assert bracket.cutoff(rung) == stock.cutoff(dict(rung))
    assert type(bracket.cutoff(rung)) is np.float32


def test_a_trial_that_is_recorded_again_counts_once() -> None:
    rung = filled([1.0, 2.0, 3.0])
    rung["0"] = 9.0
    assert SortedBracket(_Bracket(1, 81, 2, 0)).cutoff(rung) == 3.0


def test_no_percentile_of_a_whole_rung_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def costly(*_: Any) -> float:
        raise AssertionError("the cost of a report grows with the number of trials")

    monkeypatch.setattr(np, "nanpercentile", costly)
    assert len(list(decisions(IncrementalASHA(**ARGUMENTS, reduction_factor=3), seed=0))) > 300


# The decisions

Loss = Callable[[random.Random], float]


def any_loss(rng: random.Random) -> float:
    """Continuous, tied, infinite or huge."""
    return rng.choice([rng.random(), round(rng.random(), 1), rng.gauss(0, 1e9), math.inf, 1e308])


def decisions(
    scheduler: ASHAScheduler,
    seed: int,
    loss: Loss = any_loss,
    steps: int = 800,
    skip: int = 1,
    name: str = "t",
) -> Iterator[str]:
    """What is decided on ``steps`` results of 12 trials at a time, in a random order.

    Trials go on by 1 to ``skip`` epochs at a time.
    """
    rng = random.Random(seed)
    running: list[tuple[Any, int]] = []
    opened = 0
    for _ in range(steps):
        while len(running) < 12:
            running.append((SimpleNamespace(trial_id=f"{name}{opened}"), 0))
            scheduler.on_trial_add(None, running[-1][0])
            opened += 1
        trial, level = running.pop(rng.randrange(12))
        level = min(81, level + rng.randint(1, skip))
        result = {TIME: level, METRIC: loss(rng)}
        decision = scheduler.on_trial_result(None, trial, result)
        if decision == TrialScheduler.STOP:
            scheduler.on_trial_complete(None, trial, result)
        else:
            running.append((trial, level))
        yield decision


def rungs(scheduler: ASHAScheduler) -> list[Any]:
    """All that the brackets recorded, in order."""
    return [
        [(milestone, [(t, repr(float(reward))) for t, reward in recorded.items()])
         for milestone, recorded in bracket._rungs]
        for bracket in scheduler._brackets
    ]  # fmt: skip


@pytest.mark.parametrize("rf", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("skip", [1, 20])
def test_decisions_and_rungs_are_rays(rf: int, seed: int, skip: int) -> None:
    stock = ASHAScheduler(**ARGUMENTS, reduction_factor=rf)
    ours = IncrementalASHA(**ARGUMENTS, reduction_factor=rf)
    decided = list(decisions(stock, seed, skip=skip))
    assert list(decisions(ours, seed, skip=skip)) == decided
    assert {TrialScheduler.STOP, TrialScheduler.CONTINUE} == set(decided)
    assert rungs(ours) == rungs(stock)
    assert skip == 1 or len(ours._brackets[0]._rungs[0][1]) > 1  # the top was reached
    assert ours.debug_string() == stock.debug_string()
    assert ours._trial_info.keys() == stock._trial_info.keys()


def test_decisions_are_rays_when_nan_arrives() -> None:
    def sometimes(rng: random.Random) -> float:
        return rng.choice([rng.random(), rng.random(), rng.random(), math.nan])

    schedulers = [
        kind(**ARGUMENTS, reduction_factor=3) for kind in (ASHAScheduler, IncrementalASHA)
    ]
    stock, ours = (list(decisions(scheduler, 3, sometimes)) for scheduler in schedulers)
    assert ours == stock
    assert rungs(schedulers[1]) == rungs(schedulers[0])


def test_several_brackets_are_drawn_as_ray_draws_them() -> None:
    made = []
    for kind in (ASHAScheduler, IncrementalASHA):
        np.random.seed(5)  # noqa: NPY002  # Ray's generator
        scheduler = kind(**ARGUMENTS, reduction_factor=3, brackets=3)
        made.append((list(decisions(scheduler, 1)), rungs(scheduler)))
    assert made[0] == made[1]


def test_one_bracket_draws_nothing_from_numpys_global_generator() -> None:
    np.random.seed(0)  # noqa: NPY002
    begun = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    list(decisions(IncrementalASHA(**ARGUMENTS, reduction_factor=3), 0, steps=50))
    assert np.random.random() == begun  # noqa: NPY002


def test_without_a_metric_ray_says_so() -> None:
    with pytest.raises(ValueError, match="IncrementalASHA has been instantiated without a valid"):
        IncrementalASHA().on_trial_add(None, SimpleNamespace(trial_id="t"))


# Saving


def by_pickle(scheduler: IncrementalASHA, path: Path) -> IncrementalASHA:
    path.write_bytes(pickle.dumps(scheduler))
    restored: IncrementalASHA = pickle.loads(path.read_bytes())
    return restored


def by_ray(scheduler: IncrementalASHA, path: Path) -> IncrementalASHA:
    scheduler.save(str(path))
    restored = IncrementalASHA(**ARGUMENTS, reduction_factor=3)
    restored.restore(str(path))
    return restored


@pytest.mark.parametrize("way", [by_pickle, by_ray])
@pytest.mark.parametrize("loss", [any_loss, lambda rng: math.nan])
def test_a_saved_scheduler_goes_on_as_it_would_have(
    way: Callable[[IncrementalASHA, Path], IncrementalASHA], loss: Loss, tmp_path: Path
) -> None:
    stock = ASHAScheduler(**ARGUMENTS, reduction_factor=3)
    ours = IncrementalASHA(**ARGUMENTS, reduction_factor=3)
    for scheduler in (stock, ours):
        list(decisions(scheduler, 7, loss))
    restored = way(ours, tmp_path / "state")
    for (_, kept), (_, saved) in zip(
        restored._brackets[0]._rungs, ours._brackets[0]._rungs, strict=True
    ):
        assert type(kept) is SortedRung
        assert kept.ascending == saved.ascending
    later = [list(decisions(scheduler, 8, name="later")) for scheduler in (stock, restored)]
    assert later[0] == later[1]
    assert rungs(restored) == rungs(stock)


# The method


def test_the_method_uses_it_and_notes_the_rung_that_is_due(
    curvy: Callable[..., Task], problem: Callable[..., Problem]
) -> None:
    scheduler = get_method("asha").build(problem(curvy(81), "asha")).scheduler
    assert type(scheduler.scheduler) is IncrementalASHA
    trial = SimpleNamespace(trial_id="t", config={})
    scheduler.on_trial_add(None, trial)
    due = []
    for level in range(1, 82):
        due.append(scheduler.due(trial))
        scheduler.on_trial_result(None, trial, {TIME: level, METRIC: 0.5})
    assert due == [1] + [3] * 2 + [9] * 6 + [27] * 18 + [81] * 54
