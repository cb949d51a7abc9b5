"""Several CartPoles side by side, and the episodes that a policy plays in them.

gymnasium's own vectorised CartPole-v1, whose episodes end after 200 steps, as in CartPole-v0: a
reward of 200 is the most that there is. It resets an environment in the step after its episode's
last, in which the action counts for nothing.
"""

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bohb_study.errors import UsageError

SIDE_BY_SIDE = 16
"""Environments that one policy plays at the same time."""
FEATURES = 4
"""Cart position and velocity, pole angle and angular velocity."""
MOST_STEPS = 200
"""Of an episode; each gives a reward of 1."""
IN_A_ROW = 20
"""Episodes of the full reward, one after the other, after which a training has converged."""


def check_installed(task: str) -> None:
    """Raise UsageError where gymnasium is not installed."""
    if find_spec("gymnasium") is None:
        raise UsageError(f"{task}: needs gymnasium; pip install 'bohb-study[tasks]'")


def make_environments() -> Any:
    """``SIDE_BY_SIDE`` CartPoles in one, as gymnasium makes them."""
    import gymnasium

    return gymnasium.make_vec(
        "CartPole-v1",
        num_envs=SIDE_BY_SIDE,
        vectorization_mode="vector_entry_point",
        max_episode_steps=MOST_STEPS,
    ).unwrapped


class Rollout(NamedTuple):
    """What was seen and done in some steps of all environments, e of them in t steps."""

    observations: NDArray[np.float32]
    """Shape (t + 1, e, 4): before each step, and after the last."""
    actions: NDArray[np.bool_]
    """Whether the cart was pushed to the right; shape (t, e)."""
    terminated: NDArray[np.bool_]
    """Whether the pole fell or the cart left in this step; shape (t, e)."""
    ended: NDArray[np.bool_]
    """Whether the episode ended in this step, in either way; shape (t, e)."""
    played: NDArray[np.bool_]
    """Whether it is a step of an episode, rather than the one that resets; shape (t, e)."""


@dataclass
class Episodes:
    """The episodes that have ended, counted in the order in which they end."""

    most: int
    """After so many there is an end, converged or not."""
    count: int = 0
    streak: int = 0
    """How many of the last ones had the full reward."""
    lengths: NDArray[np.int64] = field(default_factory=lambda: np.zeros(SIDE_BY_SIDE, np.int64))
    """Steps so far of the episodes being played."""

    @property
    def converged(self) -> bool:
        """Whether enough in a row had the full reward."""
        return self.streak >= IN_A_ROW

    @property
    def over(self) -> bool:
        """Whether nothing more is counted."""
        return self.converged or self.count >= self.most

    def follow(self, played: NDArray[np.bool_], ended: NDArray[np.bool_]) -> None:
        """One step of all environments; those that end in it count by their index."""
        self.lengths += played
        if not ended.any():
            return
        for place in np.flatnonzero(ended):
            if self.over:
                return
            self.count += 1
            self.streak = self.streak + 1 if self.lengths[place] >= MOST_STEPS else 0
            self.lengths[place] = 0
