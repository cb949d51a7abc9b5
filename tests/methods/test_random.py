"""Random search draws what the space draws; a finite space is drawn empty."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    EqualsCondition,
    ForbiddenEqualsClause,
    UniformIntegerHyperparameter,
)
from ray.tune.search import Searcher

from bohb_study.methods import METHODS, get_method
from bohb_study.methods.base import Problem
from bohb_study.methods.ray.random_search import RandomSearch
from bohb_study.seeding import canonical, space_seed
from bohb_study.tasks import Task, make_task

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")

MakeProblem = Callable[..., Problem]
DRAWING = sorted(METHODS.keys() - {"grid", "tpe", "tpe-univariate", "gp"})
"""All but a grid and Optuna's, which draws for itself."""


def first(problem: Problem, samples: int = 8) -> list[dict[str, Any]]:
    """The first suggestions of a problem's method, before it observes any result."""
    searcher = get_method(problem.method).build(problem).searcher
    return [searcher.suggest(str(number)) for number in range(samples)]


@pytest.mark.parametrize("method", DRAWING)
@pytest.mark.parametrize("seed", [0, 7])
def test_every_method_starts_with_the_same_draws(
    method: str, seed: int, problem: MakeProblem
) -> None:
    task = make_task("digits")
    stream = task.space(space_seed("digits", seed))
    drawn = [dict(stream.sample_configuration()) for _ in range(8)]
    assert first(problem(task, method, seed)) == drawn


def test_draws_belong_to_the_seed_and_the_task(
    problem: MakeProblem, toy: Callable[..., Task], curvy: Callable[..., Task]
) -> None:
    assert first(problem(toy(), seed=0)) != first(problem(toy(), seed=1))
    assert first(problem(toy(), seed=0)) == first(problem(curvy(81), seed=0))  # both named toy


def test_a_user_may_seed_the_space_or_leave_its_stream(toy: Callable[..., Task]) -> None:
    def draws(space: ConfigurationSpace, **seed: int) -> list[Any]:
        searcher = RandomSearch(space, **seed)
        return [searcher.next_config() for _ in range(3)]

    assert draws(toy().space(1), seed=5) == draws(toy().space(2), seed=5)
    space = toy().space(1)
    assert draws(space) != draws(space)


def choices(seed: int) -> ConfigurationSpace:
    """Twelve configurations."""
    space = ConfigurationSpace(seed=seed)
    space.add(CategoricalHyperparameter("c", ("a", "b", "c", "d")))
    space.add(UniformIntegerHyperparameter("n", 1, 3, default_value=1))
    return space


def conditional(seed: int) -> ConfigurationSpace:
    """Fifteen: the further choice only counts for d."""
    space = choices(seed)
    space.add(CategoricalHyperparameter("only_d", ("x", "y")))
    space.add(EqualsCondition(space["only_d"], space["c"], "d"))
    return space


def forbidding(seed: int) -> ConfigurationSpace:
    """Eight of the twelve."""
    space = choices(seed)
    space.add(ForbiddenEqualsClause(space["n"], 2))
    return space


@pytest.mark.parametrize(("space", "size"), [(choices, 12), (conditional, 15), (forbidding, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_a_finite_space_is_drawn_empty_without_replacement(
    space: Callable[[int], ConfigurationSpace], size: int, seed: int
) -> None:
    searcher = RandomSearch(space(seed))
    suggested = [searcher.suggest(str(number)) for number in range(size)]
    counts = Counter(canonical(config) for config in suggested)
    assert set(counts.values()) == {1}
    assert len(counts) == size
    assert searcher.suggest("more") == searcher.suggest("and more") == Searcher.FINISHED
    # the draws of the space itself, the repeated ones left out
    stream = space(seed)
    drawn = [canonical(stream.sample_configuration()) for _ in range(1000)]
    assert list(counts) == list(dict.fromkeys(drawn))


def test_an_infinite_space_never_ends(toy: Callable[..., Task]) -> None:
    searcher = RandomSearch(toy().space(0))
    assert all(isinstance(searcher.suggest(str(number)), dict) for number in range(100))
