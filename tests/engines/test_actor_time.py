"""Where the time of actors goes, on a clock that the test holds; and which training is next."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from bohb_study.engines import actor_time
from bohb_study.engines.actor_pool import Queue, Training
from bohb_study.engines.actor_time import ActorTime
from bohb_study.engines.base import ParallelTraining


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(actor_time, "perf_counter", lambda: now.seconds)
    return now


def test_each_span_counts_as_what_it_was(clock: Any) -> None:
    """Free actors wait while a report is held back, and are idle otherwise."""
    time = ActorTime(2)
    clock.seconds += 3  # neither has started
    time.free(2)
    clock.seconds += 1  # two without work
    time.free(-1)
    clock.seconds += 4  # one works
    time.held(1)
    clock.seconds += 2  # the other waits for it to be due
    time.held(-1)
    time.free(-1)
    clock.seconds += 5  # both work
    time.busy = 15.0
    time.stop()
    clock.seconds += 50
    assert time.spent(7, 8, 9) == ParallelTraining(2, 15.0, 15.0, 2.0, 2 * 1 + 4, 7, 8, 9)


def test_shares_are_of_all_actor_seconds() -> None:
    spent = ParallelTraining(4, 10.0, 30.0, 8.0, 1.0)
    assert spent.share(spent.busy) == 0.75
    assert ParallelTraining(4, 0.0, 0.0, 0.0, 0.0).share(0.0) == 0.0


def test_what_is_due_first_is_trained_first() -> None:
    """Of what is due at once, what came first."""
    queue = Queue()
    assert not queue
    for name, due in (("late", 3.0), ("first", 1.0), ("second", 1.0), ("next", 2.0)):
        queue.put(Training(name, {}, due=due))
    assert queue.due == 1.0
    order = []
    while queue:
        order.append(queue.take().trial_id)
    assert order == ["first", "second", "next", "late"]
