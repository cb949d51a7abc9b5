"""The ladder's arithmetic, and what every task inherits."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import Evaluation, Ladder, Task

EPOCHS = Ladder("epoch", (1, 3, 9, 27), eta=3, curve=True, resumable=True)
SAMPLES = Ladder("sample", (9, 27, 81, 243, 729), eta=3, curve=False, resumable=False)
CIFAR = Ladder("epoch", (22, 66, 200, 600), eta=3, curve=False, resumable=True)


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """Any legal ladder that is small enough to climb."""
    eta = draw(st.integers(2, 5))
    if draw(st.booleans()):
        costs = tuple(eta**i for i in range(draw(st.integers(1, 4))))
        return Ladder("epoch", costs, eta, curve=True, resumable=True)
    steps = draw(st.lists(st.integers(1, 100), min_size=1, max_size=6))
    costs = tuple(sum(steps[: i + 1]) for i in range(len(steps)))
    return Ladder("sample", costs, eta, curve=False, resumable=draw(st.booleans()))


def climb(ladder: Ladder, first_rung: int = 0) -> tuple[list[int], list[int]]:
    """Levels and units of all steps up to the top."""
    levels, units = [0], []
    while levels[-1] < ladder.top:
        levels.append(ladder.next_level(levels[-1], first_rung))
        units.append(ladder.step_units(levels[-2], levels[-1]))
    return levels[1:], units


@pytest.mark.parametrize(
    ("costs", "eta", "curve", "resumable", "reason"),
    [
        ((1,), 1, False, True, "eta must be at least 2"),
        ((), 3, False, True, "positive and increasing"),
        ((0, 1), 3, False, True, "positive and increasing"),
        ((9, 3), 3, False, True, "positive and increasing"),
        ((3, 3), 3, False, True, "positive and increasing"),
        ((1, 3), 3, True, False, "always resumable"),
        ((1, 3, 10), 3, True, True, "powers of eta"),
        ((3, 9), 3, True, True, "powers of eta"),
    ],
)
def test_ladders_that_contradict_themselves_are_refused(
    costs: tuple[int, ...], eta: int, curve: bool, resumable: bool, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Ladder("unit", costs, eta, curve, resumable)


def test_what_the_scheduler_sees() -> None:
    assert EPOCHS.times == SAMPLES.times[:4] == CIFAR.times == (1, 3, 9, 27)
    assert (EPOCHS.max_time, SAMPLES.max_time, CIFAR.max_time) == (27, 81, 27)
    assert (EPOCHS.top, SAMPLES.top, CIFAR.top) == (27, 729, 600)
    assert [EPOCHS.time(level) for level in (1, 2, 27)] == [1, 2, 27]
    assert [CIFAR.time(level) for level in CIFAR.costs] == [1, 3, 9, 27]
    assert [EPOCHS.rung(level) for level in (1, 2, 3, 27)] == [0, None, 1, 3]
    assert [CIFAR.rung(level) for level in (22, 67, 600)] == [0, None, 3]


def test_steps_of_a_curve_go_unit_by_unit_wherever_the_first_rung_is() -> None:
    assert climb(EPOCHS) == climb(EPOCHS, first_rung=2) == (list(range(1, 28)), [1] * 27)


def test_steps_without_a_curve_start_at_the_first_rung_and_go_rung_by_rung() -> None:
    assert climb(SAMPLES, first_rung=2) == ([81, 243, 729], [81, 243, 729])
    assert climb(SAMPLES, first_rung=4) == ([729], [729])
    assert climb(CIFAR) == ([22, 66, 200, 600], [22, 44, 134, 400])
    assert climb(CIFAR, first_rung=1) == ([66, 200, 600], [66, 134, 400])


@given(ladder=ladders(), data=st.data())
def test_climbing_costs_the_top_where_rungs_resume_else_every_rung_whole(
    ladder: Ladder, data: Any
) -> None:
    first = data.draw(st.integers(0, len(ladder.costs) - 1))
    levels, units = climb(ladder, first)
    assert levels[-1] == ladder.top
    assert sum(units) == (ladder.top if ladder.resumable else sum(ladder.costs[first:]))


@given(ladder=ladders())
def test_rungs_stand_at_powers_of_eta(ladder: Ladder) -> None:
    assert tuple(ladder.time(cost) for cost in ladder.costs) == ladder.times
    assert ladder.times[-1] == ladder.max_time
    assert [ladder.rung(cost) for cost in ladder.costs] == list(range(len(ladder.costs)))


@pytest.mark.parametrize(
    ("ladder", "eta", "costs"),
    [
        (EPOCHS, 3, (1, 3, 9, 27)),
        (EPOCHS, 27, (1, 27)),
        (Ladder("epoch", (1, 3, 9, 27, 81), 3, True, True), 9, (1, 9, 81)),
        (Ladder("epoch", (1, 4, 16, 64), 4, True, True), 2, (1, 2, 4, 8, 16, 32, 64)),
        (SAMPLES, 9, (9, 81, 729)),
        (SAMPLES, 81, (9, 729)),
        (CIFAR, 27, (22, 600)),
    ],
)
def test_another_eta_keeps_top_and_unit(ladder: Ladder, eta: int, costs: tuple[int, ...]) -> None:
    assert ladder.with_eta(eta) == Ladder(ladder.unit, costs, eta, ladder.curve, ladder.resumable)


@pytest.mark.parametrize(
    ("ladder", "eta", "allowed"),
    [
        (EPOCHS, 2, "27 epochs; allowed: 3, 27"),
        (EPOCHS, 9, "27 epochs; allowed: 3, 27"),
        (EPOCHS, 81, "27 epochs; allowed: 3, 27"),
        (EPOCHS, 1, "27 epochs; allowed: 3, 27"),
        (EPOCHS, 0, "27 epochs; allowed: 3, 27"),
        (EPOCHS, -3, "27 epochs; allowed: 3, 27"),
        (SAMPLES, 2, r"\(9, 27, 81, 243, 729\); allowed: 3, 9, 81"),
        (SAMPLES, 27, r"\(9, 27, 81, 243, 729\); allowed: 3, 9, 81"),
        (SAMPLES, 243, r"\(9, 27, 81, 243, 729\); allowed: 3, 9, 81"),
        (CIFAR, 9, r"\(22, 66, 200, 600\); allowed: 3, 27"),
    ],
)
def test_eta_that_does_not_fit_is_refused_in_one_line(
    ladder: Ladder, eta: int, allowed: str
) -> None:
    with pytest.raises(UsageError, match=f"^eta {eta}: does not fit .*{allowed}$"):
        ladder.with_eta(eta)


@given(ladder=ladders())
def test_every_eta_that_a_refusal_offers_fits(ladder: Ladder) -> None:
    with pytest.raises(UsageError) as refused:
        ladder.with_eta(-1)
    offered = str(refused.value).partition("allowed: ")[2]
    for eta in map(int, offered.split(", ") if offered else ()):
        other = ladder.with_eta(eta)
        assert (other.top, other.eta, other.costs[0]) == (ladder.top, eta, ladder.costs[0])
        assert ladder.curve or set(other.costs) <= set(ladder.costs)


@dataclass(frozen=True)
class Toy(Task):
    """The least that a task has to say."""

    name: ClassVar[str] = "toy"
    summary = "nothing"
    val_metric = "loss"
    test_metric = "loss"
    extra_names = ("regret",)
    grid_order = ()

    @property
    def own_ladder(self) -> Ladder:
        return SAMPLES

    def space(self, seed: int) -> Any:
        raise NotImplementedError

    def start(self, config: Config, seed: int) -> Evaluation:
        raise NotImplementedError

    def duration(self, config: Config, start: int, end: int) -> float:
        return float(end - start)


def test_ladder_in_use_is_the_tasks_own_unless_eta_is_given() -> None:
    assert Toy().ladder == SAMPLES
    assert Toy(eta=9).ladder == SAMPLES.with_eta(9)
    assert Toy(eta=9).own_ladder == SAMPLES


def test_noise_free_loss_and_optimum_are_unknown_unless_told() -> None:
    assert Toy().true_loss({}) is None
    assert Toy().optimum is None


def test_a_failure_has_no_result() -> None:
    report = Toy().failure(units=3, seconds=0.5)
    assert np.isnan([report.val_loss, report.test_loss, report.extra["regret"]]).all()
    assert (report.units, report.seconds) == (3, 0.5)
    assert report.status == "failed"
    assert list(report.extra) == ["regret"]
    assert Toy().failure(units=3, seconds=0.5, status="diverged").status == "diverged"
