"""What the pool makes of errors that Ray hands it; no Ray runtime."""

from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ObjectLostError, RayError, RayTaskError

from bohb_study.engines import actor_pool
from bohb_study.engines.actor_pool import ActorPool, Training
from bohb_study.engines.ranks import RankError


def raised(cause: Exception) -> RayTaskError:
    """What ``ray.get`` raises of an error in an actor."""
    return RayTaskError("train", "Traceback", cause)


@pytest.mark.parametrize(
    "error",
    [
        raised(RankError("rank 1 of 2 died")),
        ActorDiedError(),
        ObjectLostError("0" * 56, "here", "there"),
    ],
)
def test_a_state_whose_actor_or_ranks_died_is_lost_and_the_cell_goes_on(
    error: RayError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever state the trial has by now stays."""

    def get(reference: Any) -> Any:
        raise error

    monkeypatch.setattr(actor_pool.ray, "get", get)
    pool = object.__new__(ActorPool)
    training, other = (Training("0", {}, state=state, saved=3) for state in ("lost", "newer"))
    for one in (training, other):
        pool._saved("done", one, "lost")
    assert (training.state, training.saved) == (None, 0)
    assert (other.state, other.saved) == ("newer", 3)


def test_a_state_that_nobody_needed_and_could_not_be_had_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kept, it would stand for a level that it does not hold."""
    answers = {"not saved": False, "saved": True}
    monkeypatch.setattr(actor_pool.ray, "get", answers.__getitem__)
    pool, found = object.__new__(ActorPool), {}
    for done in answers:
        training = Training("0", {}, state="s", saved=3)
        pool._saved(done, training, "s")
        found[done] = (training.state, training.saved)
    assert found == {"not saved": (None, 0), "saved": ("s", 3)}


def test_a_state_that_cannot_be_saved_fails_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in one process: what cannot be pickled is the task's own fault, each time."""

    def get(reference: Any) -> Any:
        raise raised(TypeError("cannot pickle 'generator' object"))

    monkeypatch.setattr(actor_pool.ray, "get", get)
    with pytest.raises(TypeError, match=r"cannot pickle 'generator' object"):
        object.__new__(ActorPool)._saved("done", Training("0", {}, state="s"), "s")
