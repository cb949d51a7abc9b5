"""The two TuneBOHB: ours differs from Ray's in where it draws from, and in nothing else."""
# ruff: noqa: NPY002 (numpy's global generator is what this is about)

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ray.tune.search.bohb import TuneBOHB

from bohb_study.methods.ray.stock_tune_bohb import StockTuneBOHB
from bohb_study.methods.ray.tune_bohb import SeededTuneBOHB
from bohb_study.seeding import canonical, derive
from bohb_study.tasks import Task

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]

BASIS = {"metric": "loss", "mode": "min"}
FEW = {"num_samples": 8}
"""Candidates of the model; the default of 64 is slow."""


def suggestions(searcher: TuneBOHB, by_model: list[bool] | None = None) -> list[dict[str, Any]]:
    """Suggestions, each with its result at a rung reported before the next is asked for.

    ``by_model`` takes what the searcher says of each of them.
    """
    suggested = []
    for number in range(24):
        config = searcher.suggest(str(number))
        suggested.append(config)
        if by_model is not None:
            by_model.append(searcher.suggested_by_model)
        loss = derive(canonical(config)) / 2**32
        searcher.on_trial_result(str(number), {"loss": loss, "hyperband_info": {"budget": 1}})
        searcher.on_trial_complete(str(number))
    return suggested


def test_both_suggest_what_rays_own_does(toy: Callable[..., Task]) -> None:
    np.random.seed(7)
    stock = suggestions(TuneBOHB(toy().space(0), FEW, **BASIS, seed=3))
    np.random.seed(7)
    assert suggestions(StockTuneBOHB(toy().space(0), FEW, **BASIS, seed=3)) == stock
    np.random.seed(0)
    ours = SeededTuneBOHB(toy().space(0), FEW, **BASIS, seed=7, space_seed=3)
    assert suggestions(ours) == stock


def test_one_seed_is_enough_for_a_user(toy: Callable[..., Task]) -> None:
    def run(global_seed: int, **seeds: int) -> list[dict[str, Any]]:
        np.random.seed(global_seed)
        return suggestions(SeededTuneBOHB(toy().space(99), FEW, **BASIS, **seeds))

    assert run(1, seed=5) == run(2, seed=5) == run(3, seed=5, space_seed=5)
    assert run(1, seed=5) != run(1, seed=6)


@pytest.mark.parametrize("searcher", [SeededTuneBOHB, StockTuneBOHB])
def test_both_tell_what_the_model_picked(
    searcher: type[TuneBOHB], toy: Callable[..., Task]
) -> None:
    always: list[bool] = []
    suggestions(searcher(toy().space(0), {**FEW, "random_fraction": 0.0}, **BASIS), always)
    assert always == [False] * 8 + [True] * 16  # 3 hyperparameters: 2 (3 + 1) observations
    never: list[bool] = []
    suggestions(searcher(toy().space(0), {"random_fraction": 1.0}, **BASIS), never)
    assert never == [False] * 24
