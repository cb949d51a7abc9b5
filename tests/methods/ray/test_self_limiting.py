"""Our searchers limit their running trials themselves, and do not count paused ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ray.tune.search import Searcher

from bohb_study.methods.ray.grid_search import GridSearch
from bohb_study.methods.ray.random_search import RandomSearch
from bohb_study.methods.ray.self_limiting import SelfLimitingSearcher
from bohb_study.tasks import Task

Make = Callable[[], SelfLimitingSearcher]


@pytest.fixture(params=["random", "grid"])
def make(request: pytest.FixtureRequest, toy: Callable[..., Task]) -> Make:
    def made() -> SelfLimitingSearcher:
        space = toy().space(0)
        return RandomSearch(space) if request.param == "random" else GridSearch(space, space, 9)

    return made


def got(suggestion: dict[str, Any] | str | None) -> bool:
    assert suggestion is None or isinstance(suggestion, dict)
    return suggestion is not None


def test_no_more_trials_run_than_allowed(make: Make) -> None:
    searcher = make()
    assert searcher.set_max_concurrency(2) is True  # else Ray counts paused trials as running
    assert [got(searcher.suggest(trial)) for trial in "abc"] == [True, True, False]
    searcher.on_trial_complete("a")
    assert [got(searcher.suggest(trial)) for trial in "cd"] == [True, False]


def test_paused_trials_do_not_run_and_promoted_ones_do(make: Make) -> None:
    searcher = make()
    searcher.set_max_concurrency(1)
    assert got(searcher.suggest("a"))
    searcher.on_pause("a")
    assert got(searcher.suggest("b"))
    searcher.on_pause("b")
    searcher.on_unpause("a")
    assert not got(searcher.suggest("c"))
    searcher.on_trial_complete("b")  # stopped while paused: it did not run
    assert not got(searcher.suggest("c"))
    searcher.on_trial_complete("a", result={}, error=True)
    assert got(searcher.suggest("c"))


def test_a_refused_suggestion_uses_nothing_up(make: Make) -> None:
    limited, free = make(), make()
    limited.set_max_concurrency(1)
    for trial in "abc":
        assert limited.suggest(trial) == free.suggest(trial)
        assert limited.suggest("refused") is None
        limited.on_trial_complete(trial)


def test_without_a_limit_all_may_run(make: Make) -> None:
    searcher = make()
    searcher.set_max_concurrency(0)
    assert all(got(searcher.suggest(str(number))) for number in range(20))


def test_the_end_does_not_count_as_a_running_trial(toy: Callable[..., Task]) -> None:
    searcher = RandomSearch(toy(finite=True).space(0))
    searcher.set_max_concurrency(1)
    for trial in "ab":
        assert got(searcher.suggest(trial))
        searcher.on_trial_complete(trial)
    assert searcher.suggest("c") == Searcher.FINISHED
    assert searcher.suggest("d") == Searcher.FINISHED


def test_a_saved_searcher_goes_on_where_it_was(make: Make, tmp_path: Path) -> None:
    searcher = make()
    searcher.set_max_concurrency(3)
    for trial in "ab":
        searcher.suggest(trial)
    searcher.save(str(tmp_path / "state"))
    restored = make()
    restored.restore(str(tmp_path / "state"))
    assert restored.suggest("c") == searcher.suggest("c")
    assert restored.suggest("d") is None
